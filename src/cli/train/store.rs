//! The files of a run: its log and its checkpoint.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::Context;
use rayon::prelude::*;

use crate::linalg::Real;
use crate::network::Trainer;
use crate::spec::Spec;
use crate::tensor_file::{TEMPORARY, TensorFileError};
use crate::watch::alarm::Alarm;
use crate::watch::checkpoint::{CheckpointError, save, save_weights};
use crate::watch::{LayerRecord, Record, line};

/// Name of the log in a run's directory.
const LOG: &str = "log.jsonl";
/// Name of the checkpoint.
const CHECKPOINT: &str = "checkpoint.safetensors";
/// Name of the weights at the end.
const WEIGHTS: &str = "model.safetensors";

/// The directory of one run.
#[derive(Debug)]
pub(super) struct Store {
    directory: PathBuf,
    log: BufWriter<File>,
    flushed: Instant,
    /// When a checkpoint was written; none yet: the first step writes one.
    saved: Option<Instant>,
    every: Duration,
    /// Held as long as the process lives, however it ends.
    _lock: File,
}

/// Locked by the process that trains in the directory.
const LOCK: &str = ".lock";

/// Takes the directory for this process alone, and clears away what a killed one has left half-written.
fn take(directory: &Path) -> anyhow::Result<File> {
    std::fs::create_dir_all(directory).with_context(|| format!("{}: cannot be created", directory.display()))?;
    let file = directory.join(LOCK);
    let problem = || format!("{}: cannot be written; choose another directory with --out", file.display());
    let lock = OpenOptions::new().create(true).truncate(false).write(true).open(&file).with_context(problem)?;
    match lock.try_lock() {
        // File systems without locks: two processes are then the user's care.
        Ok(()) | Err(TryLockError::Error(_)) => {}
        Err(TryLockError::WouldBlock) => anyhow::bail!(
            "{}: another process is training there; wait for it, or choose another directory with --out",
            directory.display()
        ),
    }
    for entry in std::fs::read_dir(directory).into_iter().flatten().flatten() {
        if entry.file_name().to_string_lossy().starts_with(TEMPORARY) {
            // Left over is no harm.
            let _ = std::fs::remove_file(entry.path());
        }
    }
    Ok(lock)
}

/// The log reaches the system at least as often: whoever watches it sees it grow.
const FLUSH: Duration = Duration::from_millis(250);

/// Lines that one core writes at once: some ten microseconds.
const LINES_AT_ONCE: usize = 16;

/// Whether a directory holds a run.
pub(super) fn holds_a_run(directory: &Path) -> bool {
    [LOG, CHECKPOINT, WEIGHTS].iter().any(|name| directory.join(name).exists())
}

pub(super) fn checkpoint_file(directory: &Path) -> PathBuf {
    directory.join(CHECKPOINT)
}

