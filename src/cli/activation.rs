//! `gradspectra activation`: what is known about one activation.

use std::fmt::Write as _;
use std::process::ExitCode;

use serde::Serialize;

use super::console::Console;
use super::failure::Failure;
use crate::activation::{self, Activation, Attained, ExpectationError, GaussianMoments};

/// Derivative bounds and Gaussian expectations of an activation
///
/// The bound sup |phi'| is what a layer's activation can at most pass of a gradient; E phi'^2 is what it passes on average at
/// pre-activation variance q.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// Name of the activation: sigmoid, tanh, relu, erf, linear
    #[arg(value_name = "A")]
    activation: String,

    /// Variance of the pre-activations for the Gaussian expectations, up to 1e6
    #[arg(long, value_name = "Q", default_value = "1", allow_negative_numbers = true)]
    q: f64,
}

#[derive(Serialize)]
struct Document {
    name: String,
    formula: String,
    derivative_sup: f64,
    derivative_sup_at: serde_json::Value,
    /// Where the supremum is attained on a whole set, that set in words; `derivative_sup_at` is then one of its points.
    derivative_sup_set: Option<String>,
    derivative_inf: f64,
    kinks: Vec<f64>,
    moments: GaussianMoments,
}

pub(super) fn run(arguments: &Arguments, console: &Console) -> Result<ExitCode, Failure> {
    let phi = activation::by_name(&arguments.activation).map_err(Failure::input)?;
    let q = arguments.q;
    if !(q > 0.0 && q <= 1e6) {
        return Err(Failure::input(anyhow::anyhow!("--q is {q}; a variance must be above 0 and at most 1e6")));
    }
    let document = document(&*phi, q).map_err(Failure::input)?;
    console.result(&document, || text(&document))?;
    Ok(ExitCode::SUCCESS)
}

fn document(phi: &dyn Activation, q: f64) -> Result<Document, ExpectationError> {
    let bounds = phi.derivative_bounds();
    let (at, set) = match &bounds.sup_at {
        Attained::At(points) => match points[..] {
            [only] => (serde_json::json!(only), None),
            _ => (serde_json::json!(points), None),
        },
        Attained::On { point, set } => (serde_json::json!(point), Some(set.clone().into_owned())),
        Attained::Nowhere => (serde_json::Value::Null, None),
    };
    Ok(Document {
        name: phi.name().to_owned(),
        formula: phi.formula().to_owned(),
        derivative_sup: bounds.sup_abs,
        derivative_sup_at: at,
        derivative_sup_set: set,
        derivative_inf: bounds.inf,
        kinks: phi.kinks().to_vec(),
        moments: phi.moments(q)?,
    })
}

fn text(document: &Document) -> String {
    let mut text = format!("{}: phi(x) = {}\n", document.name, document.formula);
    let place = match (&document.derivative_sup_set, &document.derivative_sup_at) {
        (Some(set), _) => format!("for {set}"),
        (None, serde_json::Value::Null) => "approached, not attained".to_owned(),
        (None, at) => format!("at x = {at}"),
    };
    let _ = writeln!(text, "  sup |phi'|   {:<22} {place}", document.derivative_sup);
    let _ = writeln!(text, "  inf phi'     {}", document.derivative_inf);
    if !document.kinks.is_empty() {
        let _ = writeln!(text, "  kinks        {:?}", document.kinks);
    }
    let m = &document.moments;
    let _ = writeln!(text, "expectations over h ~ N(0, q), q = {}:", m.q);
    let mut expectations =
        vec![("E phi", m.phi), ("E phi^2", m.phi2), ("E phi'", m.dphi), ("E phi'^2", m.dphi2), ("E phi'^4", m.dphi4)];
    expectations.extend(m.ddphi.map(|value| ("E phi''", value)));
    for (name, value) in expectations {
        let _ = if value == 0.0 || (1e-4..1e5).contains(&value.abs()) {
            writeln!(text, "  {name:<12} {:.15}", value + 0.0)
        } else {
            writeln!(text, "  {name:<12} {value:.14e}")
        };
    }
    let _ = writeln!(
        text,
        "chi = sigma_w^2 E phi'^2 is 1 at sigma_w = {:.12}: there the mean-square gradient is kept at this q",
        m.dphi2.sqrt().recip()
    );
    text
}
