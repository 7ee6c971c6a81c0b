//! The `[train]` table.

use std::sync::Arc;

use super::{AlertKind, Clip, Decay, Optimizer, Policies, Policy, RecordSchedule, Schedule, TrainSpec, WatchSpec};
use crate::data::TrainingSet;
use crate::names;
use crate::spec::SpecError;
use crate::spec::reader::{Table, Value};

const MAX_STEPS: u64 = 1_000_000_000;
const MAX_EPOCHS: u64 = 10_000_000;

/// Learning rates beyond these overflow or do nothing in every format.
const RATES: (f64, f64) = (1e-30, 1e30);

/// Reads the table; `batch` is the size of a mini-batch.
pub(in crate::spec) fn train(table: &Table<'_>, data: TrainingSet, batch: usize) -> Result<TrainSpec, SpecError> {
    table.only(&[
        "optimizer",
        "learning_rate",
        "schedule",
        "clip_norm",
        "clip_value",
        "weight_decay",
        "steps",
        "epochs",
        "test_fraction",
        "evaluate_every",
        "watch",
    ])?;
    let optimizer = match table.get("optimizer") {
        Some(value) => optimizer(&value)?,
        None => Optimizer::ALL[0].1,
    };
    let rate = table.require("learning_rate", ": for example learning_rate = 0.01")?;
    let learning_rate = rate.within(RATES.0, RATES.1)?;
    let schedule = table.get("schedule").map_or(Ok(Schedule::CONSTANT), |value| schedule(&value))?;
    let clip = clip(table)?;
    let weight_decay = table.get("weight_decay").map_or(Ok(0.0), |value| value.within(0.0, 1e10))?;
    let test_fraction = test_fraction(table)?;
    let kept = (test_fraction * data.len() as f64).round() as usize;
    let trained = data.len().saturating_sub(kept).max(1);
    if batch > trained {
        let place = table.get("test_fraction").unwrap_or(rate);
        return Err(place.wrong(format!(
            "leaves {trained} of {} samples to train on, fewer than the batch of {batch}: reduce data.batch",
            data.len()
        )));
    }
    let steps = match (table.get("steps"), table.get("epochs")) {
        (Some(_), Some(epochs)) => return Err(epochs.wrong("and `steps` are both given: keep one")),
        (Some(steps), None) => steps.integer(1, MAX_STEPS)?,
        (None, Some(epochs)) => epochs.integer(1, MAX_EPOCHS)?.saturating_mul((trained / batch) as u64),
        (None, None) => table.require("steps", ": the number of updates; or `epochs`")?.integer(1, MAX_STEPS)?,
    };
    let evaluate_every = table.get("evaluate_every").map_or(Ok(0), |value| value.integer(1, MAX_STEPS))?;
    let watch = table.get("watch").map_or(Ok(WatchSpec::default()), |value| watch(&value.table()?))?;
    Ok(TrainSpec {
        optimizer,
        learning_rate,
        schedule,
        clip,
        weight_decay,
        steps,
        data: Arc::new(data),
        test_fraction,
        evaluate_every,
        watch,
    })
}

/// Share of the samples that is kept for testing.
pub(in crate::spec) fn test_fraction(table: &Table<'_>) -> Result<f64, SpecError> {
    table.get("test_fraction").map_or(Ok(0.0), |value| value.within(0.0, 0.95))
}

/// A name, or a table with `kind` and constants.
fn optimizer(value: &Value<'_>) -> Result<Optimizer, SpecError> {
    let known = |given: &Value<'_>| {
        let name = given.string()?;
        let wanted = names::canonical(name);
        let found = Optimizer::ALL.into_iter().find(|(known, _)| names::canonical(known) == wanted);
        found.map(|(_, optimizer)| optimizer).ok_or_else(|| {
            let suggestion = names::suggestion(name, Optimizer::ALL.map(|(name, _)| name));
            given.wrong(format!("is the unknown optimiser \"{name}\": {suggestion}"))
        })
    };
    if value.string().is_ok() {
        return known(value);
    }
    let table = value.table()?;
    let kind = table.require("kind", ": \"sgd\", \"momentum\", \"nesterov\", \"rmsprop\", \"adam\" or \"adamw\"")?;
    let mut chosen = known(&kind)?;
    let share = |key, default: f64| table.get(key).map_or(Ok(default), |value| value.within(0.0, 1.0 - 1e-12));
    let small = |default: f64| table.get("epsilon").map_or(Ok(default), |value| value.within(0.0, 1.0));
    match &mut chosen {
        Optimizer::Sgd { momentum, nesterov } => {
            table.only(&["kind", "momentum", "nesterov"])?;
            *momentum = share("momentum", *momentum)?;
            *nesterov = table.get("nesterov").map_or(Ok(*nesterov), |value| value.boolean())?;
            if *nesterov && *momentum == 0.0 {
                return Err(value.wrong("has nesterov = true without momentum: give `momentum` > 0"));
            }
        }
        Optimizer::RmsProp { alpha, epsilon } => {
            table.only(&["kind", "alpha", "epsilon"])?;
            (*alpha, *epsilon) = (share("alpha", *alpha)?, small(*epsilon)?);
        }
        Optimizer::Adam { beta1, beta2, epsilon } | Optimizer::AdamW { beta1, beta2, epsilon } => {
            table.only(&["kind", "beta1", "beta2", "epsilon"])?;
            (*beta1, *beta2, *epsilon) = (share("beta1", *beta1)?, share("beta2", *beta2)?, small(*epsilon)?);
        }
    }
    Ok(chosen)
}

