//! Networks of finite width against the iterated maps of variance, correlation and gradient.

use std::path::Path;

use nalgebra::DMatrix;

use super::given_kernel::inputs_of;
use super::joint::{JointShift, conclude_jointly};
use super::number::{Heading, Part};
use super::{Claim, ClaimError, ClaimResult};
use crate::activation::by_name;
use crate::mean_field::{PairState, Scales, TransientLayer, transient};
use crate::measure::{Progress, measure};
use crate::spec::{Quantity, Spec};
use crate::stats::Estimate;

/// Two inputs are followed layer by layer, as far from any fixed point as they start.
pub(super) struct MeanFieldMaps {
    activation: &'static str,
    weight_variance: f64,
    bias_variance: f64,
    trials: usize,
}

const fn maps(activation: &'static str, weight_variance: f64, bias_variance: f64, trials: usize) -> MeanFieldMaps {
    MeanFieldMaps { activation, weight_variance, bias_variance, trials }
}

/// Scales at which variances stay of order one. Units that are off or unbounded spread networks more, and take more of them.
pub(super) const MAPS: [MeanFieldMaps; 12] = [
    maps("tanh", 1.5, 0.05, SATURATING),
    maps("relu", 2.0, 0.0, ONE_SIDED),
    maps("gelu", 1.9, 0.3, ONE_SIDED),
    maps("silu", 2.0, 0.2, ONE_SIDED),
    maps("mish", 1.5, 0.2, ONE_SIDED),
    maps("selu", 0.8, 0.1, SATURATING),
    maps("elu", 1.4, 0.1, SATURATING),
    maps("erf", 1.2, 0.05, SATURATING),
    maps("softplus", 1.0, 0.1, SATURATING),
    maps("sin", 1.4, 0.05, SATURATING),
    maps("softsign", 2.0, 0.05, SATURATING),
    maps("hard_tanh", 1.2, 0.05, SATURATING),
];

const SATURATING: usize = 450;
const ONE_SIDED: usize = 700;

const DEPTH: usize = 7;
/// The widest carries the statistics; the narrowest, far from it, shows the slope in 1/width at little cost, with as many times more networks.
const WIDTHS: [usize; 3] = [50, 100, 300];
const TIMES: [usize; 3] = [4, 1, 1];
const SEED: u64 = 21;

/// The first pre-activations, of variances on both sides of most fixed points.
const START: PairState = PairState { q1: 0.8, q2: 0.4, c: 0.2 };

/// The nearest mistake: sigma_w this many times too large or too small.
const MISTAKE: f64 = 1.03;
/// The error allowed in a norm: half of what the mistake shifts, but at most this.
const ALLOWED_NORM: f64 = 0.05;
const ALLOWED_CORRELATION: f64 = 0.05;

/// One number of the profile over the layers.
#[derive(Clone, Copy, PartialEq)]
struct Place {
    quantity: Quantity,
    layer: usize,
}

/// Gradients from the first layer on, then what is given in the first layer from the second on.
fn places() -> Vec<Place> {
    let of = |quantity, from: usize| (from..=DEPTH).map(move |layer| Place { quantity, layer });
    of(Quantity::PreActivationGradientNorms, 1)
        .chain(of(Quantity::PreActivations, 2))
        .chain(of(Quantity::BatchCorrelations, 2))
        .collect()
}

/// The state of two inputs in every layer, and what each layer multiplies their gradients by.
struct Way {
    layers: Vec<TransientLayer>,
    second_chi: Vec<f64>,
    weight_variance: f64,
}

