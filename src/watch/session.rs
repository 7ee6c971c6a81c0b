//! A training under watch, from its first step to its last.

use std::time::Instant;

use super::alarm::{Alarm, Reference};
use super::record::{
    AlertRecord, Ending, EvaluationRecord, Header, LayerHeader, LayerRecord, PredictionRecord, Record, SCHEMA,
    StepRecord,
};
use super::{Recorder, checkpoint, forecast};
use crate::linalg::Real;
use crate::network::{Hooks, StepOutcome, TrainError, Trainer, awake};
use crate::spec::{AlertKind, BlockSpec, Clip, Loss, Policies, Policy, Spec};

/// What goes on around a training: where records go, whether it is to end, when to save.
///
/// It is called from a thread of rayon's pool while the other ones wait for the next step: it should not block for long, nor wait for what the caller of
/// [`Session::run`] holds (a lock on standard output).
pub trait Companion<T: Real>: Send {
    /// Takes a record.
    ///
    /// # Errors
    ///
    /// An error of the disk ends the training.
    fn record(&mut self, record: &Record) -> std::io::Result<()>;

    /// Takes the records of all layers of the step that was recorded last.
    ///
    /// # Errors
    ///
    /// As [`Companion::record`].
    fn layers(&mut self, layers: &[LayerRecord]) -> std::io::Result<()> {
        layers.iter().try_for_each(|layer| self.record(&Record::Layer(*layer)))
    }

    /// Called after every step with the training as it is now: the place for checkpoints.
    ///
    /// # Errors
    ///
    /// What kept a checkpoint from being written ends the training.
    fn after_step(&mut self, trainer: &Trainer<T>, alarm: &Alarm) -> Result<(), checkpoint::CheckpointError>;

    /// Whether to end before the next step.
    fn wants_to_end(&self) -> bool;
}

