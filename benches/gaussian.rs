//! Gaussian expectations: one variance, a pair, a table over eighteen decades.

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use gradspectra::activation::gaussian::{GaussianPair, moments_by_quadrature, pair_moments_by_quadrature};
use gradspectra::activation::{HermiteSeries, MomentTable, by_name};

const NAMES: [&str; 6] = ["tanh", "sigmoid", "relu", "gelu", "elu", "softsign"];

fn expectations(criterion: &mut Criterion) {
    // Those that the registry has.
    let activations: Vec<_> = NAMES.iter().filter_map(|name| by_name(name).ok()).collect();
    let mut group = criterion.benchmark_group("gaussian");
    group.sample_size(20);
    for phi in &activations {
        let name = phi.name();
        for q in [1.0, 1e4] {
            group.bench_function(format!("moments/{name}/q={q}"), |bencher| {
                bencher.iter(|| moments_by_quadrature(&**phi, black_box(q)));
            });
        }
        for c in [0.5, 0.9, 0.99, 1.0 - 1e-9] {
            let pair = GaussianPair { q1: 1.0, q2: 1.0, covariance: c };
            group.bench_function(format!("pair/{name}/c={c}"), |bencher| {
                bencher.iter(|| pair_moments_by_quadrature(&**phi, black_box(pair)));
            });
        }
        group.bench_function(format!("series/{name}"), |bencher| {
            bencher.iter(|| HermiteSeries::new(&**phi, black_box(1.0), 0));
        });
        group.bench_function(format!("table/{name}/build"), |bencher| {
            bencher.iter(|| MomentTable::new(&**phi, MomentTable::RANGE).map(|table| table.panels()));
        });
        if let Ok(table) = MomentTable::new(&**phi, MomentTable::RANGE) {
            group.bench_function(format!("table/{name}/at"), |bencher| bencher.iter(|| table.at(black_box(1.7))));
        }
    }
    group.finish();
}

criterion_group!(benches, expectations);
criterion_main!(benches);
