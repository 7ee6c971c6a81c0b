//! `gradspectra train`: training under watch.

mod live;
mod store;

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use serde::Serialize;

use super::console::{self, Console};
use super::failure::Failure;
use crate::linalg::Real;
use crate::network::{TrainError, Trainer};
use crate::spec::{Spec, with_real};
use crate::watch::alarm::Alarm;
use crate::watch::checkpoint::{CheckpointError, linear_algebra};
use crate::watch::{
    AlertRecord, Companion, Ending, EvaluationRecord, LayerRecord, Outcome, Record, Session, SessionError,
};
use live::Live;
use store::Store;

/// Train a network and watch its gradients, layer by layer, beside what theory expects
///
/// Needs a [train] table: `learning_rate`, `steps` or `epochs`, and what else it likes (optimizer, schedule, clip_norm, clip_value,
/// weight_decay, test_fraction, evaluate_every, watch). Writes DIR/log.jsonl line by line, DIR/checkpoint.safetensors now and then and at the end, and
/// DIR/model.safetensors (a PyTorch state dict). Ctrl-C ends with a checkpoint; `--resume` goes on from it, the same to the bit.
/// `gradspectra report DIR/log.jsonl` draws the log, also of a run that is still going on.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// A TOML file with a [train] table, or the name of a built-in specification that has one
    #[arg(value_name = "SPEC")]
    spec: String,

    /// Directory of the run [default: runs/NAME]
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,

    /// Go on from the checkpoint in the run's directory
    #[arg(long, conflicts_with = "overwrite")]
    resume: bool,

    /// Replace an earlier run in the directory
    #[arg(long)]
    overwrite: bool,

    /// Steps in all, instead of the specification's number
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=1_000_000_000))]
    steps: Option<u64>,

    /// Seed of all random numbers, instead of the specification's
    #[arg(long, value_name = "SEED")]
    seed: Option<u64>,

    /// Seconds between two checkpoints
    #[arg(long, value_name = "SECONDS", default_value_t = 30, value_parser = clap::value_parser!(u64).range(0..=86_400))]
    checkpoint_every: u64,
}

#[derive(Serialize)]
struct Document {
    /// Steps made in all.
    steps: u64,
    ending: Ending,
    alerts: Vec<AlertRecord>,
    /// Of the last mini-batch; null if it is not finite.
    final_loss: Option<f64>,
    evaluation: EvaluationRecord,
    seconds_per_step: Option<f64>,
    steps_in_this_session: u64,
    blas: String,
    log: PathBuf,
    checkpoint: Option<PathBuf>,
    model: Option<PathBuf>,
}

pub(super) fn run(arguments: &Arguments, console: &Console) -> Result<ExitCode, Failure> {
    let mut spec = Spec::load(&arguments.spec).map_err(Failure::input)?;
    if let Some(seed) = arguments.seed {
        spec.seed = seed;
    }
    let Some(train) = &mut spec.train else {
        return Err(Failure::input(anyhow::anyhow!("{}: {}", arguments.spec, TrainError::NotTrained)));
    };
    if let Some(steps) = arguments.steps {
        train.steps = steps;
    }
    let directory = arguments.out.clone().unwrap_or_else(|| Path::new("runs").join(&spec.name));
    if store::holds_a_run(&directory) && !arguments.resume && !arguments.overwrite {
        return Err(Failure::input(anyhow::anyhow!(
            "{}: there is a run already; --resume goes on with it, --overwrite replaces it, --out chooses another directory",
            directory.display()
        )));
    }
    if arguments.resume && !store::checkpoint_file(&directory).exists() {
        return Err(Failure::input(anyhow::anyhow!(
            "{}: there is no checkpoint to go on from; leave out --resume (and add --overwrite to replace the log)",
            directory.display()
        )));
    }
    with_real!(spec.network.precision, T => train_in::<T>(arguments, &spec, &directory, console))
}

