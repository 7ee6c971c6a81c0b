//! What a sweep costs besides its points: handing them out and recording them; opening a store of a million rows; and a grid of theory alone.

use std::sync::atomic::AtomicBool;

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use gradspectra::measure::Progress;
use gradspectra::sweep::store::{Group, Store, Writer};
use gradspectra::sweep::{Blind, GROUP, Grid, Job, Plan, Point, PointKey, Settings, Shard, run, sweep};

fn grid(columns: usize, rows: usize) -> Grid {
    let text = format!(
        "[network]\ninput = 100\ndepth = 20\nwidth = 100\nactivation = \"tanh\"\nweights = {{ ensemble = \"gaussian\" }}\n\
         biases = {{ ensemble = \"gaussian\" }}\n[sweep]\nrun = [\"phase\"]\naxes = {{ \
         \"network.biases.sigma_b\" = {{ from = 0.0, to = 2.0, points = {rows} }}, \
         \"network.weights.sigma_w\" = {{ from = 0.5, to = 4.0, points = {columns} }} }}"
    );
    Grid::parse(text, "bench.toml".as_ref()).expect("valid")
}

/// Points that do nothing: what is left is the runner and the store. Divide by the time of a point.
fn scheduling(criterion: &mut Criterion) {
    let grid = grid(50, 20);
    let plan = Plan::new(&grid);
    let settings = Settings { shard: Shard::WHOLE, threads: 2, memory: 1 << 32, retry_failed: false };
    let mut group = criterion.benchmark_group("sweep");
    group.sample_size(10).throughput(Throughput::Elements(grid.len() as u64));
    let fresh = || {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let store = Store::open(directory.path()).expect("empty");
        let writer = Writer::create(directory.path(), GROUP).expect("writable");
        (directory, store, writer)
    };
    group.bench_function("1000_empty_points", |bencher| {
        let nothing = |_: &Point, _: &dyn Progress| Ok(Vec::new());
        bencher.iter_batched(
            fresh,
            |(directory, store, writer)| {
                let job = Job { grid: &grid, plan: &plan, store: &store, writer: &writer };
                run(job, settings, &nothing, &AtomicBool::new(false), &Blind).expect("writable");
                writer.close().expect("writable");
                directory
            },
            BatchSize::PerIteration,
        );
    });
    group.finish();
}

fn theory(criterion: &mut Criterion) {
    let grid = grid(100, 100);
    let mut group = criterion.benchmark_group("sweep");
    group.sample_size(10).throughput(Throughput::Elements(grid.len() as u64));
    group.bench_function("10000_phases", |bencher| {
        bencher.iter_batched(
            || tempfile::tempdir().expect("a temporary directory"),
            |directory| {
                let results = sweep(&grid, directory.path(), &Blind).expect("writable");
                (directory, results.points.len())
            },
            BatchSize::PerIteration,
        );
    });
    group.finish();
}

fn open(criterion: &mut Criterion) {
    const ROWS: u64 = 1_000_000;
    let directory = tempfile::tempdir().expect("a temporary directory");
    let writer = Writer::create(directory.path(), Group { records: 4096, milliseconds: 2000 }).expect("writable");
    let payload = format!("[{}]", ["0.1234567890123"; 7].join(","));
    for row in 0..u128::from(ROWS) {
        // Keys are hashes: spread over all their bits.
        let key = PointKey((row + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835));
        writer.append(key, &payload).expect("writable");
    }
    writer.close().expect("writable");
    let mut group = criterion.benchmark_group("store");
    group.sample_size(10).throughput(Throughput::Elements(ROWS));
    group.bench_function("open_1000000_rows", |bencher| {
        bencher.iter(|| Store::open(directory.path()).expect("sound").len());
    });
    group.finish();
}

criterion_group!(benches, scheduling, theory, open);
criterion_main!(benches);
