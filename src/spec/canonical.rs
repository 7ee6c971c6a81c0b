//! A specification as a text that says everything its numbers depend on, and nothing else.

use std::fmt::Write;
use std::hash::Hasher;

use siphasher::sip128::{Hasher128, SipHasher24};

use super::{AlertKind, BlockSpec, DataSource, Decay, Law, Policy, Spec};
use crate::data::Targets;

/// What is done with a specification: what its numbers depend on depends on that.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Part {
    /// It is predicted.
    pub predicted: bool,
    /// It is measured.
    pub measured: bool,
    /// It is trained.
    pub trained: bool,
}

impl Part {
    /// Everything.
    pub const ALL: Self = Self { predicted: true, measured: true, trained: true };
}

/// SipHash-2-4 of 128 bits, with key 0: the same on every machine.
pub(crate) fn hash128(text: &str) -> u128 {
    let mut hasher = SipHasher24::new();
    hasher.write(text.as_bytes());
    hasher.finish128().as_u128()
}

/// The same of numbers.
fn hash_words(words: impl Iterator<Item = u64>) -> u128 {
    let mut hasher = SipHasher24::new();
    words.for_each(|word| hasher.write(&word.to_le_bytes()));
    hasher.finish128().as_u128()
}

fn hash_floats(numbers: &[f64]) -> String {
    format!("{:032x}", hash_words(numbers.iter().map(|x| x.to_bits())))
}

fn law_text(law: &Law) -> String {
    format!("{} {:?}", law.ensemble.spelling(), law.std)
}

impl Spec {
    /// What the numbers depend on that come out of a specification when `part` is done with it, one `key = value` a line, floats with all their
    /// digits, data by their hash. Two specifications with the same text have the same numbers, whatever their names and however they are written; theory
    /// alone depends neither on the seed nor on the number of trials.
    pub(crate) fn canonical(&self, part: Part) -> String {
        let mut text = String::new();
        let mut put = |key: &str, value: String| {
            // Writing to a string cannot fail.
            let _ = writeln!(text, "{key} = {value}");
        };
        if part.measured || part.trained {
            put("seed", self.seed.to_string());
        }
        put("network.input", self.network.input.to_string());
        let block = |block: &BlockSpec| {
            let biases = block.biases.as_ref().map_or_else(|| "none".to_owned(), law_text);
            let (weights, activation) = (law_text(&block.weights), block.activation.name());
            format!("{} x {}, {activation}, weights {weights}, biases {biases}", block.fan_out, block.fan_in)
        };
        // Equal layers in one line: a network of ten thousand has no text of a megabyte.
        let mut layers = self.network.blocks.iter().map(block).peekable();
        let mut layer = 1;
        while let Some(value) = layers.next() {
            let first = layer;
            while layers.next_if_eq(&value).is_some() {
                layer += 1;
            }
            put(&format!("network.layers[{first}..={layer}]"), value);
            layer += 1;
        }
        put("network.precision", self.network.precision.name().to_owned());
        put("loss.kind", self.loss.name().to_owned());
        put("data.batch", self.data.batch.to_string());
        if part.predicted || part.measured {
            match &self.data.source {
                DataSource::Gaussian => put("data.source", "gaussian".to_owned()),
                DataSource::Given { inputs, labels, targets, .. } => {
                    put("data.source", hash_floats(inputs.as_slice()));
                    if let Some(labels) = labels {
                        put("data.labels", format!("{:032x}", hash_words(labels.iter().map(|label| *label as u64))));
                    }
                    if let Some(targets) = targets {
                        put("data.targets", hash_floats(targets.as_slice()));
                    }
                }
            }
            let quantities: Vec<&str> = self.measure.quantities.iter().map(|quantity| quantity.name()).collect();
            put("measure.quantities", quantities.join(" "));
            put(
                "measure.product_spectrum",
                format!("{} {:?}", self.measure.product_spectrum, self.measure.product_depths),
            );
        }
        if part.measured {
            put("measure.trials", self.measure.trials.to_string());
        }
        if let Some(train) = self.train.as_ref().filter(|_| part.trained) {
            put("train.data", hash_floats(train.data.inputs.as_slice()));
            let targets = match &train.data.targets {
                Targets::None => "none".to_owned(),
                Targets::Classes { labels, classes } => {
                    format!("{classes} classes {:032x}", hash_words(labels.iter().map(|label| *label as u64)))
                }
                Targets::Values(values) => format!("values {}", hash_floats(values.as_slice())),
            };
            put("train.targets", targets);
            put("train.optimizer", format!("{:?}", train.optimizer));
            put("train.learning_rate", format!("{:?}", train.learning_rate));
            put("train.schedule", format!("{:?}", train.schedule));
            put("train.steps", train.steps.to_string());
            put("train.clip", format!("{:?}", train.clip));
            put("train.weight_decay", format!("{:?}", train.weight_decay));
            put("train.test_fraction", format!("{:?}", train.test_fraction));
            put("train.watch", format!("{:?}", train.watch));
        }
        text
    }