fn train_in<T: Real>(
    arguments: &Arguments,
    spec: &Spec,
    directory: &Path,
    console: &Console,
) -> Result<ExitCode, Failure> {
    console.note("predicting the start");
    let mut session = Session::<T>::new(spec).map_err(|error| match error {
        TrainError::TooLarge { .. } | TrainError::NotTrained => Failure::input(error),
        error => Failure::numerical(error),
    })?;
    let every = Duration::from_secs(arguments.checkpoint_every);
    let opening = session.opening();
    let store = if arguments.resume {
        let state = session.resume(&store::checkpoint_file(directory)).map_err(Failure::input)?;
        if state.blas != linear_algebra() {
            console::line(&format!(
                "note: the checkpoint was made by {}, and this is {}: the steps from here on are right, but not the same to the bit",
                state.blas,
                linear_algebra()
            ));
        }
        let train = session.trainer().spec();
        if state.step >= train.steps {
            console::line(&format!(
                "note: the checkpoint has {} steps already, and {} are asked for: nothing is left to do (--steps sets another number)",
                state.step, train.steps
            ));
        }
        let reopened = Store::reopen(directory, every, &opening, state.step, train.evaluate_every);
        reopened.map(|(store, logged)| {
            let expected = state.step.checked_sub(1);
            if logged < expected {
                let known = logged.map_or_else(|| "no step".to_owned(), |step| format!("steps up to {step}"));
                console::line(&format!(
                    "note: {} holds {known}, the checkpoint is of step {}: what lies between is not in the log",
                    store.log_file().display(),
                    state.step
                ));
            }
            store
        })
    } else {
        Store::create(directory, every, &opening)
    }
    .map_err(Failure::Input)?;
    let mut companion = Files {
        spec,
        store,
        live: Live::new(spec.network.blocks.len(), session.trainer().spec().steps),
        interrupted: console::hold_interrupts(),
        quiet: console.is_json(),
    };
    opening.iter().for_each(|record| companion.live.record(record));
    let outcome = session.run(&mut companion).map_err(|error| match error {
        SessionError::Train(error) => Failure::numerical(error),
        SessionError::Log(error) => {
            Failure::input(anyhow::anyhow!("{}: {error}", companion.store.log_file().display()))
        }
        SessionError::Checkpoint(error) => Failure::input(error),
    })?;
    companion.live.end();
    let sound = outcome.ending != Ending::NotFinite;
    if sound {
        companion.store.save(spec, session.trainer(), session.alarm()).map_err(Failure::input)?;
    }
    companion.store.finish(spec, session.trainer()).map_err(Failure::Input)?;
    let store = &companion.store;
    let exists = |file: PathBuf| Some(file).filter(|file| file.exists());
    let document = Document {
        steps: outcome.steps,
        ending: outcome.ending,
        alerts: outcome.alerts.clone(),
        final_loss: Some(outcome.final_loss).filter(|loss| loss.is_finite()),
        evaluation: outcome.evaluation,
        seconds_per_step: Some(outcome.seconds_per_step).filter(|seconds| seconds.is_finite()),
        steps_in_this_session: outcome.steps_here,
        blas: linear_algebra(),
        log: store.log_file(),
        checkpoint: exists(store.checkpoint_file()),
        model: exists(store.weights_file()),
    };
    console.result(&document, || text(&outcome, &document))?;
    Ok(match outcome.ending {
        Ending::Interrupted => ExitCode::from(130),
        Ending::NotFinite => ExitCode::from(3),
        Ending::Finished | Ending::Stopped => ExitCode::SUCCESS,
    })
}

/// The companion of a run on the command line: files, terminal, Ctrl-C.
struct Files<'a> {
    spec: &'a Spec,
    store: Store,
    live: Live,
    interrupted: &'static AtomicBool,
    quiet: bool,
}

impl<T: Real> Companion<T> for Files<'_> {
    fn record(&mut self, record: &Record) -> std::io::Result<()> {
        if let Record::Alert(alert) = record
            && !self.live.is_shown()
            && !self.quiet
        {
            console::line(&live::alert_line(alert));
        }
        self.live.record(record);
        self.store.record(record)
    }

    fn layers(&mut self, layers: &[LayerRecord]) -> std::io::Result<()> {
        if self.live.is_shown() {
            layers.iter().for_each(|layer| self.live.record(&Record::Layer(*layer)));
        }
        self.store.layers(layers)
    }

    fn after_step(&mut self, trainer: &Trainer<T>, alarm: &Alarm) -> Result<(), CheckpointError> {
        self.store.save_if_due(self.spec, trainer, alarm)
    }

    fn wants_to_end(&self) -> bool {
        self.interrupted.load(Ordering::SeqCst)
    }
}

fn text(outcome: &Outcome, document: &Document) -> String {
    let ending = match outcome.ending {
        Ending::Finished => "finished",
        Ending::Interrupted => "interrupted; go on with --resume",
        Ending::Stopped => "stopped by an alert; go on with --resume",
        Ending::NotFinite => "ended: the loss is not finite",
    };
    let number = |value: Option<f64>| value.map_or_else(|| "not finite".to_owned(), |value| format!("{value:.4e}"));
    let share =
        |value: Option<f64>| value.map_or_else(String::new, |value| format!(", accuracy {:.1} %", 100.0 * value));
    let evaluation = &outcome.evaluation;
    let mut text = format!("{} steps: {ending}\n", outcome.steps);
    text += &format!("trained on: loss {}{}\n", number(evaluation.train_loss), share(evaluation.train_accuracy));
    if evaluation.test_loss.is_some() || evaluation.test_accuracy.is_some() {
        text += &format!("kept apart: loss {}{}\n", number(evaluation.test_loss), share(evaluation.test_accuracy));
    }
    if let Some(seconds) = document.seconds_per_step {
        text += &format!("{:.3} ms a step\n", 1e3 * seconds);
    }
    match outcome.alerts.len() {
        0 => {}
        1 => text += "1 alert, told above and in the log\n",
        count => text += &format!("{count} alerts, told above and in the log\n"),
    }
    text += &format!("draw it: gradspectra report {}\n", document.log.display());
    text
}
