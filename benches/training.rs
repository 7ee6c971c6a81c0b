//! One training step (forward, backward, update) of a deep tanh network with plain SGD on one fixed batch: bare; under watch, with the gradient norm of every
//! layer at every step, all else at every twentieth, and tests and log of both; and with everything at every step.
//!
//! Throughput is in floating-point operations of the three products, 6 n^2 B a layer. Compare with the GEMM rate of the `lapack` bench.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;
use std::time::Duration;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use gradspectra::linalg::Real;
use gradspectra::network::{Hooks, Trainer};
use gradspectra::spec::Spec;
use gradspectra::watch::alarm::Alarm;
use gradspectra::watch::checkpoint::CheckpointError;
use gradspectra::watch::{Companion, Record, Session, line};

fn spec(width: usize, depth: usize, batch: usize, more: &str) -> Spec {
    let text = format!(
        "[network]\ninput = {width}\ndepth = {depth}\nwidth = {width}\nactivation = \"tanh\"\nweights = {{ sigma_w = 1.0 }}\n\
         biases = {{ preset = \"torch\" }}\n[data]\nbatch = {batch}\n[loss]\nkind = \"mse\"\n[train]\nlearning_rate = 0.001\nsteps = 1000000\n{more}"
    );
    Spec::parse(&text, Path::new("bench.toml")).expect("valid")
}

/// A log in a temporary file; ends a session after some steps.
struct Log {
    file: BufWriter<File>,
    left: u64,
}

impl<T: Real> Companion<T> for Log {
    fn record(&mut self, record: &Record) -> std::io::Result<()> {
        self.file.write_all(line(record).as_bytes())
    }

    fn after_step(&mut self, _: &Trainer<T>, _: &Alarm) -> Result<(), CheckpointError> {
        self.left -= 1;
        Ok(())
    }

    fn wants_to_end(&self) -> bool {
        self.left == 0
    }
}

impl Log {
    /// Time that the next steps of a session take, with all that is recorded of them.
    fn time<T: Real>(&mut self, session: &mut Session<T>, steps: u64) -> Duration {
        self.left = steps;
        let outcome = session.run(self).expect("room on the disk");
        Duration::from_secs_f64(outcome.seconds_per_step * outcome.steps_here as f64)
    }
}

fn steps<T: Real>(criterion: &mut Criterion, format: &str) {
    let mut group = criterion.benchmark_group(format!("training_step_{format}"));
    group.sample_size(20);
    for (width, depth, batch) in [(64, 100, 32), (256, 32, 128)] {
        let bare = spec(width, depth, batch, "");
        group.throughput(Throughput::Elements((6 * width * width * batch * depth) as u64));
        let name = format!("n{width}_L{depth}_B{batch}");
        group.bench_function(BenchmarkId::new("bare", &name), |bencher| {
            let mut trainer = Trainer::<T>::new(&bare).expect("Gaussian weights");
            let mut hooks = Hooks::new();
            bencher.iter(|| trainer.step(&mut hooks).expect("no hook stops it").loss);
        });
        for (watch, every) in [("watched", 20), ("recorded", 1)] {
            let spec = spec(width, depth, batch, &format!("[train.watch]\nevery = {every}"));
            group.bench_function(BenchmarkId::new(watch, &name), |bencher| {
                let mut session = Session::<T>::new(&spec).expect("Gaussian weights");
                let mut log = Log { file: BufWriter::new(tempfile::tempfile().expect("a temporary file")), left: 0 };
                // The first steps are recorded in full and compared with theory, whatever is asked for.
                log.time(&mut session, 20);
                bencher.iter_custom(|steps| log.time(&mut session, steps));
            });
        }
    }
    group.finish();
}

fn both(criterion: &mut Criterion) {
    steps::<f32>(criterion, "f32");
    steps::<f64>(criterion, "f64");
}

criterion_group!(benches, both);
criterion_main!(benches);
