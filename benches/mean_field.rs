//! Mean-field theory: a point from nothing, and grids by tables.

use criterion::{Criterion, criterion_group, criterion_main};
use gradspectra::activation::by_name;
use gradspectra::mean_field::{EdgeOfChaos, Scales, VarianceMap, phase_point, phase_points};

fn points(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("phase");
    group.sample_size(10);
    for name in ["tanh", "gelu", "elu"] {
        let phi = by_name(name).expect("registered");
        let scales = Scales::new(1.3, 0.3).expect("valid");
        group.bench_function(format!("point/{name}"), |bencher| {
            bencher.iter(|| phase_point(&VarianceMap::new(&*phi).expect("exists"), scales, 1.0));
        });
        group.bench_function(format!("edge/{name}"), |bencher| {
            bencher.iter(|| EdgeOfChaos::new(&VarianceMap::new(&*phi).expect("exists")));
        });
        let axis = |low: f64, high: f64, k: u32| low + (high - low) * f64::from(k) / 99.0;
        let grid: Vec<Scales> = (0..10_000)
            .map(|k| Scales::new(axis(0.5, 4.0, k % 100), axis(0.0, 2.0, k / 100)).expect("valid"))
            .collect();
        group.bench_function(format!("grid_100x100/{name}"), |bencher| {
            bencher.iter(|| phase_points(&*phi, &grid, 1.0));
        });
    }
    group.finish();
}

criterion_group!(benches, points);
criterion_main!(benches);