impl Store {
    /// A new run: its log begins with the given records. The files of an earlier run are replaced.
    pub fn create(directory: &Path, every: Duration, opening: &[Record]) -> anyhow::Result<Self> {
        let lock = take(directory)?;
        // Never a new log beside an old checkpoint or old weights.
        for name in [CHECKPOINT, WEIGHTS] {
            match std::fs::remove_file(directory.join(name)) {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                    let file = directory.join(name);
                    return Err(error).with_context(|| format!("{}: cannot be replaced", file.display()));
                }
                _ => {}
            }
        }
        let text: String = opening.iter().map(line).collect();
        Self::begin(directory, every, &text, lock)
    }

    /// Goes on after a checkpoint at `step`: what the log says of later steps is cut off, they are made again. Tells the last step before
    /// that the log knows of.
    pub fn reopen(
        directory: &Path,
        every: Duration,
        opening: &[Record],
        step: u64,
        evaluate_every: u64,
    ) -> anyhow::Result<(Self, Option<u64>)> {
        let lock = take(directory)?;
        let file = directory.join(LOG);
        let (mut kept, mut logged) = (String::new(), None);
        match std::fs::read(&file) {
            Ok(bytes) => {
                // A torn line may end inside a character.
                let text = String::from_utf8_lossy(&bytes);
                for text in text.split_inclusive('\n').filter(|text| text.ends_with('\n')) {
                    let known = serde_json::from_str::<Record>(text);
                    let record = known.with_context(|| {
                        format!("{}: a line is none of a log; move the file away to go on without it", file.display())
                    })?;
                    if is_before(&record, step, evaluate_every) {
                        if let Record::Step(record) = &record {
                            logged = Some(record.step);
                        }
                        kept.push_str(text);
                    }
                }
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            Err(error) => return Err(error).with_context(|| format!("{}: cannot be read", file.display())),
        }
        if kept.is_empty() {
            kept = opening.iter().map(line).collect();
        }
        kept.push_str(&line(&Record::Resume { step }));
        Ok((Self::begin(directory, every, &kept, lock)?, logged))
    }

    fn begin(directory: &Path, every: Duration, text: &str, lock: File) -> anyhow::Result<Self> {
        let file = directory.join(LOG);
        let problem = || format!("{}: cannot be written; choose another directory with --out", file.display());
        let mut temporary = tempfile::Builder::new().prefix(TEMPORARY).tempfile_in(directory).with_context(problem)?;
        temporary.write_all(text.as_bytes()).with_context(problem)?;
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            let readable = std::fs::Permissions::from_mode(0o644);
            temporary.as_file().set_permissions(readable).with_context(problem)?;
        }
        temporary.as_file().sync_all().with_context(problem)?;
        temporary.persist(&file).with_context(problem)?;
        let log = OpenOptions::new().append(true).open(&file).with_context(problem)?;
        let now = Instant::now();
        Ok(Self {
            directory: directory.to_owned(),
            log: BufWriter::with_capacity(1 << 16, log),
            flushed: now,
            saved: None,
            every,
            _lock: lock,
        })
    }

    /// Appends a record.
    pub fn record(&mut self, record: &Record) -> std::io::Result<()> {
        self.log.write_all(line(record).as_bytes())?;
        if self.flushed.elapsed() >= FLUSH || matches!(record, Record::Alert(_) | Record::End { .. }) {
            self.log.flush()?;
            self.flushed = Instant::now();
        }
        Ok(())
    }

    /// Appends the records of all layers of a step; the cores share the work of writing numbers down.
    pub fn layers(&mut self, layers: &[LayerRecord]) -> std::io::Result<()> {
        let lines =
            |layers: &[LayerRecord]| layers.iter().map(|layer| line(&Record::Layer(*layer))).collect::<String>();
        let parts: Vec<String> = layers.par_chunks(LINES_AT_ONCE).map(lines).collect();
        parts.iter().try_for_each(|text| self.log.write_all(text.as_bytes()))
    }

    /// Saves the training if it is time.
    pub fn save_if_due<T: Real>(
        &mut self,
        spec: &Spec,
        trainer: &Trainer<T>,
        alarm: &Alarm,
    ) -> Result<(), CheckpointError> {
        if self.saved.is_some_and(|saved| saved.elapsed() < self.every) {
            Ok(())
        } else {
            self.save(spec, trainer, alarm)
        }
    }

    /// Saves the training: first the log to the disk, then the checkpoint, so that a checkpoint never knows more than its log.
    pub fn save<T: Real>(&mut self, spec: &Spec, trainer: &Trainer<T>, alarm: &Alarm) -> Result<(), CheckpointError> {
        // Weights that are not finite would replace the last ones from which there is a way on.
        if !trainer.is_finite() {
            return Ok(());
        }
        let log = self.log.flush().and_then(|()| self.log.get_ref().sync_data());
        log.map_err(|source| CheckpointError::File(TensorFileError::Io { file: self.log_file(), source }))?;
        let result = save(&checkpoint_file(&self.directory), spec, trainer, alarm.state());
        self.saved = Some(Instant::now());
        result
    }

    /// Writes the weights alone, and the rest of the log.
    pub fn finish<T: Real>(&mut self, spec: &Spec, trainer: &Trainer<T>) -> anyhow::Result<()> {
        self.log
            .flush()
            .and_then(|()| self.log.get_ref().sync_data())
            .with_context(|| format!("{}", self.log_file().display()))?;
        save_weights(&self.directory.join(WEIGHTS), spec, trainer.network())?;
        Ok(())
    }

    pub fn log_file(&self) -> PathBuf {
        self.directory.join(LOG)
    }

    pub fn checkpoint_file(&self) -> PathBuf {
        checkpoint_file(&self.directory)
    }

    pub fn weights_file(&self) -> PathBuf {
        self.directory.join(WEIGHTS)
    }
}

/// Whether a line belongs to what a checkpoint at `step` has behind it.
fn is_before(record: &Record, step: u64, evaluate_every: u64) -> bool {
    match record {
        Record::Header(_) => true,
        Record::Step(record) => record.step < step,
        Record::Layer(record) => record.step < step,
        Record::Prediction(record) => record.step < step || record.step == 0,
        Record::Alert(record) => record.step < step,
        // The last one of a run that was ended before its time would not be there without the interruption.
        Record::Evaluation(record) => {
            record.step <= step && evaluate_every > 0 && record.step.is_multiple_of(evaluate_every)
        }
        Record::Resume { step: earlier } => *earlier < step,
        Record::End { .. } => false,
    }
}