impl Way {
    /// As [`Quantity`] defines it for a batch of two and a standard normal readout, gradients per unit.
    fn at(&self, place: Place) -> f64 {
        let PairState { q1, q2, c } = self.layers[place.layer - 1].state;
        match place.quantity {
            Quantity::PreActivations => 0.5 * (0.5 * (q1 + q2)).log10(),
            Quantity::BatchCorrelations => 2.0 * c * (q1 * q2).sqrt() / (q1 + q2),
            _ => {
                // The readout has variance 1, not sigma_w^2: one factor too many in the product.
                let first: f64 = self.layers[place.layer - 1..].iter().map(|layer| layer.chi_1).product();
                let second: f64 = self.second_chi[place.layer - 1..].iter().product();
                0.5 * ((first + second) / self.weight_variance).log10()
            }
        }
    }

    /// As [`Self::at`], by what the layer before (of gradients: behind) has.
    fn with_a_layer_missing(&self, place: Place) -> f64 {
        match place.quantity {
            Quantity::PreActivationGradientNorms if place.layer < DEPTH => {
                self.at(Place { layer: place.layer + 1, ..place })
            }
            Quantity::PreActivationGradientNorms => self.at(place),
            _ => self.at(Place { layer: place.layer - 1, ..place }),
        }
    }
}

impl MeanFieldMaps {
    fn scales(&self, factor: f64) -> Scales {
        Scales { sigma_w: factor * self.weight_variance.sqrt(), sigma_b: self.bias_variance.sqrt() }
    }

    /// The inputs are those that give [`START`] at the right scales; sigma_w `factor` times as large acts on them too.
    fn way(&self, factor: f64) -> Result<Way, ClaimError> {
        let scales = self.scales(factor);
        let scaled = |entry: f64| (entry - self.bias_variance) * factor * factor + self.bias_variance;
        let (q1, q2) = (scaled(START.q1), scaled(START.q2));
        let c = scaled(START.c * (START.q1 * START.q2).sqrt()) / (q1 * q2).sqrt();
        let phi = by_name(self.activation).expect("a name of the registry");
        let follow = |start: PairState| {
            let way = transient(&*phi, std::iter::repeat_n(scales, DEPTH), start);
            way.map(|way| way.layers).map_err(|reason| ClaimError::NotPredicted {
                quantity: Quantity::PreActivations,
                reason: reason.to_string(),
            })
        };
        let second = follow(PairState { q1: q2, q2: q1, c })?;
        Ok(Way {
            layers: follow(PairState { q1, q2, c })?,
            second_chi: second.iter().map(|layer| layer.chi_1).collect(),
            weight_variance: scales.weight_variance(),
        })
    }

    fn spec(&self, width: usize, trials: usize) -> Spec {
        let Scales { sigma_w, sigma_b } = self.scales(1.0);
        let biases = if sigma_b > 0.0 { format!("biases = {{ sigma_b = {sigma_b:?} }}\n") } else { String::new() };
        let text = format!(
            "seed = {SEED}\n[network]\ninput = 2\ndepth = {DEPTH}\nwidth = {width}\nactivation = \"{}\"\n\
             weights = {{ sigma_w = {sigma_w:?} }}\n{biases}[loss]\nkind = \"random\"\n\
             [data]\nbatch = 2\n[measure]\nquantities = [\"{}\", \"{}\", \"{}\"]\ntrials = {trials}",
            self.activation,
            Quantity::PreActivationGradientNorms.name(),
            Quantity::PreActivations.name(),
            Quantity::BatchCorrelations.name()
        );
        let mut spec =
            Spec::parse(&text, Path::new("mean-field-maps")).expect("the text above is a valid specification");
        let covariance = START.c * (START.q1 * START.q2).sqrt();
        let kernel = DMatrix::from_row_slice(2, 2, &[START.q1, covariance, covariance, START.q2]);
        spec.data.source = inputs_of(&kernel, self.scales(1.0));
        spec
    }
}

impl Claim for MeanFieldMaps {
    fn id(&self) -> String {
        format!("mean-field-maps-{}", self.activation)
    }

    fn statement(&self) -> String {
        format!(
            "Variance, correlation and gradient of two inputs to {DEPTH} {} layers follow the iterated mean-field maps, layer by layer",
            self.activation
        )
    }

