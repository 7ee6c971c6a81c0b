//! One backprop step (forward and backward pass, all gradients) and one trial of the lesson, sampling included.
//!
//! Throughput is in floating-point operations: 6 n^2 B a layer. Compare with the GEMM rate that the `lapack` bench prints.

use std::hint::black_box;
use std::path::Path;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use gradspectra::linalg::Real;
use gradspectra::measure::{Silent, measure};
use gradspectra::network::{BoundLoss, Gradients, Hooks, Network, Tape, draw_inputs};
use gradspectra::spec::Spec;
use gradspectra::stats::Stream;

fn spec(width: usize, depth: usize, batch: usize) -> Spec {
    let text = format!(
        "[network]\ninput = {width}\ndepth = {depth}\nwidth = {width}\nactivation = \"tanh\"\nweights = {{ sigma_w = 1.0 }}\n\
         [data]\nbatch = {batch}"
    );
    Spec::parse(&text, Path::new("bench.toml")).expect("valid")
}

fn step<T: Real>(criterion: &mut Criterion, format: &str) {
    let mut group = criterion.benchmark_group(format!("backprop_step_{format}"));
    for (width, depth, batch) in [(50, 10, 5), (128, 20, 32), (512, 20, 128)] {
        let spec = spec(width, depth, batch);
        let stream = Stream::new(1, "bench");
        let network = Network::<T>::sample(&spec, stream).expect("Gaussian weights");
        let inputs = draw_inputs(&spec, stream);
        let (mut tape, mut gradients, mut hooks) = (Tape::new(), Gradients::new(), Hooks::new());
        group.throughput(Throughput::Elements((6 * width * width * batch * depth) as u64));
        group.bench_function(BenchmarkId::from_parameter(format!("n{width}_L{depth}_B{batch}")), |bencher| {
            bencher.iter(|| {
                network.forward_into(&inputs, 0, &mut hooks, &mut tape).expect("shapes fit");
                let loss = BoundLoss::Sum.evaluate(tape.output()).expect("any shape");
                network.backward_into(&tape, &loss.gradient, 0, &mut hooks, &mut gradients).expect("shapes fit");
                black_box(&gradients);
            });
        });
    }
    group.finish();
}

fn steps(criterion: &mut Criterion) {
    step::<f64>(criterion, "f64");
    step::<f32>(criterion, "f32");
}

fn lesson_trials(criterion: &mut Criterion) {
    let mut lesson = Spec::load("lesson").expect("built in");
    lesson.measure.trials = 100;
    let mut group = criterion.benchmark_group("measure");
    group.throughput(Throughput::Elements(100));
    group.bench_function("lesson_100_trials", |bencher| {
        bencher.iter(|| measure(&lesson, "bench", &Silent).expect("the lesson can be measured"));
    });
    group.finish();
}

criterion_group!(benches, steps, lesson_trials);
criterion_main!(benches);
