//! The runner with made-up and with real points.

use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use super::*;
use crate::measure::Progress;

const SPEC: &str = "[network]\ninput = 6\nwidth = 6\nactivation = \"tanh\"\nweights = { ensemble = \"gaussian\" }\n[measure]\ntrials = 6\n[sweep]\n";

fn grid(sweep: &str) -> Grid {
    Grid::parse(format!("{SPEC}{sweep}"), Path::new("grid.toml")).expect("valid")
}

/// Twelve points: three depths, four scales.
fn twelve() -> Grid {
    grid("axes = { \"network.depth\" = [1, 2, 3], \"network.weights.sigma_w\" = [0.5, 1.0, 1.5, 2.0] }")
}

fn settings(threads: usize) -> Settings {
    Settings { shard: Shard::WHOLE, threads, memory: 1 << 30, retry_failed: false }
}

fn number(value: f64) -> Vec<Row> {
    vec![Row {
        side: Side::Trained,
        quantity: "number".to_owned(),
        statistic: Statistic::Value,
        layer: None,
        value: Some(value),
        standard_error: None,
        stated_error: None,
        trials: None,
        zeros: None,
        non_finite: None,
    }]
}

struct Sandbox {
    directory: tempfile::TempDir,
    grid: Grid,
    plan: Plan,
}

impl Sandbox {
    fn new(grid: Grid) -> Self {
        Self { directory: tempfile::tempdir().expect("a temporary directory"), plan: Plan::new(&grid), grid }
    }

    fn store(&self) -> Store {
        Store::open(self.directory.path()).expect("readable")
    }

    fn run_until(
        &self,
        settings: Settings,
        interrupted: &AtomicBool,
        compute: impl Fn(&Point, &dyn Progress) -> Result<Vec<Row>, PointError> + Sync,
    ) -> Summary {
        let writer = Writer::create(self.directory.path(), GROUP).expect("writable");
        let job = Job { grid: &self.grid, plan: &self.plan, store: &self.store(), writer: &writer };
        let summary = run(job, settings, &compute, interrupted, &Blind);
        writer.close().expect("writable");
        summary.expect("writable")
    }

    fn run(
        &self,
        settings: Settings,
        compute: impl Fn(&Point, &dyn Progress) -> Result<Vec<Row>, PointError> + Sync,
    ) -> Summary {
        self.run_until(settings, &AtomicBool::new(false), compute)
    }

    fn results(&self) -> SweepResults {
        self.plan.results(&self.grid, &self.store())
    }
}

#[test]
fn failing_and_panicking_points_stop_nothing_and_can_be_tried_again() {
    let sandbox = Sandbox::new(twelve());
    let compute = |point: &Point, _: &dyn Progress| match point.index {
        3 => Err(PointError::Failed("no luck".to_owned())),
        5 => panic!("a mistake"),
        index => Ok(number(index as f64)),
    };
    let summary = sandbox.run(settings(3), compute);
    assert_eq!((summary.tally.done, summary.tally.failed, summary.interrupted), (10, 2, false));
    let results = sandbox.results();
    assert_eq!(results.points.len(), 12);
    assert_eq!(results.points[3].outcome, Outcome::Error("no luck".to_owned()));
    assert!(matches!(&results.points[5].outcome, Outcome::Error(error) if error.contains("a mistake")));
    assert_eq!(results.points[7].outcome, Outcome::Rows(number(7.0)));
    // Nothing is computed twice, unless failures are to be tried again.
    let again = sandbox.run(settings(2), |_, _| panic!("nothing is left to do"));
    assert_eq!((again.tally.reused, again.tally.done + again.tally.failed), (12, 0));
    let retried =
        sandbox.run(Settings { retry_failed: true, ..settings(2) }, |point, _| Ok(number(point.index as f64)));
    assert_eq!((retried.tally.reused, retried.tally.done), (10, 2));
    assert_eq!(sandbox.plan.counts(&sandbox.store()), Counts { points: 12, done: 12, failed: 0 });
    assert_eq!(sandbox.results().points[3].outcome, Outcome::Rows(number(3.0)));
}

#[test]
fn an_interrupted_run_records_what_is_done_and_goes_on() {
    let sandbox = Sandbox::new(twelve());
    let interrupted = AtomicBool::new(false);
    let count = AtomicUsize::new(0);
    let compute = |point: &Point, progress: &dyn Progress| {
        if count.fetch_add(1, Ordering::SeqCst) == 4 {
            interrupted.store(true, Ordering::SeqCst);
        }
        if progress.interrupted() { Err(PointError::Interrupted) } else { Ok(number(point.index as f64)) }
    };
    let summary = sandbox.run_until(settings(2), &interrupted, compute);
    assert!(summary.interrupted && summary.tally.failed == 0 && summary.tally.done <= 5);
    let done = sandbox.plan.counts(&sandbox.store()).done;
    assert_eq!(done, summary.tally.done);
    let rest = sandbox.run(settings(2), |point, _| Ok(number(point.index as f64)));
    assert_eq!((rest.tally.reused, rest.tally.done, rest.interrupted), (done, 12 - done, false));
}

