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

/// Every built-in specification.
pub const BUILTIN_SPECS: &[BuiltinSpec] = &[BuiltinSpec {
    name: "lesson",
    summary: "10 blocks of [Linear(50, 50), Sigmoid], weights N(0, 1): the lesson on vanishing gradients",
    text: include_str!("lesson.toml"),
}];

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
