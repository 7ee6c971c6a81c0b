//! A thousand densities of a law, construction included.

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use gradspectra::law::{Law, Parameters, build};

/// Between two quantiles, on the logarithmic scale where there is one.
fn thousand(law: &dyn Law) -> f64 {
    let positive = law.variable().is_positive();
    let [low, high] = [0.6, 0.99].map(|p| if positive { law.ln_quantile(p) } else { law.quantile(p) });
    let at = |i: i32| low + (high - low) * (f64::from(i) + 0.5) / 1000.0;
    (0..1000).map(|i| if positive { law.pdf_of_ln(at(i)) } else { law.pdf(at(i)) }).sum()
}

fn densities(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("thousand_densities");
    let widths = |widths: &[usize]| Parameters { widths: widths.to_vec(), ..Parameters::default() };
    let factors = |factors: usize| Parameters { factors: Some(factors), ..Parameters::default() };
    let many: Vec<usize> = (0..33).map(|l| 100 + 7 * l).collect();
    let cases = [
        ("marchenko_pastur", "ratio 2", Parameters { ratio: Some(2.0), ..Parameters::default() }),
        ("fuss_catalan", "10", factors(10)),
        ("free_product", "784,512,256,10", widths(&[784, 512, 256, 10])),
        ("free_product", "33 widths", widths(&many)),
        (
            "free_product",
            "32 orthogonal*relu",
            Parameters { ensembles: vec!["orthogonal*relu".to_owned()], ..factors(32) },
        ),
        ("tracy_widom", "real", Parameters::default()),
        ("largest_singular_value", "200", widths(&[200])),
        ("smallest_singular_value", "1000", widths(&[1000])),
        ("hard_edge", "real", Parameters::default()),
        ("circular", "50", widths(&[50])),
        ("ginibre_radius", "1000", widths(&[1000])),
        ("growth", "50, 10 factors", Parameters { factors: Some(10), ..widths(&[50]) }),
        ("growth", "784,512,256,10", widths(&[784, 512, 256, 10])),
        ("growth", "1", Parameters { factors: Some(1), ..widths(&[1]) }),
        ("product_eigenvalues", "10", factors(10)),
        ("triangular", "", Parameters::default()),
    ];
    for (name, label, given) in cases {
        group.bench_function(format!("{name} {label}"), |bencher| {
            bencher.iter(|| black_box(thousand(&*build(name, &given).expect("allowed parameters"))));
        });
    }
    group.finish();
}

criterion_group!(benches, densities);
criterion_main!(benches);