/// All points together are twice too large: what runs at once stays within the budget. One that does not fit alone fails by name.
#[test]
fn memory_is_never_oversubscribed() {
    let sandbox = Sandbox::new(twelve());
    let each = sandbox.plan.points()[0].memory;
    let running = (AtomicUsize::new(0), AtomicUsize::new(0));
    let compute = |point: &Point, _: &dyn Progress| {
        let now = running.0.fetch_add(1, Ordering::SeqCst) + 1;
        running.1.fetch_max(now, Ordering::SeqCst);
        std::thread::sleep(Duration::from_millis(5));
        running.0.fetch_sub(1, Ordering::SeqCst);
        Ok(number(point.index as f64))
    };
    let summary = sandbox.run(Settings { memory: 2 * each + each / 2, ..settings(6) }, compute);
    assert_eq!(summary.tally.done, 12);
    assert_eq!(running.1.load(Ordering::SeqCst), 2);
    let tight = Sandbox::new(twelve());
    let summary = tight.run(Settings { memory: each / 2, ..settings(2) }, |_, _| panic!("none fits"));
    assert_eq!(summary.tally.failed, 12);
    let results = tight.results();
    assert!(matches!(&results.points[0].outcome, Outcome::Error(error) if error.contains("--memory")), "{results:?}");
}

#[test]
fn shards_share_all_points_and_the_costly_ones() {
    let plan = Plan::new(&grid(
        "axes = { \"network.depth\" = [1, 2, 40], \"network.weights.sigma_w\" = [0.5, 1.0, 1.5, 2.0] }\nrepeats = 2",
    ));
    let shards: Vec<Vec<usize>> = (0..4).map(|index| plan.shard(Shard { index, count: 4 })).collect();
    let mut all: Vec<usize> = shards.iter().flatten().copied().collect();
    all.sort_unstable();
    assert_eq!(all, (0..24).collect::<Vec<_>>());
    for shard in &shards {
        assert_eq!(shard.iter().filter(|&&index| index >= 16).count(), 2, "as many of the deep networks: {shards:?}");
        assert!(shard[0] >= 16, "the costly ones first");
    }
    // Theory has no seed: the repeats are one point.
    let theory = Plan::new(&grid(
        "axes = { \"network.depth\" = [1], \"network.weights.sigma_w\" = [0.5, 1.0] }\nrepeats = 3\nrun = [\"predict\"]",
    ));
    assert_eq!((theory.points().len(), theory.shard(Shard::WHOLE).len()), (6, 2));
}

/// The same lines for one and for four threads, for points that run side by side and for one that has all cores, whole and in shards.
#[test]
fn numbers_do_not_depend_on_threads_order_and_shards() {
    let sweep = "axes = { \"network.weights.sigma_w\" = [0.8, 1.6], \"network.depth\" = [2, 5] }\nrepeats = 2";
    let real = |sandbox: &Sandbox, settings: Settings| {
        let maps = Maps::new(sandbox.plan.activations());
        sandbox.run(settings, |point, progress| rows(&point.spec, sandbox.grid.runs(), &maps, progress))
    };
    let one = Sandbox::new(grid(sweep));
    real(&one, settings(1));
    let four = Sandbox::new(grid(sweep));
    real(&four, settings(4));
    let shards = Sandbox::new(grid(sweep));
    for index in [2, 0, 1] {
        real(&shards, Settings { shard: Shard { index, count: 3 }, ..settings(2) });
    }
    let expected = one.results();
    assert_eq!(expected.points.len(), 8);
    assert!(expected.points.iter().all(|point| matches!(point.outcome, Outcome::Rows(_))));
    assert_eq!(four.results(), expected);
    assert_eq!(shards.results(), expected);
    // On the calling thread, with the common pool.
    let point = one.grid.point(5).expect("valid");
    let maps = Maps::new(one.plan.activations());
    let alone = rows(&point.spec, one.grid.runs(), &maps, &crate::measure::Silent).expect("computed");
    assert_eq!(Outcome::Rows(alone), expected.points[5].outcome);
}

