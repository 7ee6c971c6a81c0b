//! One layer of a product: the kind of its weights, and how many of its units pass.

use crate::law::LawError;
use crate::names::{self, Call, Registered};

/// What the law of a product sees of an ensemble of weights, all of variance 1/fan_in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Weights {
    /// Independent entries of finite variance, whatever their distribution.
    Independent,
    /// Haar: orthonormal columns (tall) or rows (wide) times a number.
    Orthogonal,
}

/// One layer: weights, and behind them independent zeros and ones on the diagonal, such as the slopes of ReLU.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Layer {
    /// The weights.
    pub weights: Weights,
    /// Probability that a unit passes, in (0, 1]; 1 without a mask.
    pub kept: f64,
}

#[derive(Debug)]
struct Entry {
    name: &'static str,
    aliases: &'static [&'static str],
    weights: Weights,
}

impl Registered for Entry {
    fn name(&self) -> &'static str {
        self.name
    }

    fn aliases(&self) -> &'static [&'static str] {
        self.aliases
    }
}

/// The ensembles with such a limit, by the names of the specification.
const KINDS: &[Entry] = &[
    Entry { name: "gaussian", aliases: &["normal", "iid"], weights: Weights::Independent },
    Entry { name: "uniform", aliases: &[], weights: Weights::Independent },
    Entry { name: "rademacher", aliases: &["sign"], weights: Weights::Independent },
    Entry { name: "truncated_normal", aliases: &[], weights: Weights::Independent },
    Entry { name: "student_t", aliases: &[], weights: Weights::Independent },
    Entry { name: "orthogonal", aliases: &["haar", "semi_orthogonal"], weights: Weights::Orthogonal },
];

impl Layer {
    /// Weights alone.
    pub fn new(weights: Weights) -> Self {
        Self { weights, kept: 1.0 }
    }

    /// This with a mask behind it that lets a unit pass with the given probability.
    ///
    /// # Errors
    ///
    /// [`LawError::Value`] for a probability outside (0, 1].
    pub fn masked(self, kept: f64) -> Result<Self, LawError> {
        if kept > 0.0 && kept <= 1.0 {
            Ok(Self { kept: self.kept * kept, ..self })
        } else {
            Err(LawError::value(
                "ensembles",
                format!("mask({kept})"),
                "a mask with a probability above 0 and at most 1",
            ))
        }
    }

    /// From the spelling of the command line: an ensemble, then `*relu` or `*mask(p)`: `gaussian*relu`, `orthogonal*mask(0.3)`.
    ///
    /// # Errors
    ///
    /// [`LawError`]: an unknown name, or a mask that is none.
    pub fn parse(text: &str) -> Result<Self, LawError> {
        let wrong =
            || LawError::value("ensembles", text, "an ensemble, and behind it *relu or *mask(p): orthogonal*mask(0.3)");
        let mut parts = text.split('*');
        let call = Call::parse(parts.next().unwrap_or_default()).map_err(|_| wrong())?;
        let entry = names::find("ensemble", KINDS, call.name)?;
        // The limit depends on no argument where the variance exists.
        let (takes, least) = match entry.name {
            "truncated_normal" => (1, 0.0),
            "student_t" => (1, 2.0),
            _ => (0, 0.0),
        };
        let allowed =
            |argument: &&str| argument.parse::<f64>().is_ok_and(|number| number > least && number.is_finite());
        if call.arguments.len() > takes || !call.arguments.iter().all(allowed) {
            return Err(wrong());
        }
        parts.try_fold(Self::new(entry.weights), |layer, mask| {
            let call = Call::parse(mask).map_err(|_| wrong())?;
            match (names::canonical(call.name).as_str(), &call.arguments[..]) {
                ("relu", []) => layer.masked(0.5),
                ("mask", [kept]) => layer.masked(kept.parse().map_err(|_| wrong())?),
                _ => Err(wrong()),
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spellings() {
        let layer = |text| Layer::parse(text).expect("allowed");
        assert_eq!(layer("gaussian"), Layer::new(Weights::Independent));
        assert_eq!(layer("student_t(3)*relu"), Layer { weights: Weights::Independent, kept: 0.5 });
        assert_eq!(layer("Haar * mask(0.3)"), Layer { weights: Weights::Orthogonal, kept: 0.3 });
        for wrong in [
            "",
            "gaussian*",
            "gaussian*mask(0)",
            "gaussian*mask(1.5)",
            "haar*mask",
            "student_t(2)",
            "gausian(1)",
            "haar*mask(nan)",
        ] {
            assert!(Layer::parse(wrong).is_err(), "{wrong}");
        }
    }
}
