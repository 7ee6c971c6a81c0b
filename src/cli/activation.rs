//! `gradspectra activation`: what is known about one activation.

use std::fmt::Write as _;
use std::process::ExitCode;

use serde::Serialize;

use super::console::Console;
use super::failure::Failure;
use crate::activation::{self, Activation, Attained, ExpectationError, GaussianMoments, Interval, Regions};

/// The help of an argument that names an activation.
pub(super) fn activation_help(what: &str) -> String {
    format!("{what}: {}", activation::spellings())
}

/// Derivative bounds and Gaussian expectations of an activation
///
/// The bound sup |phi'| is what a layer's activation can at most pass of a gradient; E phi'^2 is what it passes on average at
/// pre-activation variance q.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// The activation, by its name, with parameters, or with scales and shifts
    #[arg(value_name = "A", help = activation_help("The activation"), allow_hyphen_values = true)]
    activation: String,

    /// Variance of the pre-activations for the Gaussian expectations, up to 1e6
    #[arg(long, value_name = "Q", default_value = "1", allow_negative_numbers = true)]
    q: f64,
}

#[derive(Serialize)]
struct Document {
    name: String,
    formula: String,
    /// `null` if |phi'| has no bound.
    derivative_sup: Option<f64>,
    derivative_sup_at: serde_json::Value,
    /// Where the supremum is attained on a whole set, that set in words; `derivative_sup_at` is then one of its points.
    derivative_sup_set: Option<String>,
    /// `null` if phi' has no lower bound.
    derivative_inf: Option<f64>,
    derivative_inf_at: serde_json::Value,
    derivative_inf_set: Option<String>,
    second_derivative_sup: f64,
    second_derivative_sup_at: serde_json::Value,
    second_derivative_sup_set: Option<String>,
    kinks: Vec<f64>,
    /// Where units are saturated or inactive.
    regions: Regions,
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

/// The place as a number, a list of tied ones, or null; and the set in words, if it is attained on a whole one.
struct Place {
    at: serde_json::Value,
    set: Option<String>,
}

impl From<Attained> for Place {
    fn from(attained: Attained) -> Self {
        match attained {
            Attained::At(points) => match points[..] {
                [only] => Self { at: only.into(), set: None },
                _ => Self { at: points.into(), set: None },
            },
            Attained::On { point, set } => Self { at: point.into(), set: Some(set.into_owned()) },
            Attained::Nowhere => Self { at: serde_json::Value::Null, set: None },
        }
    }
}

fn document(phi: &dyn Activation, q: f64) -> Result<Document, ExpectationError> {
    let bounds = phi.derivative_bounds();
    let finite = |value: f64| value.is_finite().then_some(value);
    let [sup, inf, second] = [bounds.sup_at, bounds.inf_at, bounds.second_sup_at].map(Place::from);
    Ok(Document {
        name: phi.name().to_owned(),
        formula: phi.formula().to_owned(),
        derivative_sup: finite(bounds.sup_abs),
        derivative_sup_at: sup.at,
        derivative_sup_set: sup.set,
        derivative_inf: finite(bounds.inf),
        derivative_inf_at: inf.at,
        derivative_inf_set: inf.set,
        second_derivative_sup: bounds.second_sup_abs,
        second_derivative_sup_at: second.at,
        second_derivative_sup_set: second.set,
        kinks: phi.kinks().to_vec(),
        regions: Regions::of(phi),
        moments: phi.moments(q)?,
    })
}

fn text(document: &Document) -> String {
    let mut text = format!("{}: phi(x) = {}\n", document.name, document.formula);
    let mut extreme = |name: &str, value: Option<f64>, at: &serde_json::Value, set: &Option<String>| {
        let place = match (value, set, at) {
            (None, ..) => String::new(),
            (_, Some(set), _) => format!("for {set}"),
            (_, None, serde_json::Value::Null) => "approached, not attained".to_owned(),
            (_, None, serde_json::Value::Array(points)) => {
                let points: Vec<String> = points.iter().map(ToString::to_string).collect();
                format!("at x = {}", points.join(", "))
            }
            (_, None, at) => format!("at x = {at}"),
        };
        let value = value.map_or("no bound".to_owned(), |value| (value + 0.0).to_string());
        let _ = writeln!(text, "{}", format!("  {name:<12} {value:<22} {place}").trim_end());
    };
    extreme("sup |phi'|", document.derivative_sup, &document.derivative_sup_at, &document.derivative_sup_set);
    extreme("inf phi'", document.derivative_inf, &document.derivative_inf_at, &document.derivative_inf_set);
    let second = Some(document.second_derivative_sup);
    extreme("sup |phi''|", second, &document.second_derivative_sup_at, &document.second_derivative_sup_set);
    if !document.kinks.is_empty() {
        let _ = writeln!(text, "  kinks        {}", list(document.kinks.iter().map(f64::to_string)));
    }
    for (name, meaning, intervals) in [
        ("saturated", "0 < |phi'| < 0.05 sup |phi'|", &document.regions.saturated),
        ("inactive", "phi' = 0", &document.regions.inactive),
    ] {
        if !intervals.is_empty() {
            let _ = writeln!(text, "  {name:<12} {} ({meaning})", list(intervals.iter().map(interval)));
        }
    }
    if let Some(period) = document.regions.period
        && !document.regions.saturated.is_empty()
    {
        let _ = writeln!(text, "  {:<12} and so on with period {period}", "");
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
    if m.dphi2 > 0.0 {
        let _ = writeln!(
            text,
            "chi = sigma_w^2 E phi'^2 is 1 at sigma_w = {:.12}: there the mean-square gradient is kept at this q",
            m.dphi2.sqrt().recip()
        );
    }
    text
}

fn list(items: impl Iterator<Item = String>) -> String {
    items.collect::<Vec<_>>().join(", ")
}

fn interval(interval: &Interval) -> String {
    match (interval.from, interval.to) {
        (None, None) => "all x".to_owned(),
        (None, Some(to)) => format!("x < {to}"),
        (Some(from), None) => format!("x > {from}"),
        (Some(from), Some(to)) => format!("{from} < x < {to}"),
    }
}
