//! Early warning on committed trainings: healthy ones must not be disturbed, diverging ones must be warned of before a number is not finite.
//!
//! `tests/watch/healthy` and `tests/watch/diverging` hold the specifications. Odd numbers calibrated the scales of the tests
//! (`watch::alarm::RULES`), even ones are held out: the rates are those of the even ones.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use gradspectra::linalg::Real;
use gradspectra::network::Trainer;
use gradspectra::spec::{Policies, Policy, Precision, RecordSchedule, Spec};
use gradspectra::watch::alarm::{Alarm, RULES, SequentialTest, Test};
use gradspectra::watch::checkpoint::CheckpointError;
use gradspectra::watch::{AlertKind, Companion, Ending, LayerRecord, Record, Session, StepRecord};
use rayon::prelude::*;

/// One run as the test sees it.
struct Run {
    name: String,
    /// First and last mean loss over all samples.
    first_loss: f64,
    last_loss: f64,
    ending: Ending,
    steps: u64,
    /// Kinds of the alerts in their order.
    alerts: Vec<(u64, AlertKind, String)>,
}

impl Run {
    /// Whether there was a warning before the first number that is not finite.
    fn warned_in_time(&self) -> bool {
        self.alerts.first().is_some_and(|(_, kind, _)| *kind != AlertKind::NonFinite)
    }

    fn line(&self) -> String {
        let alerts: Vec<String> =
            self.alerts.iter().map(|(step, kind, quantity)| format!("{step}:{}:{quantity}", kind.name())).collect();
        format!(
            "{} {:?} after {} loss {:.3e} -> {:.3e} [{}]",
            self.name,
            self.ending,
            self.steps,
            self.first_loss,
            self.last_loss,
            alerts.join(" ")
        )
    }
}

/// All records of a run.
#[derive(Default)]
struct Memory {
    records: Vec<Record>,
}

impl<T: Real> Companion<T> for Memory {
    fn record(&mut self, record: &Record) -> std::io::Result<()> {
        self.records.push(record.clone());
        Ok(())
    }

    fn after_step(&mut self, _: &Trainer<T>, _: &Alarm) -> Result<(), CheckpointError> {
        Ok(())
    }

    fn wants_to_end(&self) -> bool {
        false
    }
}

fn run_in<T: Real>(spec: &Spec) -> Run {
    let mut session = Session::<T>::new(spec).expect("trainable");
    let first_loss = session.trainer().evaluate_train().expect("fits").loss;
    let mut memory = Memory::default();
    let outcome = session.run(&mut memory).expect("no disk, no stop");
    let alerts = outcome.alerts.iter().map(|alert| (alert.step, alert.alert, alert.quantity.clone())).collect();
    let last_loss = outcome.evaluation.train_loss.unwrap_or(f64::NAN);
    Run {
        name: format!("{} seed {}", spec.name, spec.seed),
        first_loss,
        last_loss,
        ending: outcome.ending,
        steps: outcome.steps,
        alerts,
    }
}

fn load(file: &Path, seed: u64) -> Spec {
    let text = std::fs::read_to_string(file).expect("committed");
    let text = text.replace("seed = 1", &format!("seed = {seed}"));
    Spec::parse(&text, file).unwrap_or_else(|error| panic!("{error}"))
}

/// Runs an expression with T the number format of a specification.
macro_rules! with_precision {
    ($spec:expr, |$name:ident, $float:ident| $body:expr) => {{
        let $name = $spec;
        match $name.network.precision {
            Precision::F64 => {
                type $float = f64;
                $body
            }
            Precision::F32 => {
                type $float = f32;
                $body
            }
            Precision::Bf16 => {
                type $float = half::bf16;
                $body
            }
            Precision::F16 => {
                type $float = half::f16;
                $body
            }
        }
    }};
}

fn run(file: &Path, seed: u64) -> Run {
    with_precision!(load(file, seed), |spec, T| run_in::<T>(&spec))
}

/// The specifications of a folder by number.
fn specifications(folder: &str) -> Vec<(usize, PathBuf)> {
    let mut files: Vec<(usize, PathBuf)> = std::fs::read_dir(Path::new("tests/watch").join(folder))
        .expect("committed")
        .map(|entry| entry.expect("readable").path())
        .map(|path| {
            let number: String = path.file_stem().expect("a name").to_string_lossy().chars().skip(1).take(2).collect();
            (number.parse().expect("a number"), path)
        })
        .collect();
    files.sort();
    files
}

fn runs(folder: &str, seeds: std::ops::Range<u64>, wanted: impl Fn(usize) -> bool + Sync) -> Vec<Run> {
    let files = specifications(folder);
    let jobs: Vec<(&PathBuf, u64)> = files
        .iter()
        .filter(|(number, _)| wanted(*number))
        .flat_map(|(_, file)| seeds.clone().map(move |seed| (file, seed)))
        .collect();
    jobs.par_iter().map(|(file, seed)| run(file, *seed)).collect()
}