#[test]
fn a_point_has_rows_of_every_side() {
    let text = "[network]\ninput = 64\nwidth = 16\ndepth = 3\noutput = 10\nactivation = \"tanh\"\nweights = { sigma_w = 1.2 }\nbiases = { sigma_b = 0.1 }\n\
                [data]\nkind = \"digits\"\nbatch = 4\n[loss]\nkind = \"cross_entropy\"\n[measure]\nquantities = [\"gradient_norms\", \"batch_correlations\"]\ntrials = 10\n\
                [train]\nlearning_rate = 0.05\nsteps = 20\ntest_fraction = 0.2\n[sweep]\naxes = { \"train.learning_rate\" = [0.05, 0.1] }\n";
    let grid = Grid::parse(text.to_owned(), Path::new("grid.toml")).expect("valid");
    assert!(grid.runs().train, "an axis of [train]");
    let sandbox = Sandbox::new(grid);
    let maps = Maps::new(sandbox.plan.activations());
    let point = sandbox.grid.point(1).expect("valid");
    let rows = rows(&point.spec, sandbox.grid.runs(), &maps, &crate::measure::Silent).expect("computed");
    let get = |side: Side, quantity: &str, statistic: Statistic, layer: Option<usize>| {
        let found = rows
            .iter()
            .filter(|r| (r.side, r.quantity.as_str(), r.statistic, r.layer) == (side, quantity, statistic, layer));
        let found: Vec<&Row> = found.collect();
        assert_eq!(found.len(), 1, "{side:?} {quantity} {statistic:?} {layer:?}");
        found[0].clone()
    };
    let measured = get(Side::Measured, "gradient_norms", Statistic::Log10Rms, Some(2));
    let predicted = get(Side::Predicted, "gradient_norms", Statistic::Log10Rms, Some(2));
    let compared = get(Side::Compared, "gradient_norms", Statistic::Log10Rms, Some(2));
    let difference = measured.value.zip(predicted.value).map(|(m, p)| m - p).expect("both");
    assert!((compared.value.expect("a number") - difference).abs() < 1e-12);
    assert_eq!(
        (measured.trials, measured.zeros, compared.standard_error),
        (Some(10), Some(0), measured.standard_error)
    );
    assert!(get(Side::Measured, "batch_correlations", Statistic::Value, Some(3)).value.is_some());
    // chi_1 of tanh at these scales, below 1.44.
    let chi = get(Side::Predicted, "chi_1", Statistic::Value, None).value.expect("homogeneous");
    assert!(chi > 0.9 && chi < 1.44, "{chi}");
    assert!(get(Side::Measured, "gradient_ratio", Statistic::Log10Rms, None).standard_error.is_some());
    assert!(get(Side::Predicted, "gradient_ratio", Statistic::Log10Rms, None).value.is_some());
    assert!(get(Side::Measured, "log_gradient_variance", Statistic::Value, None).value.expect("ten trials") > 0.0);
    assert_eq!(get(Side::Trained, "steps", Statistic::Value, None).value, Some(20.0));
    assert_eq!(get(Side::Trained, "ending_finished", Statistic::Value, None).value, Some(1.0));
    assert!(get(Side::Trained, "test_accuracy", Statistic::Value, None).value.expect("classes") > 0.05);
    // As `gradspectra measure` has it.
    let alone = crate::measure::measure(&point.spec, "study", &crate::measure::Silent).expect("measured");
    assert_eq!(measured.value, alone.get(crate::spec::Quantity::GradientNorms, 2).expect("measured").log10_rms);
}

/// Reports are complete and in order; the time left is told once something is known.
#[test]
fn progress_is_told_point_by_point() {
    struct Log(Mutex<Vec<Tally>>);
    impl Observer for Log {
        fn changed(&self, tally: &Tally) {
            self.0.lock().expect("not poisoned").push(*tally);
        }
    }
    let sandbox = Sandbox::new(twelve());
    let log = Log(Mutex::new(Vec::new()));
    let writer = Writer::create(sandbox.directory.path(), GROUP).expect("writable");
    let compute = |point: &Point, _: &dyn Progress| Ok(number(point.index as f64));
    let job = Job { grid: &sandbox.grid, plan: &sandbox.plan, store: &sandbox.store(), writer: &writer };
    run(job, settings(1), &compute, &AtomicBool::new(false), &log).expect("writable");
    let log = log.0.into_inner().expect("not poisoned");
    assert_eq!((log[0].points, log[0].done, log[0].left), (12, 0, None));
    let last = log.last().expect("reports");
    assert_eq!((last.done, last.running), (12, 0));
    assert!(log.iter().all(|tally| tally.running <= 1));
}