const DECAYS: [&str; 5] = ["constant", "step", "exponential", "linear", "cosine"];

/// A name, or a table with `kind`, `warmup` and constants.
fn schedule(value: &Value<'_>) -> Result<Schedule, SpecError> {
    if let Ok(name) = value.string() {
        return Ok(Schedule { warmup: 0, decay: decay(name, value, None)? });
    }
    let table = value.table()?;
    let warmup = table.get("warmup").map_or(Ok(0), |value| value.integer(0, MAX_STEPS))?;
    let decay = match table.get("kind") {
        Some(kind) => decay(kind.string()?, &kind, Some(&table))?,
        None => decay("constant", value, Some(&table))?,
    };
    Ok(Schedule { warmup, decay })
}

fn decay(name: &str, place: &Value<'_>, table: Option<&Table<'_>>) -> Result<Decay, SpecError> {
    let allow = |keys: &[&'static str]| {
        let common = ["kind", "warmup"];
        table.map_or(Ok(()), |table| table.only(&[&common, keys].concat()))
    };
    let factor = |key: &'static str, default: Option<f64>| match (table.and_then(|table| table.get(key)), default) {
        (Some(value), _) => value.within(0.0, 1.0),
        (None, Some(default)) => Ok(default),
        (None, None) => {
            Err(place.wrong(format!("is \"{name}\": give its `{key}` in a table {{ kind = \"{name}\", {key} = ... }}")))
        }
    };
    match names::canonical(name).as_str() {
        "constant" => allow(&[]).map(|()| Decay::Constant),
        "step" => {
            allow(&["every", "gamma"])?;
            let every = table.and_then(|table| table.get("every"));
            let every = every.ok_or_else(|| place.wrong("is \"step\": give the steps between two falls as `every`"))?;
            Ok(Decay::Step { every: every.integer(1, MAX_STEPS)?, gamma: factor("gamma", Some(0.1))? })
        }
        "exponential" => {
            allow(&["gamma"])?;
            Ok(Decay::Exponential { gamma: factor("gamma", None)? })
        }
        "linear" => {
            allow(&["last"])?;
            Ok(Decay::Linear { last: factor("last", Some(0.0))? })
        }
        "cosine" => {
            allow(&["last"])?;
            Ok(Decay::Cosine { last: factor("last", Some(0.0))? })
        }
        _ => {
            let suggestion = names::suggestion(name, DECAYS);
            Err(place.wrong(format!("is the unknown schedule \"{name}\": {suggestion}")))
        }
    }
}

fn clip(table: &Table<'_>) -> Result<Option<Clip>, SpecError> {
    match (table.get("clip_norm"), table.get("clip_value")) {
        (Some(_), Some(value)) => Err(value.wrong("and `clip_norm` are both given: keep one")),
        (Some(norm), None) => Ok(Some(Clip::Norm(norm.positive()?))),
        (None, Some(bound)) => Ok(Some(Clip::Value(bound.positive()?))),
        (None, None) => Ok(None),
    }
}

fn watch(table: &Table<'_>) -> Result<WatchSpec, SpecError> {
    table.only(&["every", "per_decade", "on_alert"])?;
    let record = match (table.get("every"), table.get("per_decade")) {
        (Some(_), Some(value)) => return Err(value.wrong("and `every` are both given: keep one")),
        (Some(every), None) => RecordSchedule::Every(every.integer(1, MAX_STEPS)?),
        (None, Some(count)) => RecordSchedule::PerDecade(count.integer(1, 10_000)? as u32),
        (None, None) => WatchSpec::default().record,
    };
    let on_alert = table.get("on_alert").map_or(Ok(WatchSpec::default().on_alert), |value| policies(&value))?;
    Ok(WatchSpec { record, on_alert })
}

/// A policy for all alerts, or a table of policies by kind, with `default` for the rest.
fn policies(value: &Value<'_>) -> Result<Policies, SpecError> {
    if value.string().is_ok() {
        return Ok(Policies::all(policy(value)?));
    }
    let table = value.table()?;
    let names = AlertKind::ALL.map(AlertKind::name);
    table.only(&[&names[..], &["default"]].concat())?;
    let default = table.get("default").map_or(Ok(Policy::Warn), |value| policy(&value))?;
    AlertKind::ALL.into_iter().try_fold(Policies::all(default), |policies, kind| match table.get(kind.name()) {
        Some(value) => Ok(policies.with(kind, policy(&value)?)),
        None => Ok(policies),
    })
}

fn policy(value: &Value<'_>) -> Result<Policy, SpecError> {
    let given = value.string()?;
    let wanted = names::canonical(given);
    let found = Policy::ALL.into_iter().find(|(name, _)| *name == wanted).map(|(_, policy)| policy);
    found.ok_or_else(|| {
        let suggestion = names::suggestion(given, Policy::ALL.map(|(name, _)| name));
        value.wrong(format!("is the unknown policy \"{given}\": {suggestion}"))
    })
}
