//! Logs: written line by line, read whole.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::record::{
    AlertRecord, Ending, EvaluationRecord, Header, LayerRecord, PredictionRecord, Record, SCHEMA, StepRecord,
};

/// A log, sorted by what its lines are about. Lines keep their order.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Log {
    /// The first line.
    pub header: Header,
    /// The network by step.
    pub steps: Vec<StepRecord>,
    /// The layers by step.
    pub layers: Vec<LayerRecord>,
    /// The predictions.
    pub predictions: Vec<PredictionRecord>,
    /// The alerts.
    pub alerts: Vec<AlertRecord>,
    /// The evaluations.
    pub evaluations: Vec<EvaluationRecord>,
    /// Steps at which training went on from a checkpoint.
    pub resumed: Vec<u64>,
    /// How it ended, if it has.
    pub ended: Option<(u64, Ending)>,
    /// Whether the last line is cut short: the writer was killed, or is still at it.
    pub torn: bool,
}

/// Why a file is not a log.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// The file cannot be read.
    #[error("{}: {source}", file.display())]
    Read {
        /// The file.
        file: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// A line that is none of a log.
    #[error("{}:{line}: not a line of a log: {problem}", file.display())]
    Line {
        /// The file.
        file: PathBuf,
        /// The line, from 1.
        line: usize,
        /// What is wrong.
        problem: String,
    },
    /// Nothing to draw.
    #[error("{}: no layer was recorded: a log has lines with kind \"layer\", a step and a layer, or lists of weight_grad_norms", file.display())]
    Empty {
        /// The file.
        file: PathBuf,
    },
}

/// Layers beyond this are refused: a log is drawn, and a figure has a row a layer.
const MOST_LAYERS: usize = 1_000_000;

impl Log {
    /// Reads a log. Unknown keys are passed over; a last line that is cut short is left out and told by `torn`.
    ///
    /// # Errors
    ///
    /// [`LogError`] names the file and the line.
    pub fn read(file: &Path) -> Result<Self, LogError> {
        let text = std::fs::read_to_string(file).map_err(|source| LogError::Read { file: file.to_owned(), source })?;
        let log = Self::parse(&text, file)?;
        if log.depth() == 0 {
            return Err(LogError::Empty { file: file.to_owned() });
        }
        Ok(log)
    }

    /// As [`Log::read`], from its text; `file` names it in messages. May be empty.
    ///
    /// # Errors
    ///
    /// [`LogError::Line`].
    pub fn parse(text: &str, file: &Path) -> Result<Self, LogError> {
        let mut log = Self::default();
        let mut abandoned = Vec::new();
        let whole = text.ends_with('\n');
        let count = text.lines().count();
        for (index, line) in text.lines().enumerate() {
            let line_error = |problem: String| LogError::Line { file: file.to_owned(), line: index + 1, problem };
            if line.trim().is_empty() {
                continue;
            }
            match serde_json::from_str::<Record>(line) {
                Ok(Record::Resume { step }) => {
                    abandoned.push((step, log.lengths()));
                    log.resumed.push(step);
                    // The end that was written before is not the end any more.
                    log.ended = None;
                }
                Ok(record) => log.add(record).map_err(line_error)?,
                Err(_) if !whole && index + 1 == count => log.torn = true,
                Err(error) => return Err(line_error(complaint(&error, line))),
            }
        }
        log.forget(&abandoned);
        Ok(log)
    }

    /// Numbers of records: steps, layers, predictions, alerts, evaluations.
    fn lengths(&self) -> [usize; 5] {
        [self.steps.len(), self.layers.len(), self.predictions.len(), self.alerts.len(), self.evaluations.len()]
    }

    /// Leaves out what was written before a resume about steps that were made again after it: a run that was killed had gone on after its
    /// last checkpoint, and where the second course is recorded at other steps, both would be mixed.
    fn forget(&mut self, abandoned: &[(u64, [usize; 5])]) {
        let cuts = |k: usize| abandoned.iter().map(|(step, lengths)| (*step, lengths[k])).collect::<Vec<_>>();
        drop_abandoned(&mut self.steps, &cuts(0), |record| record.step);
        drop_abandoned(&mut self.layers, &cuts(1), |record| record.step);
        drop_abandoned(&mut self.predictions, &cuts(2), |record| record.step);
        drop_abandoned(&mut self.alerts, &cuts(3), |record| record.step);
        // An evaluation after `step` updates is of the weights of the checkpoint itself.
        drop_abandoned(&mut self.evaluations, &cuts(4), |record| record.step.saturating_sub(1));
    }