/// Why a training under watch broke off.
#[derive(Debug, thiserror::Error)]
pub enum SessionError {
    /// A step could not be made.
    #[error(transparent)]
    Train(#[from] TrainError),
    /// The log could not be written.
    #[error("the log cannot be written: {0}")]
    Log(#[from] std::io::Error),
    /// A checkpoint could not be written.
    #[error(transparent)]
    Checkpoint(#[from] checkpoint::CheckpointError),
}

/// How a training ended.
#[derive(Debug, Clone, PartialEq)]
pub struct Outcome {
    /// Why.
    pub ending: Ending,
    /// Steps made in all.
    pub steps: u64,
    /// Steps made in this session.
    pub steps_here: u64,
    /// Loss of the last mini-batch; NaN or infinite if it was.
    pub final_loss: f64,
    /// Loss and accuracy at the end.
    pub evaluation: EvaluationRecord,
    /// Mean wall time of a step with everything that is recorded, in seconds; without evaluations and checkpoints.
    pub seconds_per_step: f64,
    /// Alerts raised in this session.
    pub alerts: Vec<AlertRecord>,
}

/// A training under watch.
#[derive(Debug)]
pub struct Session<T: Real> {
    spec: Spec,
    trainer: Trainer<T>,
    alarm: Alarm,
    recorder: Recorder,
    hooks: Hooks<'static, T>,
}

impl<T: Real> Session<T> {
    /// A training that begins as the specification says.
    ///
    /// # Errors
    ///
    /// [`TrainError`]: no `[train]` table, or weights that could not be drawn.
    pub fn new(spec: &Spec) -> Result<Self, TrainError> {
        let mut trainer = Trainer::new(spec)?;
        let mut hooks = Hooks::new();
        let recorder = Recorder::attach(trainer.network(), &mut hooks);
        let train = trainer.spec().clone();
        let predicted = forecast::from_specification(spec, &mut trainer);
        let first_loss = trainer.evaluate_first(FIRST_SAMPLES)?.loss;
        let mut reference = reference(spec, predicted);
        reference.first_loss = Some(first_loss).filter(|loss| loss.is_finite() && *loss > 0.0);
        let alarm = Alarm::new(reference, train.watch.on_alert, train.steps);
        Ok(Self { spec: spec.clone(), trainer, alarm, recorder, hooks })
    }

    /// Goes on from a checkpoint; tells at which step, and by which linear algebra it was made.
    ///
    /// # Errors
    ///
    /// [`checkpoint::CheckpointError`]: not a checkpoint of this training.
    pub fn resume(
        &mut self,
        file: &std::path::Path,
    ) -> Result<checkpoint::CheckpointState, checkpoint::CheckpointError> {
        let state = checkpoint::load(file, &self.spec, &mut self.trainer)?;
        self.alarm.restore(state.alarm.clone());
        Ok(state)
    }

    /// The trainer.
    pub fn trainer(&self) -> &Trainer<T> {
        &self.trainer
    }

    /// The alarm.
    pub fn alarm(&self) -> &Alarm {
        &self.alarm
    }

    /// What a log begins with: the header, and what theory says of the start.
    pub fn opening(&self) -> Vec<Record> {
        let predicted = &self.alarm.reference().predicted;
        std::iter::once(Record::Header(self.header()))
            .chain(predicted.iter().copied().map(Record::Prediction))
            .collect()
    }

    fn header(&self) -> Header {
        let spec = &self.spec;
        let train = self.trainer.spec();
        let layers = spec.network.blocks.iter().enumerate().map(|(index, block)| LayerHeader {
            layer: index + 1,
            name: (index + 1).to_string(),
            activation: block.activation.name().to_owned(),
            fan_in: block.fan_in,
            fan_out: block.fan_out,
        });
        Header {
            schema: SCHEMA.to_owned(),
            name: spec.name.clone(),
            source: concat!("gradspectra ", env!("CARGO_PKG_VERSION")).to_owned(),
            layers: layers.collect(),
            steps: Some(train.steps),
            seed: Some(spec.seed),
            batch: Some(spec.data.batch),
            precision: Some(spec.network.precision.name().to_owned()),
            loss: Some(spec.loss.name().to_owned()),
            optimizer: Some(format!("{}, learning rate {}", train.optimizer.name(), train.learning_rate)),
            data: Some(train.data.origin.clone()),
            blas: Some(checkpoint::linear_algebra()),
        }
    }

    /// Trains to the last step, or until something ends it.
    ///
    /// # Errors
    ///
    /// [`SessionError`]: the companion could not write, or a step could not be made.
    pub fn run(&mut self, companion: &mut dyn Companion<T>) -> Result<Outcome, SessionError> {
        // What is done between two steps is done there too: the cores that share the steps would fall asleep meanwhile.
        if self.trainer.is_shared_here() { awake(|| self.run_here(companion)) } else { self.run_here(companion) }
    }

    fn run_here(&mut self, companion: &mut dyn Companion<T>) -> Result<Outcome, SessionError> {
        let begun = Instant::now();
        let train = self.trainer.spec().clone();
        let first = self.trainer.steps();
        let mut alerts = Vec::new();
        let (mut seconds, mut timed) = (0.0, 0_u32);
        let mut final_loss = f64::NAN;
        let mut evaluated: Option<EvaluationRecord> = None;
        let mut ending = Ending::Finished;
        if first == 0
            && let Some(alert) = self.alarm.preflight()
        {
            companion.record(&Record::Alert(alert.clone()))?;
            alerts.push(alert);
            if train.watch.on_alert.of(AlertKind::Overflow) == Policy::Stop {
                ending = Ending::Stopped;
            }
        }
        while ending == Ending::Finished && self.trainer.steps() < train.steps {
            if companion.wants_to_end() {
                ending = Ending::Interrupted;
                break;
            }
            let started = Instant::now();
            let step = self.trainer.steps();
            let forecast_due = forecast::is_due(step);
            let recorded = forecast_due || train.watch.record.contains(step) || self.alarm.wants_everything();
            self.recorder.begin(recorded, forecast_due);
            // Before the update: the gradients are those of these weights.
            let statistics = forecast_due.then(|| forecast::statistics(self.trainer.network()));
            let outcome = self.trainer.step(&mut self.hooks)?;
            final_loss = outcome.loss;
            let (loss, grad_norm) = (finite(outcome.loss), finite(outcome.ln_gradient().exp()));
            let (layers, boundary) = match (recorded, loss.is_some() && grad_norm.is_some()) {
                (true, _) => self.recorder.take(step),
                (false, true) => (Vec::new(), None),
                (false, false) => (self.afterwards(&outcome), None),
            };
            let record = StepRecord {
                step,
                loss,
                learning_rate: Some(outcome.learning_rate),
                grad_norm,
                clipped: outcome.clipped.map(|clipped| clipped.active),
                weight_grad_norms: outcome.updates.iter().map(|layer| finite(layer.weight.ln_gradient.exp())).collect(),
                non_finite: (!layers.is_empty()).then(|| layers.iter().filter_map(|layer| layer.non_finite).sum()),
                seconds: Some(begun.elapsed().as_secs_f64()),
            };
            let raised = self.alarm.observe(&record, &layers);
            let stop = self.act_on(&raised, train.watch.on_alert);
            companion.record(&Record::Step(record))?;
            companion.layers(&layers)?;
            if let Some((statistics, boundary)) =
                statistics.zip(boundary).filter(|_| forecast::is_quick(&self.spec, &layers))
            {
                let precision = self.spec.network.precision;
                for prediction in forecast::from_statistics(statistics, boundary, precision, step) {
                    companion.record(&Record::Prediction(prediction))?;
                }
            }
            for alert in raised {
                companion.record(&Record::Alert(alert.clone()))?;
                alerts.push(alert);
            }
            if !outcome.loss.is_finite() {
                ending = Ending::NotFinite;
                break;
            }
            if stop {
                companion.after_step(&self.trainer, &self.alarm)?;
                ending = Ending::Stopped;
                break;
            }
            seconds += started.elapsed().as_secs_f64();
            timed += 1;
            if train.evaluate_every > 0 && (step + 1).is_multiple_of(train.evaluate_every) && step + 1 < train.steps {
                let evaluation = self.evaluate()?;
                companion.record(&Record::Evaluation(evaluation))?;
                evaluated = Some(evaluation);
            }
            companion.after_step(&self.trainer, &self.alarm)?;
        }
        let steps = self.trainer.steps();
        let evaluation = match evaluated.filter(|evaluation| evaluation.step == steps) {
            Some(evaluation) => evaluation,
            None => {
                let evaluation = self.evaluate()?;
                companion.record(&Record::Evaluation(evaluation))?;
                evaluation
            }
        };
        if ending == Ending::Finished && !self.trainer.is_finite() {
            ending = Ending::NotFinite;
        }
        companion.record(&Record::End { step: steps, reason: ending })?;
        // Not finite where no step was timed.
        let seconds_per_step = seconds / f64::from(timed);
        Ok(Outcome { ending, steps, steps_here: steps - first, final_loss, evaluation, seconds_per_step, alerts })
    }

    /// What can still be told of the layers of a step that was not to be recorded, and left numbers that are not finite.
    fn afterwards(&self, outcome: &StepOutcome) -> Vec<LayerRecord> {
        let mut layers = self.recorder.of_the_tape(self.trainer.tape(), outcome.step);
        for (layer, update) in layers.iter_mut().zip(&outcome.updates) {
            layer.weight_grad_norm = finite(update.weight.ln_gradient.exp());
            layer.bias_grad_norm = update.bias.and_then(|bias| finite(bias.ln_gradient.exp()));
            let lost = layer.weight_grad_norm.is_none() || (update.bias.is_some() && layer.bias_grad_norm.is_none());
            layer.non_finite = layer.non_finite.max(Some(u64::from(lost)));
        }
        layers
    }

    /// Does what the policies say; `true` to end.
    fn act_on(&mut self, alerts: &[AlertRecord], policies: Policies) -> bool {
        let wants = |policy| alerts.iter().any(|alert| policies.of(alert.alert) == policy);
        if wants(Policy::Clip)
            && let Some(norm) = self.alarm.usual_gradient_norm()
        {
            match self.trainer.clipping() {
                // A bound on every entry is what the user chose; it stays.
                Some(Clip::Value(_)) => {}
                Some(Clip::Norm(bound)) => self.trainer.set_clipping(Some(Clip::Norm(bound.min(norm)))),
                None => self.trainer.set_clipping(Some(Clip::Norm(norm))),
            }
        }
        wants(Policy::Stop)
    }

    fn evaluate(&self) -> Result<EvaluationRecord, TrainError> {
        let (train, test) = (self.trainer.evaluate_train()?, self.trainer.evaluate_test()?);
        Ok(EvaluationRecord {
            step: self.trainer.steps(),
            train_loss: finite(train.loss),
            train_accuracy: train.accuracy,
            test_loss: test.and_then(|test| finite(test.loss)),
            test_accuracy: test.and_then(|test| test.accuracy),
        })
    }
}

fn finite(value: f64) -> Option<f64> {
    Some(value).filter(|value| value.is_finite())
}

/// Samples whose mean loss at the start later losses are compared with.
const FIRST_SAMPLES: usize = 256;

/// What the alarm compares a run with.
fn reference(spec: &Spec, predicted: Vec<PredictionRecord>) -> Reference {
    let blocks = &spec.network.blocks;
    Reference {
        format: crate::spec::FORMATS.iter().find(|format| format.name == spec.network.precision.name()),
        first_loss: None,
        loss_is_positive: matches!(spec.loss, Loss::Mse | Loss::CrossEntropy),
        predicted,
        sigma_w: blocks.iter().map(BlockSpec::sigma_w).zip(forecast::critical_sigma_w(blocks)).collect(),
        activations: blocks.iter().map(|block| block.activation.name().to_owned()).collect(),
        entries: blocks.iter().map(|block| block.fan_in * block.fan_out).collect(),
        units: blocks.iter().map(|block| block.fan_out).collect(),
    }
}
