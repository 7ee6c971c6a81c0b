//! One training step (forward, backward, update) of a deep tanh network with plain SGD on one fixed batch; what it costs besides to look at the
//! norm of every layer's weight gradient, and to make the whole record of every layer as a line of the log.
//!
//! Throughput is in floating-point operations of the three products, 6 n^2 B a layer. Compare with the GEMM rate of the `lapack` bench.

use std::path::Path;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use gradspectra::linalg::{Real, ln_norm};
use gradspectra::network::{Hooks, Trainer};
use gradspectra::spec::Spec;
use gradspectra::watch::{Record, Recorder, line};
use rayon::prelude::*;

fn spec(width: usize, depth: usize, batch: usize) -> Spec {
    let text = format!(
        "[network]\ninput = {width}\ndepth = {depth}\nwidth = {width}\nactivation = \"tanh\"\nweights = {{ sigma_w = 1.0 }}\n\
         biases = {{ preset = \"torch\" }}\n[data]\nbatch = {batch}\n[loss]\nkind = \"mse\"\n[train]\nlearning_rate = 0.001\nsteps = 1000000"
    );
    Spec::parse(&text, Path::new("bench.toml")).expect("valid")
}

fn steps<T: Real>(criterion: &mut Criterion, format: &str) {
    let mut group = criterion.benchmark_group(format!("training_step_{format}"));
    group.sample_size(20);
    for (width, depth, batch) in [(64, 100, 32), (256, 32, 128)] {
        let spec = spec(width, depth, batch);
        group.throughput(Throughput::Elements((6 * width * width * batch * depth) as u64));
        let name = format!("n{width}_L{depth}_B{batch}");
        group.bench_function(BenchmarkId::new("bare", &name), |bencher| {
            let mut trainer = Trainer::<T>::new(&spec).expect("Gaussian weights");
            let mut hooks = Hooks::new();
            bencher.iter(|| trainer.step(&mut hooks).expect("no hook stops it").loss);
        });
        group.bench_function(BenchmarkId::new("norms", &name), |bencher| {
            let mut trainer = Trainer::<T>::new(&spec).expect("Gaussian weights");
            let mut norms = vec![0.0; depth];
            let mut hooks = Hooks::new();
            hooks.on_pass(|event| {
                let weights = &event.gradients.weights;
                norms.par_iter_mut().zip(weights).for_each(|(norm, weight)| *norm = ln_norm(weight.as_slice()).exp());
                Ok(())
            });
            bencher.iter(|| trainer.step(&mut hooks).expect("no hook stops it").loss);
        });
        group.bench_function(BenchmarkId::new("recorded", &name), |bencher| {
            let mut trainer = Trainer::<T>::new(&spec).expect("Gaussian weights");
            let mut hooks = Hooks::new();
            let recorder = Recorder::attach(trainer.network(), &mut hooks);
            bencher.iter(|| {
                recorder.begin(true, false);
                let outcome = trainer.step(&mut hooks).expect("no hook stops it");
                let (layers, _) = recorder.take(outcome.step);
                layers.into_iter().map(|layer| line(&Record::Layer(layer)).len()).sum::<usize>()
            });
        });
    }
    group.finish();
}

fn both(criterion: &mut Criterion) {
    steps::<f32>(criterion, "f32");
    steps::<f64>(criterion, "f64");
}

criterion_group!(benches, both);
criterion_main!(benches);