/// The scores of the tests in healthy runs of odd number, as a second alarm computes them from the records.
struct Scores {
    alarm: Alarm,
    step: Option<StepRecord>,
    layers: Vec<LayerRecord>,
    scores: Vec<(Test, f64)>,
}

impl Scores {
    /// The layers of a step follow it: all are there when the next step comes.
    fn take(&mut self, next: Option<StepRecord>) {
        if let Some(step) = std::mem::replace(&mut self.step, next) {
            let scores = self.alarm.scores(&step, &std::mem::take(&mut self.layers));
            self.scores.extend(scores.into_iter().map(|(test, score)| (test, score.score)));
        }
    }
}

impl<T: Real> Companion<T> for Scores {
    fn record(&mut self, record: &Record) -> std::io::Result<()> {
        match record {
            Record::Step(step) => self.take(Some(step.clone())),
            Record::Layer(layer) => self.layers.push(*layer),
            Record::End { .. } => self.take(None),
            _ => {}
        }
        Ok(())
    }

    fn after_step(&mut self, _: &Trainer<T>, _: &Alarm) -> Result<(), CheckpointError> {
        Ok(())
    }

    fn wants_to_end(&self) -> bool {
        false
    }
}

/// The smallest scale with which the empirical tail of the scores lies below `e^(-s / tau)`: the largest `s_(i) / ln(n / i)`.
fn smallest_scale(mut scores: Vec<f64>) -> f64 {
    scores.sort_by(|a, b| b.total_cmp(a));
    let n = scores.len() as f64;
    let scale = |(index, score): (usize, &f64)| score / (n / (index as f64 + 0.5)).ln();
    scores.iter().enumerate().map(scale).fold(0.0, f64::max)
}

/// Healthy specifications train: finite, and the loss falls by a third at least. Those that are held out raise no alert: 12 specifications, seeds
/// 1 and 2 (the release run below takes 25 seeds).
#[test]
fn healthy_trainings_are_left_alone() {
    for run in runs("healthy", 1..3, |number| number % 2 == 0) {
        assert!(run.ending == Ending::Finished && run.last_loss < 0.67 * run.first_loss, "{}", run.line());
        assert!(run.alerts.is_empty(), "{}", run.line());
    }
}

/// Diverging specifications end in numbers that are not finite, and those that are held out are warned of before: 12 specifications, seeds 1
/// and 2.
#[test]
fn diverging_trainings_are_warned_of_in_time() {
    let all = runs("diverging", 1..3, |number| number % 2 == 0);
    for run in &all {
        assert!(run.ending == Ending::NotFinite, "{}", run.line());
    }
    let late: Vec<String> = all.iter().filter(|run| !run.warned_in_time()).map(Run::line).collect();
    assert!(late.len() * 20 <= all.len(), "{}", late.join("\n"));
}

/// The rates of the README; by hand, four minutes: `cargo test --release --test early_warning -- --ignored --nocapture`.
///
/// 12 held-out healthy specifications with 25 seeds each, 300 runs: at most 3 with an alert. Runs of one specification are alike: the 12 say more than
/// the 300.
#[test]
#[ignore = "300 trainings and more: by hand"]
fn rates_on_the_half_that_is_held_out() {
    let healthy = runs("healthy", 501..526, |number| number % 2 == 0);
    let alarms: Vec<String> = healthy.iter().filter(|run| !run.alerts.is_empty()).map(Run::line).collect();
    let diverging = runs("diverging", 501..511, |number| number % 2 == 0);
    let broken: Vec<&Run> = diverging.iter().filter(|run| run.ending == Ending::NotFinite).collect();
    let late: Vec<String> = broken.iter().filter(|run| !run.warned_in_time()).map(|run| run.line()).collect();
    let steps: u64 = healthy.iter().map(|run| run.steps).sum();
    eprintln!(
        "{} healthy runs ({steps} steps), {} with an alert; {} diverging runs, {} of them not finite, {} warned in time\n{}\n{}",
        healthy.len(),
        alarms.len(),
        diverging.len(),
        broken.len(),
        broken.len() - late.len(),
        alarms.join("\n"),
        late.join("\n"),
    );
    assert!(alarms.len() <= 3 && late.len() * 20 <= broken.len());
}

/// An alarm whose state goes through a checkpoint after every step raises the same alerts as one that was never interrupted: on a run that
/// diverges late, so that there is something to tell.
#[test]
fn an_alarm_goes_on_from_its_state() {
    let (_, file) = specifications("diverging").remove(23);
    let spec = load(&file, 1);
    let mut session = Session::<f64>::new(&spec).expect("trainable");
    let reference = session.alarm().reference().clone();
    let new =
        || Alarm::new(reference.clone(), Policies::all(Policy::Warn), spec.train.as_ref().expect("trained").steps);
    let (mut whole, mut broken) = (new(), new());
    let mut memory = Memory::default();
    session.run(&mut memory).expect("no disk, no stop");
    let mut raised = 0;
    for (step, layers) in memory.steps() {
        let mut next = new();
        let state = serde_json::to_string(broken.state()).expect("JSON");
        next.restore(serde_json::from_str(&state).expect("its own state"));
        broken = next;
        let alerts = whole.observe(step, &layers);
        assert_eq!(alerts, broken.observe(step, &layers), "step {}", step.step);
        raised += alerts.len();
    }
    assert!(raised > 2, "{raised}");
}