    fn add(&mut self, record: Record) -> Result<(), String> {
        match record {
            Record::Header(header) => {
                if !header.schema.is_empty() && header.schema != SCHEMA {
                    return Err(format!("its schema is `{}`, and `{SCHEMA}` is read", header.schema));
                }
                self.header = header;
            }
            Record::Step(step) => {
                if step.weight_grad_norms.len() > MOST_LAYERS {
                    return Err(format!("weight_grad_norms has more than {MOST_LAYERS} layers"));
                }
                self.steps.push(step);
            }
            Record::Layer(layer) => {
                if !(1..=MOST_LAYERS).contains(&layer.layer) {
                    return Err(format!("layer {} is not from 1 to {MOST_LAYERS}", layer.layer));
                }
                self.layers.push(layer);
            }
            Record::Prediction(prediction) => self.predictions.push(prediction),
            Record::Alert(alert) => self.alerts.push(alert),
            Record::Evaluation(evaluation) => self.evaluations.push(evaluation),
            Record::Resume { step } => self.resumed.push(step),
            Record::End { step, reason } => self.ended = Some((step, reason)),
        }
        Ok(())
    }

    /// Number of layers that were recorded.
    pub fn depth(&self) -> usize {
        let listed = self.steps.iter().map(|record| record.weight_grad_norms.len());
        self.layers.iter().map(|record| record.layer).chain(listed).max().unwrap_or(0)
    }

    /// The records of the layers by step and layer.
    pub fn by_step(&self) -> BTreeMap<u64, BTreeMap<usize, &LayerRecord>> {
        let mut by_step: BTreeMap<u64, BTreeMap<usize, &LayerRecord>> = BTreeMap::new();
        for record in &self.layers {
            by_step.entry(record.step).or_default().insert(record.layer, record);
        }
        by_step
    }
}

/// What is wrong with a line, of which the parser sees nothing else: its "line 1" would mislead.
fn complaint(error: &serde_json::Error, line: &str) -> String {
    let problem = error.to_string().replace(" at line 1 column ", " at column ");
    let no_number = ["NaN", "Infinity"].iter().any(|name| line.contains(name));
    // Python's json.dumps writes them unless it is told not to.
    if error.is_syntax() && no_number {
        format!("{problem}; JSON has no NaN and no infinity, null stands for both")
    } else {
        problem
    }
}

/// Drops records whose step is not below that of a later cut (step, number of records before it).
fn drop_abandoned<T>(records: &mut Vec<T>, cuts: &[(u64, usize)], step: impl Fn(&T) -> u64) {
    if cuts.is_empty() {
        return;
    }
    // From the end: the least step of all cuts that come later.
    let mut limits = vec![u64::MAX; records.len()];
    let (mut least, mut later) = (u64::MAX, cuts.iter().rev().peekable());
    for (index, limit) in limits.iter_mut().enumerate().rev() {
        while let Some((at, _)) = later.next_if(|(_, before)| index < *before) {
            least = least.min(*at);
        }
        *limit = least;
    }
    let mut limits = limits.into_iter();
    records.retain(|record| limits.next().is_none_or(|limit| limit == u64::MAX || step(record) < limit));
}

/// A record as a line of a log, with its end. Numbers that are not finite must have been replaced before.
pub fn line(record: &Record) -> String {
    let mut line = serde_json::to_string(record).unwrap_or_default();
    line.push('\n');
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Log {
        Log::parse(text, Path::new("test.jsonl")).expect("a log")
    }

    #[test]
    fn what_was_made_again_after_a_resume_is_forgotten() {
        let layer = |step: u64, norm: u64| {
            format!("{{\"kind\":\"layer\",\"step\":{step},\"layer\":1,\"weight_grad_norm\":{norm}}}\n")
        };
        let evaluation = |step: u64| format!("{{\"kind\":\"evaluation\",\"step\":{step}}}\n");
        let text = [
            layer(0, 1),
            evaluation(10),
            layer(10, 1),
            layer(25, 1),
            evaluation(30),
            "{\"kind\":\"resume\",\"step\":10}\n".to_owned(),
            layer(10, 2),
            layer(20, 2),
            layer(30, 2),
            "{\"kind\":\"resume\",\"step\":30}\n".to_owned(),
            layer(30, 3),
        ]
        .concat();
        let log = parse(&text);
        let kept: Vec<_> = log.layers.iter().map(|r| (r.step, r.weight_grad_norm)).collect();
        assert_eq!(kept, [(0, Some(1.0)), (10, Some(2.0)), (20, Some(2.0)), (30, Some(3.0))]);
        assert_eq!(log.evaluations.iter().map(|r| r.step).collect::<Vec<_>>(), [10]);
        assert_eq!(log.resumed, [10, 30]);
    }

    #[test]
    fn a_torn_last_line_is_told_and_a_torn_line_elsewhere_refused() {
        let whole = "{\"kind\":\"layer\",\"step\":0,\"layer\":1}\n";
        let torn = "{\"kind\":\"layer\",\"st";
        let log = parse(&format!("{whole}{torn}"));
        assert!(log.torn && log.layers.len() == 1);
        let error =
            Log::parse(&format!("{whole}{torn}\n{whole}"), Path::new("x.jsonl")).expect_err("torn in the middle");
        assert!(error.to_string().starts_with("x.jsonl:2: "), "{error}");
        let error = Log::parse("{\"kind\":\"step\",\"loss\":NaN}\n", Path::new("x.jsonl")).expect_err("not JSON");
        assert!(
            error.to_string().ends_with("at column 23; JSON has no NaN and no infinity, null stands for both"),
            "{error}"
        );
    }
}
