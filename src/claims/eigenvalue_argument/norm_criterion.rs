//! The criterion that is sufficient, and the one that is not.

use std::path::Path;

use crate::claims::joint::conclude_jointly;
use crate::claims::number::{Heading, LEVEL, Part};
use crate::claims::{Claim, ClaimError, ClaimResult, ControlResult};
use crate::measure::{Progress, norm_bounds};
use crate::spec::Spec;
use crate::stats::Estimate;

/// `prod sup |phi'| |W_l|_2` bounds the norm of every Jacobian; with spectral radii in place of norms it does not.
pub(in super::super) struct NormCriterion;

const SIGMA_W: f64 = 0.45;
const WIDTH: usize = 30;
const DEPTH: usize = 20;
const NETWORKS: usize = 150;
const SEED: u64 = 1;

/// Of a share of networks: less than one network.
const ALLOWED: f64 = 0.5 / NETWORKS as f64;

impl Claim for NormCriterion {
    fn id(&self) -> String {
        "norm-criterion".to_owned()
    }

    fn statement(&self) -> String {
        format!(
            "In all of {NETWORKS} tanh networks of sigma_w = {SIGMA_W} the Jacobian is bounded by the product of sup|phi'| |W_l|_2, which is below 1; \
             with spectral radii in place of norms there is no bound"
        )
    }

    fn run(&self, progress: &dyn Progress) -> Result<ClaimResult, ClaimError> {
        let text = format!(
            "seed = {SEED}\n[network]\ninput = {WIDTH}\ndepth = {DEPTH}\nwidth = {WIDTH}\nactivation = \"tanh\"\n\
             weights = {{ sigma_w = {SIGMA_W:?} }}"
        );
        let spec = Spec::parse(&text, Path::new("norm-criterion")).expect("the text above is a valid specification");
        let found = norm_bounds(&spec, NETWORKS, progress)?;
        let share = |holds: &dyn Fn(&crate::measure::NormBounds) -> bool| Estimate {
            value: found.iter().filter(|bounds| holds(bounds)).count() as f64 / NETWORKS as f64,
            standard_error: 0.0,
        };
        let part = |label: &str, measured: Estimate| Part::at_one_width(label, 1.0, measured, ALLOWED, Vec::new());
        let parts = [
            part("networks within the bound", share(&|b| b.ln_norm <= b.ln_by_norms)),
            part("networks whose bound is below 1", share(&|b| b.ln_by_norms < 0.0)),
        ];
        let radius = part("networks below the radii", share(&|b| b.ln_norm <= b.ln_by_radii));
        let control = ControlResult {
            mistake: "spectral radii in place of norms".to_owned(),
            predicted: 1.0,
            verdict: radius.verdict_if_shifted(0.0, LEVEL),
            power: radius.power_against(radius.difference.value, LEVEL),
        };
        let heading = Heading {
            id: self.id(),
            statement: self.statement(),
            unit: "share of the networks in which the bound holds".to_owned(),
            setting: format!("n = {WIDTH}, L = {DEPTH}, {NETWORKS} networks, seed {SEED}"),
        };
        Ok(conclude_jointly(heading, &parts, &[], vec![control]))
    }
}
