//! `gradspectra activation`: what is known about one activation.

use std::fmt::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use serde::Serialize;

use super::console::Console;
use super::failure::Failure;
use super::files::OutputFile;
use crate::activation::{
    self, Activation, Attained, ExpectationError, Expression, GaussianMoments, Interval, Regions, derivative_enclosure,
};
use crate::mean_field::{Tailoring, tailored, tailored_leaky_relu};
use crate::names::Call;
use crate::report::gain_figure;
use crate::study::GainSheet;

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

    /// Scale and shift it for a network of L layers with sigma_w = 1 and no biases: dks(L, slope) keeps uncorrelated inputs apart and sets
    /// the slope of the network's correlation map at 1; tat(L, curvature) sets its curvature there, or for leaky_relu the
    /// correlation that uncorrelated inputs come to
    #[arg(long, value_name = "METHOD")]
    tailor: Option<String>,

    /// Draw the activation, its derivatives, and where gradients hold
    #[arg(long, value_name = "FILE.svg")]
    figure: Option<PathBuf>,
}

/// A proof of sup |phi'|.
#[derive(Serialize)]
struct EnclosureDocument {
    low: f64,
    /// `null` if no bound was found.
    high: Option<f64>,
    /// The proof holds for |x| up to this; `null`: for all.
    within: Option<f64>,
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
    /// An interval that is proved to hold sup |phi'|, by interval arithmetic on the formula.
    enclosure: Option<EnclosureDocument>,
    kinks: Vec<f64>,
    /// Where units are saturated or inactive.
    regions: Regions,
    moments: GaussianMoments,
    /// The activation with the scales and shifts that were asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    tailored: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    files: Vec<PathBuf>,
}

pub(super) fn run(arguments: &Arguments, console: &Console) -> Result<ExitCode, Failure> {
    let phi = activation::by_name(&arguments.activation).map_err(Failure::input)?;
    let q = arguments.q;
    if !(q > 0.0 && q <= 1e6) {
        return Err(Failure::input(anyhow::anyhow!("--q is {q}; a variance must be above 0 and at most 1e6")));
    }
    let figure = arguments.figure.as_ref().map(|path| console.writing(|| OutputFile::prepare(path), |_| false));
    let figure = figure.transpose().map_err(Failure::Input)?;
    let mut document = document(&*phi, q).map_err(Failure::input)?;
    if let Some(method) = &arguments.tailor {
        document.tailored = Some(tailor(&phi, method).map_err(Failure::Input)?);
    }
    if let Some(file) = figure {
        let sheet = GainSheet::new(&*phi).map_err(Failure::input)?;
        let text = gain_figure(&sheet).map_err(Failure::numerical)?;
        document.files.push(console.writing(|| file.write(&text), Result::is_ok).map_err(Failure::Input)?);
    }
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
        enclosure: enclosure(phi),
        kinks: phi.kinks().to_vec(),
        regions: Regions::of(phi),
        moments: phi.moments(q)?,
        tailored: None,
        files: Vec::new(),
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
                format!("at x = {}", list(points.iter().map(ToString::to_string)))
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
    if let Some(proof) = &document.enclosure {
        let high = proof.high.map_or("no bound found".to_owned(), |high| high.to_string());
        let within = proof.within.map_or("all x".to_owned(), |within| format!("|x| <= {within:.1e}"));
        let _ = writeln!(text, "  proved       sup |phi'| in [{}, {high}] for {within}", proof.low);
    }
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
    if let Some(tailored) = &document.tailored {
        let _ = writeln!(text, "tailored: activation = \"{tailored}\", with weights = {{ sigma_w = 1 }} and no biases");
    }
    for file in &document.files {
        let _ = writeln!(text, "written: {}", file.display());
    }
    text
}

/// Relative width of the proof.
const PROOF: f64 = 1e-9;

/// `None` where no formula of it can be read.
fn enclosure(phi: &dyn Activation) -> Option<EnclosureDocument> {
    let found = derivative_enclosure(&Expression::parse(phi.formula()).ok()?, PROOF);
    let finite = |value: f64| value.is_finite().then_some(value);
    Some(EnclosureDocument { low: found.low, high: finite(found.high), within: finite(found.within) })
}

/// The spelling of the activation that is tailored by `dks(L, slope)` or `tat(L, target)`.
fn tailor(phi: &Arc<dyn Activation>, method: &str) -> anyhow::Result<String> {
    let help = "write dks(layers, slope) or tat(layers, target), as in dks(50, 1.5)";
    let call = Call::parse(method)?;
    let [depth, target] = call.arguments[..] else {
        anyhow::bail!("--tailor {method}: two numbers are needed: {help}");
    };
    let depth: usize = depth
        .parse()
        .ok()
        .filter(|depth| (1..=1_000_000).contains(depth))
        .ok_or_else(|| anyhow::anyhow!("--tailor {method}: `{depth}` is no number of layers: {help}"))?;
    let target: f64 =
        target.parse().map_err(|_| anyhow::anyhow!("--tailor {method}: `{target}` is no number: {help}"))?;
    let leaky = phi.is_homogeneous() && !phi.kinks().is_empty();
    let shaped = match crate::names::canonical(call.name).as_str() {
        "dks" => tailored(phi, Tailoring::KernelShaping { depth, slope: target }),
        "tat" if leaky => tailored_leaky_relu(depth, target),
        "tat" => tailored(phi, Tailoring::Transformation { depth, curvature: target }),
        name => anyhow::bail!("--tailor: unknown method `{name}`: {help}"),
    };
    let shaped = shaped.map_err(|error| anyhow::anyhow!("--tailor {method}: {error}"))?;
    // Scales around scales, and around formulas, have no spelling but their formula.
    if activation::by_name(shaped.name()).is_ok() {
        return Ok(shaped.name().to_owned());
    }
    let formula = format!("expr: {}", shaped.formula().trim_start_matches("expr:").trim());
    activation::by_name(&formula)?;
    Ok(formula)
}

/// Places or intervals that are listed at most: more say less.
const LISTED: usize = 8;

fn list(items: impl Iterator<Item = String>) -> String {
    let mut items: Vec<String> = items.collect();
    let more = items.len().saturating_sub(LISTED);
    items.truncate(LISTED);
    let text = items.join(", ");
    if more > 0 { format!("{text} and {more} more") } else { text }
}

fn interval(interval: &Interval) -> String {
    match (interval.from, interval.to) {
        (None, None) => "all x".to_owned(),
        (None, Some(to)) => format!("x < {to}"),
        (Some(from), None) => format!("x > {from}"),
        (Some(from), Some(to)) => format!("{from} < x < {to}"),
    }
}
