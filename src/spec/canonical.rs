//! A specification as a text that says everything its numbers depend on, and nothing else.

use std::fmt::Write;

use super::{AlertKind, DataSource, Decay, Law, Policy, Spec};
use crate::data::Targets;

impl Spec {
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
        let law = |law: &Law| format!("{} {:?}", law.ensemble.spelling(), law.std);
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
