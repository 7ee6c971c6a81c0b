//! Specifications that come with the program.

use std::path::Path;

use super::Spec;

/// A specification that is known by name.
#[derive(Debug)]
pub struct BuiltinSpec {
    /// The name.
    pub name: &'static str,
    /// What it is, for the help.
    pub summary: &'static str,
    /// Its TOML text.
    pub text: &'static str,
}

/// The lesson's variants: each changes what its name says and keeps the rest of the lesson's network.
pub const VARIANTS: &[&str] = &[
    "lesson",
    "sigmoid-torch",
    "sigmoid-xavier",
    "tanh-critical",
    "relu-he",
    "relu-torch",
    "linear-normal",
    "tanh-chaos",
    "linear-overflow",
    "sigmoid-underflow",
];

/// Every built-in specification.
pub const BUILTIN_SPECS: &[BuiltinSpec] = &[
    BuiltinSpec {
        name: "lesson",
        summary: "10 blocks of [Linear(50, 50), Sigmoid], weights N(0, 1): the lesson on vanishing gradients",
        text: include_str!("lesson.toml"),
    },
    BuiltinSpec {
        name: "sigmoid-torch",
        summary: "the lesson with PyTorch’s default weights: vanishes",
        text: include_str!("sigmoid-torch.toml"),
    },
    BuiltinSpec {
        name: "sigmoid-xavier",
        summary: "the lesson with Xavier weights: vanishes",
        text: include_str!("sigmoid-xavier.toml"),
    },
    BuiltinSpec {
        name: "tanh-critical",
        summary: "tanh at the critical sigma_w: holds",
        text: include_str!("tanh-critical.toml"),
    },
    BuiltinSpec {
        name: "relu-he",
        summary: "ReLU with He’s weights, random readout: holds",
        text: include_str!("relu-he.toml"),
    },
    BuiltinSpec {
        name: "relu-torch",
        summary: "ReLU with PyTorch’s default weights, random readout: vanishes",
        text: include_str!("relu-torch.toml"),
    },
    BuiltinSpec {
        name: "linear-normal",
        summary: "no activation, weights N(0, 1): explodes",
        text: include_str!("linear-normal.toml"),
    },
    BuiltinSpec {
        name: "tanh-chaos",
        summary: "tanh with weights N(0, 1), far in chaos: explodes",
        text: include_str!("tanh-chaos.toml"),
    },
    BuiltinSpec {
        name: "linear-overflow",
        summary: "weights N(0, 1), 60 deep, single precision: infinities, then NaN",
        text: include_str!("linear-overflow.toml"),
    },
    BuiltinSpec {
        name: "sigmoid-underflow",
        summary: "PyTorch’s default weights, 100 deep, single precision: exact zeros",
        text: include_str!("sigmoid-underflow.toml"),
    },
];

impl BuiltinSpec {
    /// The parsed specification.
    pub fn spec(&self) -> Spec {
        Spec::parse(self.text, Path::new(self.name)).expect("built-in specifications are valid: a test parses them all")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_builtin_is_valid_and_named_as_registered() {
        for builtin in BUILTIN_SPECS {
            assert_eq!(builtin.spec().name, builtin.name);
        }
        let names: Vec<&str> = BUILTIN_SPECS.iter().map(|builtin| builtin.name).collect();
        assert!(VARIANTS.iter().all(|variant| names.contains(variant)));
    }

    #[test]
    fn the_lesson_has_the_lessons_parameters() {
        let spec = Spec::load("lesson").expect("built in");
        assert_eq!(spec.network.blocks.len(), 10);
        for block in &spec.network.blocks {
            assert!((block.sigma_w().powi(2) - 50.0).abs() < 1e-12);
            assert!((block.sigma_b().powi(2) - 1.0 / 150.0).abs() < 1e-16);
        }
    }
}
