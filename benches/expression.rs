//! Expressions: what an evaluation costs in a network pass, what reading one costs, and what a proof of its bound costs.

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use gradspectra::activation::{Activation, Expression, derivative_enclosure};

const MISH: &str = "x * tanh(log(1 + exp(x)))";

fn expressions(criterion: &mut Criterion) {
    let inputs: Vec<f64> = (0..1000).map(|k| f64::from(k) * 0.006 - 3.0).collect();
    let mut group = criterion.benchmark_group("expression");
    // A thousand evaluations each: read microseconds as nanoseconds.
    for (name, text) in [("mish", MISH), ("relu", "max(x, 0)"), ("gelu", "0.5 * x * (1 + erf(x / sqrt(2)))")] {
        let phi = Expression::parse(text).expect("valid");
        group.bench_function(format!("{name}_value_and_derivative_1000"), |bencher| {
            bencher.iter(|| inputs.iter().map(|x| phi.value_and_derivative(black_box(*x)).1).sum::<f64>());
        });
    }
    let phi = Expression::parse(MISH).expect("valid");
    let far = "exp(x) / (2 + exp(x))";
    let wide = Expression::parse(far).expect("valid");
    group.bench_function("beyond_doubles_1000", |bencher| {
        bencher.iter(|| inputs.iter().map(|x| wide.value_and_derivative(black_box(*x + 800.0)).1).sum::<f64>());
    });
    group.sample_size(10);
    group.bench_function("parse_mish", |bencher| bencher.iter(|| Expression::parse(black_box(MISH))));
    group.bench_function("enclose_mish_1e-9", |bencher| bencher.iter(|| derivative_enclosure(black_box(&phi), 1e-9)));
    group.finish();
}

criterion_group!(benches, expressions);
criterion_main!(benches);