    /// What the numbers of a training depend on, one `key = value` a line, floats with all their digits, data by their hash: two
    /// specifications with the same text train the same network to the bit. The name does not count, nor what is recorded unless an alert may
    /// clip; the number of steps counts where the schedule, or that, depends on it.
    pub fn canonical_training(&self) -> String {
        let mut text = String::new();
        let mut put = |key: &str, value: String| {
            // Writing to a string cannot fail.
            let _ = writeln!(text, "{key} = {value}");
        };
        put("seed", self.seed.to_string());
        put("network.input", self.network.input.to_string());
        let law = law_text;
        for (index, block) in self.network.blocks.iter().enumerate() {
            let biases = block.biases.as_ref().map_or_else(|| "none".to_owned(), law);
            let value = format!(
                "{} x {}, {}, weights {}, biases {biases}",
                block.fan_out,
                block.fan_in,
                block.activation.name(),
                law(&block.weights)
            );
            put(&format!("network.layers[{}]", index + 1), value);
        }
        put("network.precision", self.network.precision.name().to_owned());
        put("loss.kind", self.loss.name().to_owned());
        put("data.batch", self.data.batch.to_string());
        match &self.train {
            None => {
                if let DataSource::Given { inputs, .. } = &self.data.source {
                    put("data", format!("{:016x}", hash(inputs.as_slice().iter().map(|x| x.to_bits()))));
                }
            }
            Some(train) => {
                put("data", format!("{:016x}", hash(train.data.inputs.as_slice().iter().map(|x| x.to_bits()))));
                let targets = match &train.data.targets {
                    Targets::None => "none".to_owned(),
                    Targets::Classes { labels, classes } => {
                        format!("{classes} classes {:016x}", hash(labels.iter().map(|label| *label as u64)))
                    }
                    Targets::Values(values) => {
                        format!("values {:016x}", hash(values.as_slice().iter().map(|x| x.to_bits())))
                    }
                };
                put("data.targets", targets);
                put("train.optimizer", format!("{:?}", train.optimizer));
                put("train.learning_rate", format!("{:?}", train.learning_rate));
                put("train.schedule", format!("{:?}", train.schedule));
                let clips = AlertKind::ALL.into_iter().any(|kind| train.watch.on_alert.of(kind) == Policy::Clip);
                if clips || matches!(train.schedule.decay, Decay::Linear { .. } | Decay::Cosine { .. }) {
                    put("train.steps", train.steps.to_string());
                }
                put("train.clip", format!("{:?}", train.clip));
                put("train.weight_decay", format!("{:?}", train.weight_decay));
                put("train.test_fraction", format!("{:?}", train.test_fraction));
                if clips {
                    put("train.watch", format!("{:?}", train.watch));
                }
            }
        }
        text
    }
}

/// FNV-1a over the words' bytes: stable across releases.
fn hash(words: impl Iterator<Item = u64>) -> u64 {
    words
        .flat_map(u64::to_le_bytes)
        .fold(0xcbf2_9ce4_8422_2325, |hash: u64, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}
