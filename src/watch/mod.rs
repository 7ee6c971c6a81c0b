//! A run under observation: hooks that record every layer, prediction beside measurement, alerts, logs.

pub mod alarm;
pub mod checkpoint;
mod forecast;
mod log;
mod record;
mod recorder;
mod session;

pub use crate::spec::AlertKind;
pub use log::{Log, LogError, line};
pub use record::{
    AlertRecord, Basis, Ending, EvaluationRecord, Header, LayerHeader, LayerRecord, PredictionRecord, Record, SCHEMA,
    StepRecord,
};
pub use recorder::{Boundary, MOMENT_ENTRIES, Recorder};
pub use session::{Companion, Outcome, Session, SessionError};