    fn run(&self, progress: &dyn Progress) -> Result<ClaimResult, ClaimError> {
        let places = places();
        let right = self.way(1.0)?;
        let shifts = |wrong: &dyn Fn(Place) -> f64| -> Vec<f64> {
            places.iter().map(|&place| wrong(place) - right.at(place)).collect()
        };
        let (up, down) = (self.way(MISTAKE)?, self.way(1.0 / MISTAKE)?);
        let without_map = |place: Place| match place.quantity {
            // What the two variances do to the ratio is kept.
            Quantity::BatchCorrelations => START.c / right.layers[place.layer - 1].state.c * right.at(place),
            _ => right.at(place),
        };
        let mistake = |what: &str, by| JointShift { mistake: what.to_owned(), by };
        let mistakes = [
            mistake("sigma_w 3 % too large", shifts(&|place| up.at(place))),
            mistake("sigma_w 3 % too small", shifts(&|place| down.at(place))),
            mistake("correlation map left out", shifts(&without_map)),
            mistake("one layer missing", shifts(&|place| right.with_a_layer_missing(place))),
        ];
        let largest = |by: &[f64]| {
            let norms = places.iter().zip(by).filter(|(place, _)| place.quantity != Quantity::BatchCorrelations);
            norms.map(|(_, by)| by.abs()).fold(0.0, f64::max)
        };
        let half_shift = 0.5 * largest(&mistakes[0].by).min(largest(&mistakes[1].by));
        let allowed_norm = half_shift.min((1.0 + ALLOWED_NORM).log10());

        let mut differences: Vec<Vec<(f64, Estimate)>> = vec![Vec::new(); places.len()];
        for (width, times) in WIDTHS.into_iter().zip(TIMES) {
            let trials = times * self.trials;
            let spec = self.spec(width, trials);
            let measured = measure(&spec, &format!("{} at width {width}", self.id()), progress)?;
            for (&place, differences) in places.iter().zip(&mut differences) {
                let Place { quantity, layer } = place;
                let found = measured.get(quantity, layer).filter(|found| found.zeros + found.non_finite == 0);
                let found = found.and_then(|found| found.estimate()).ok_or(ClaimError::NotMeasured {
                    quantity,
                    layer,
                    zeros: 0,
                    non_finite: 0,
                    trials,
                })?;
                let units = if quantity.is_gradient() { 0.5 * (width as f64).log10() } else { 0.0 };
                differences.push((width as f64, found.minus_exact(right.at(place) + units)));
            }
        }
        let part = |(&place, differences): (&Place, &Vec<(f64, Estimate)>)| {
            let (name, allowed) = match place.quantity {
                Quantity::PreActivations => ("log10 rms of h", allowed_norm),
                Quantity::BatchCorrelations => ("correlation", ALLOWED_CORRELATION),
                _ => ("log10 rms of dL/dh", allowed_norm),
            };
            Part::in_the_limit(
                format!("{name}, layer {}", place.layer),
                right.at(place),
                differences,
                allowed,
                Vec::new(),
            )
        };
        let parts = places.iter().zip(&differences).map(part).collect::<Result<Vec<_>, _>>()?;
        let heading = Heading {
            id: self.id(),
            statement: self.statement(),
            unit: "log10 of the root mean square of dL/dh_1, extrapolated to infinite width".to_owned(),
            setting: format!(
                "sigma_w^2 {}, sigma_b^2 {}, first variances {} and {}, correlation {}; widths {WIDTHS:?}, {:?} trials, seed {SEED}; \
                 allowed: {:.1} % of a norm (half of what sigma_w 3 % off shifts, at most 5 %), {ALLOWED_CORRELATION} of a correlation",
                self.weight_variance,
                self.bias_variance,
                START.q1,
                START.q2,
                START.c,
                TIMES.map(|times| times * self.trials),
                100.0 * (10f64.powf(allowed_norm) - 1.0)
            ),
        };
        Ok(conclude_jointly(heading, &parts, &mistakes, Vec::new()))
    }
}