/// Most steps are recorded by their norms alone; where something looks wrong, in full: the last ones of a rate that grows until the training
/// breaks. A healthy training is left at its schedule, of one step in twenty and the first ones (negative control).
#[test]
fn what_looks_wrong_is_recorded_in_full() {
    let full = |train: &str| -> Vec<bool> {
        let text = format!(
            "[network]\ninput = 16\ndepth = 4\nwidth = 32\noutput = 4\nactivation = \"gelu\"\nweights = {{ preset = \"critical\" }}\n\
             [data]\nkind = \"regression\"\nbatch = 16\n[loss]\nkind = \"mse\"\n[train]\n{train}\n"
        );
        let spec = Spec::parse(&text, Path::new("test.toml")).unwrap_or_else(|error| panic!("{error}"));
        let mut memory = Memory::default();
        Session::<f64>::new(&spec).expect("trainable").run(&mut memory).expect("no disk, no stop");
        memory.steps().iter().map(|(_, layers)| !layers.is_empty()).collect()
    };
    let share = |full: &[bool]| full.iter().filter(|full| **full).count() as f64 / full.len() as f64;
    let breaks = full("learning_rate = 20.0\nsteps = 4000\nschedule = { kind = \"constant\", warmup = 4000 }");
    assert!(breaks.ends_with(&[true; 3]) && breaks.len() > 50 && share(&breaks) < 0.5, "{breaks:?}");
    let healthy = full("learning_rate = 0.01\nsteps = 400");
    assert!(share(&healthy) < 0.15, "{healthy:?}");
}

impl Memory {
    fn steps(&self) -> Vec<(&StepRecord, Vec<LayerRecord>)> {
        let mut steps: Vec<(&StepRecord, Vec<LayerRecord>)> = Vec::new();
        for record in &self.records {
            match record {
                Record::Step(step) => steps.push((step, Vec::new())),
                Record::Layer(layer) => steps.last_mut().expect("layers follow their step").1.push(*layer),
                _ => {}
            }
        }
        steps
    }
}

/// Without the tests' memory of what is usual (a hundredth of every scale) healthy runs would be disturbed: the tests can fail.
#[test]
fn much_smaller_scales_would_disturb_healthy_trainings() {
    let scores = healthy_scores(1..2, |number| number <= 4);
    let disturbed = RULES.iter().any(|rule| {
        let mut test = SequentialTest::default();
        scores.get(&rule.test).is_some_and(|scores| scores.iter().any(|score| test.add(*score, 0.01 * rule.tau, 1e-6)))
    });
    assert!(disturbed);
}

/// All scores of healthy runs, by test. Every step is recorded in full: which steps a run would choose depends on what is behind it, and what the tests
/// assume is said of every step, given what is behind it.
fn healthy_scores(seeds: std::ops::Range<u64>, wanted: impl Fn(usize) -> bool) -> BTreeMap<Test, Vec<f64>> {
    let files = specifications("healthy");
    let jobs: Vec<(&PathBuf, u64)> = files
        .iter()
        .filter(|(number, _)| wanted(*number))
        .flat_map(|(_, file)| seeds.clone().map(move |seed| (file, seed)))
        .collect();
    let scores = |(file, seed): &(&PathBuf, u64)| {
        let mut every_step = load(file, *seed);
        every_step.train.as_mut().expect("trained").watch.record = RecordSchedule::Every(1);
        with_precision!(every_step, |spec, T| {
            let mut session = Session::<T>::new(&spec).expect("trainable");
            let reference = session.alarm().reference().clone();
            let alarm = Alarm::new(reference, Policies::all(Policy::Warn), 1);
            let mut companion = Scores { alarm, step: None, layers: Vec::new(), scores: Vec::new() };
            session.run(&mut companion).expect("no disk, no stop");
            companion.scores
        })
    };
    let mut all: BTreeMap<Test, Vec<f64>> = BTreeMap::new();
    for (test, score) in jobs.par_iter().map(scores).collect::<Vec<_>>().into_iter().flatten() {
        all.entry(test).or_default().push(score);
    }
    all
}

/// The calibration: every scale is at least one and a half times the smallest one with which the tails of the odd healthy runs are as
/// stated.
#[test]
#[ignore = "by hand, a minute"]
fn calibration() {
    for (test, scores) in healthy_scores(101..106, |number| number % 2 == 1) {
        let rule = RULES.iter().find(|rule| rule.test == test).expect("a rule for every test");
        let largest = scores.iter().copied().fold(0.0, f64::max);
        let count = scores.len();
        let smallest = smallest_scale(scores);
        eprintln!("{test:?}: {count} scores, largest {largest:.3}, smallest scale {smallest:.3}, used {}", rule.tau);
        assert!(rule.tau >= 1.5 * smallest);
    }
}
