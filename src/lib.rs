//! `gradspectra` predicts, measures and explains what happens to the gradient of a deep network on its way back.
//!
//! It predicts from theory (mean field, random matrices, derivative bounds), measures by real backprop and LAPACK on the CPU,
//! says where the two agree, and draws it. The command line is documented by `gradspectra --help`; this is the library.
//!
//! ```
//! use gradspectra::{predict::predict, spec::{Quantity, Spec}};
//!
//! let lesson = Spec::load("lesson")?;
//! let predictions = predict(&lesson);
//! let norm = |layer| predictions.get(Quantity::GradientNorms, layer).and_then(|p| p.value);
//! let ratio = norm(1).zip(norm(10)).map(|(first, last)| first / last);
//! assert!((ratio.expect("predicted") - 0.1166).abs() < 1e-4);
//! # Ok::<(), gradspectra::spec::SpecError>(())
//! ```
//!
//! # The house
//!
//! ```text
//! spec ──► predict ──┐
//!   │                ├──► claims (verdicts) ──► study ──► report / cli
//!   └────► measure ──┘
//! ```
//!
//! `predict` and `measure` never import each other: theory that peeks at the experiment proves nothing. They meet in `claims`.
//! Every module imports from lower floors only; a test reads this table and every path in the source.
//!
//! | floor | module | what lives there |
//! |---|---|---|
//! | 0 | [`names`] | names that people type: comparison, the nearest known one, natural order |
//! | 0 | [`numeric`] | quadrature in one and many dimensions, maximisation, Chebyshev series, the Airy function, normal tails, intervals; no domain words |
//! | 1 | [`linalg`] | BLAS and LAPACK over nalgebra matrices, the only home of foreign calls; spectra of long products |
//! | 1 | [`stats`] | estimates, extrapolation, log-scale samples, seed streams |
//! | 1 | [`tensor_file`] | named tensors, arrays and tables from files |
//! | 2 | [`activation`] | one file per family, expressions of the user; Gaussian expectations |
//! | 2 | [`law`] | laws of random spectra, one file each: density, distribution, moments |
//! | 3 | [`ensemble`] | one file per ensemble of weight matrices |
//! | 3 | [`mean_field`] | kernels of a batch; variance and correlation maps, their fixed points; phases, the edge of chaos; tailored activations |
//! | 4 | [`data`] | inputs, training sets, recorded reference data |
//! | 4 | [`layer`] | one file per layer kind: forward, backward, mean-field map |
//! | 5 | [`spec`] | specification of network, data, training: parsed, checked once, valid from then on |
//! | 6 | [`network`] | sampled networks, forward and backward pass, hooks, losses, state dicts; optimisers, training |
//! | 6 | [`predict`] | predictions from a specification, or from the statistics of given layers: kernels forward and back, one quantity a file, typical values |
//! | 7 | [`measure`] | measurements of a specification, trials in parallel; causes, ranges, spectra |
//! | 8 | [`claims`] | prediction against measurement: verdicts, negative controls |
//! | 8 | [`watch`] | a training under observation: recording hooks, prediction beside measurement, alerts, logs |
//! | 9 | [`study`] | predict, measure and compare for one specification; what to change; the lesson's variants |
//! | 10 | [`sweep`] | grids of specifications: points, runner, store, tables |
//! | 11 | [`report`] | figures, one file each; the page around them |
//! | 12 | [`cli`] | one file per command |
//!
//! One obvious place for each change: an activation, law, ensemble, preset, claim or figure is one new file and one line in its
//! registry ([`activation::ACTIVATIONS`], [`ensemble::ENSEMBLES`], [`law::LAWS`], [`spec::PRESETS`], [`spec::TORCH_SCHEMES`],
//! [`claims::registry`], [`report::FIGURES`], [`report::TRAINING_FIGURES`],
//! [`report::SWEEP_FIGURES`]); a warning is a rule in [`watch::alarm::RULES`].

#![deny(missing_docs)]

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

pub mod activation;
pub mod claims;
pub mod cli;
pub mod data;
pub mod ensemble;
pub mod law;
pub mod layer;
pub mod linalg;
pub mod mean_field;
pub mod measure;
pub mod names;
pub mod network;
pub mod numeric;
pub mod predict;
pub mod report;
pub mod spec;
pub mod stats;
pub mod study;
pub mod sweep;
pub mod tensor_file;
pub mod watch;
