//! `gradspectra law`: one law of random spectra.

use std::fmt::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;

use serde::Serialize;

use super::console::Console;
use super::failure::Failure;
use super::files::OutputFile;
use crate::law::{self, Atom, Fact, Field, LAWS, Law, Parameters, Variable};
use crate::report::law_figure;
use crate::stats::Stream;
use crate::study::LawSheet;

/// What random-matrix theory says about spectra of weights and of their products
///
/// Density, distribution function, moments, edges and atoms of a law, the numbers that belong to it, a table, a figure, draws.
/// Weights have entries of variance sigma_w^2 / fan_in; x is the squared singular value for laws of singular values.
#[derive(Debug, clap::Args)]
#[command(after_help = names())]
pub(super) struct Arguments {
    /// The law, by a name of the list below
    #[arg(value_name = "NAME")]
    name: String,

    /// fan_out / fan_in of one matrix
    #[arg(long, value_name = "C", allow_hyphen_values = true)]
    ratio: Option<f64>,

    /// Number L of factors of a product
    #[arg(long, value_name = "L")]
    factors: Option<usize>,

    /// Widths n_0,...,n_L from the input on; a single one for square matrices of that size
    #[arg(long, value_name = "A,B,C", value_delimiter = ',')]
    widths: Vec<usize>,

    /// Kinds of the factors, the first applied first; a single one for all
    #[arg(long, value_name = "E,F", value_delimiter = ',')]
    ensembles: Vec<String>,

    /// Entries are real, as in networks, or complex
    #[arg(long, value_name = "FIELD")]
    field: Option<FieldName>,

    /// Scale of the weights [default: 1]
    #[arg(long, value_name = "S", allow_hyphen_values = true)]
    sigma_w: Option<f64>,

    /// Where density and distribution function are wanted: one place or several
    #[arg(long, value_name = "X", value_delimiter = ',', allow_hyphen_values = true)]
    at: Vec<f64>,

    /// Probabilities whose quantiles are wanted
    #[arg(long, value_name = "P", value_delimiter = ',', allow_hyphen_values = true)]
    quantile: Vec<f64>,

    /// How many moments E x, E x^2, ...
    #[arg(long, value_name = "K", default_value = "4", value_parser = clap::value_parser!(u32).range(1..=100))]
    moments: u32,

    /// Draw this many values from the law
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    sample: Option<u32>,

    /// Seed of the draws
    #[arg(long, value_name = "SEED", default_value = "1", requires = "sample")]
    seed: u64,

    /// Write density and distribution function as a table (CSV)
    #[arg(long, value_name = "FILE.csv")]
    out: Option<PathBuf>,

    /// Rows of the table
    #[arg(long, value_name = "N", default_value = "1000", requires = "out", value_parser = clap::value_parser!(u32).range(2..=1_000_000))]
    points: u32,

    /// Draw density and distribution function
    #[arg(long, value_name = "FILE.svg")]
    figure: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum FieldName {
    Real,
    Complex,
}

/// The list of laws with their parameters, for the help.
fn names() -> String {
    let mut text = String::from("Laws:\n");
    for entry in LAWS {
        let takes: Vec<String> = entry.parameters.iter().map(|parameter| format!("--{}", parameter.name())).collect();
        let _ = writeln!(text, "  {}\n      {}", entry.name, entry.summary);
        let _ =
            writeln!(text, "      takes {}", if takes.is_empty() { "nothing".to_owned() } else { takes.join(", ") });
        if !entry.example.is_empty() {
            let _ = writeln!(text, "      gradspectra law {} {}", entry.name, entry.example);
        }
    }
    text
}

/// A number, or a list if several were asked for.
#[derive(Serialize)]
#[serde(untagged)]
enum OneOrMore {
    One(f64),
    More(Vec<f64>),
}

impl OneOrMore {
    fn of(values: Vec<f64>) -> Option<Self> {
        match values[..] {
            [] => None,
            [only] => Some(Self::One(only)),
            _ => Some(Self::More(values)),
        }
    }
}

#[derive(Serialize)]
struct QuantileDocument {
    p: f64,
    /// `null` where it leaves the range of doubles or is infinite.
    x: f64,
    /// log10 of it, of a positive variable.
    #[serde(skip_serializing_if = "Option::is_none")]
    log10_x: Option<f64>,
}

#[derive(Serialize)]
struct Document {
    law: &'static str,
    title: String,
    variable: Variable,
    hypotheses: &'static str,
    source: &'static str,
    /// The ends of the continuous part; `null` for an infinite one.
    support: [f64; 2],
    /// log10 of the upper end, of a positive variable.
    #[serde(skip_serializing_if = "Option::is_none")]
    log10_upper_edge: Option<f64>,
    atoms: Vec<Atom>,
    /// E x, E x^2, ...; `null` where a moment does not exist or is not known.
    moments: Vec<Option<f64>>,
    /// E ln x; `null` if it does not exist, as with an atom at 0, or is not known.
    mean_log: Option<f64>,
    median: QuantileDocument,
    at: Option<OneOrMore>,
    pdf: Option<OneOrMore>,
    cdf: Option<OneOrMore>,
    survival: Option<OneOrMore>,
    quantiles: Vec<QuantileDocument>,
    facts: Vec<Fact>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    sample: Vec<f64>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    files: Vec<PathBuf>,
}

pub(super) fn run(arguments: &Arguments, console: &Console) -> Result<ExitCode, Failure> {
    let parameters = Parameters {
        ratio: arguments.ratio,
        factors: arguments.factors,
        widths: arguments.widths.clone(),
        ensembles: arguments.ensembles.clone(),
        field: arguments.field.map(|field| match field {
            FieldName::Real => Field::Real,
            FieldName::Complex => Field::Complex,
        }),
        sigma_w: arguments.sigma_w,
    };
    let entry = law::find(&arguments.name).map_err(Failure::input)?;
    let law = law::build(&arguments.name, &parameters).map_err(Failure::input)?;
    if let Some(x) = arguments.at.iter().find(|x| x.is_nan()) {
        return Err(Failure::input(anyhow::anyhow!("--at is {x}; it must be a number")));
    }
    if let Some(p) = arguments.quantile.iter().find(|p| !(0.0..=1.0).contains(*p)) {
        return Err(Failure::input(anyhow::anyhow!("--quantile is {p}; a probability lies between 0 and 1")));
    }
    let prepare = |path: &Option<PathBuf>| {
        path.as_ref().map(|path| console.writing(|| OutputFile::prepare(path), |_| false)).transpose()
    };
    let table = prepare(&arguments.out).map_err(Failure::Input)?;
    let figure = prepare(&arguments.figure).map_err(Failure::Input)?;
    let mut document = document(entry.name, &*law, arguments);
    let mut write = |file: OutputFile, text: &str| {
        let written = console.writing(|| file.write(text), Result::is_ok).map_err(Failure::Input)?;
        document.files.push(written);
        Ok::<(), Failure>(())
    };
    if let Some(file) = table {
        write(file, &LawSheet::new(&*law, arguments.points as usize).to_csv())?;
    }
    if let Some(file) = figure {
        write(file, &law_figure(&LawSheet::new(&*law, FIGURE_POINTS)).map_err(Failure::numerical)?)?;
    }
    console.result(&document, || text(&document))?;
    Ok(ExitCode::SUCCESS)
}

const FIGURE_POINTS: usize = 800;

fn document(name: &'static str, law: &dyn Law, arguments: &Arguments) -> Document {
    let positive = law.variable().is_positive();
    let log10 = |ln: f64| positive.then_some(ln / std::f64::consts::LN_10);
    let quantile = |p: f64| QuantileDocument { p, x: law.quantile(p), log10_x: log10(law.ln_quantile(p)) };
    let each = |of: &dyn Fn(f64) -> f64| OneOrMore::of(arguments.at.iter().map(|&x| of(x)).collect());
    let support = law.support();
    let mut generator = Stream::new(arguments.seed, "law").layer(0);
    Document {
        law: name,
        title: law.title(),
        variable: law.variable(),
        hypotheses: law.hypotheses(),
        source: law.source(),
        support: [support.low, support.high],
        log10_upper_edge: log10(law.ln_upper_edge()),
        atoms: law.atoms(),
        moments: (1..=arguments.moments).map(|k| law.moment(k)).collect(),
        mean_log: law.mean_log(),
        median: quantile(0.5),
        at: each(&|x| x),
        pdf: each(&|x| law.pdf(x)),
        cdf: each(&|x| law.cdf(x)),
        survival: each(&|x| law.survival(x)),
        quantiles: arguments.quantile.iter().map(|&p| quantile(p)).collect(),
        facts: law.facts(),
        sample: (0..arguments.sample.unwrap_or(0)).map(|_| law.sample(&mut generator)).collect(),
        files: Vec::new(),
    }
}

/// As many digits as the number has, in scientific notation far from 1.
fn plain(value: f64) -> String {
    let value = value + 0.0;
    if value == 0.0 || !value.is_finite() || (1e-5..1e15).contains(&value.abs()) {
        value.to_string()
    } else {
        format!("{value:e}")
    }
}

/// Atoms and draws that the text shows.
const SHOWN: usize = 12;

fn text(document: &Document) -> String {
    let mut text = format!("{}\n", document.title);
    let mut line = |name: &str, value: String| {
        let _ = writeln!(text, "  {name:<10} {value}");
    };
    line("variable", format!("x = {}", document.variable.describe()));
    line("holds for", document.hypotheses.to_owned());
    line("source", document.source.to_owned());
    let [low, high] = document.support;
    let beyond = |value: f64| value == 0.0 || value.is_infinite();
    let decades = match document.log10_upper_edge {
        Some(log10) if beyond(high) && log10.is_finite() => format!(", upper end 10^{log10:.6}"),
        _ => String::new(),
    };
    line("support", format!("[{}, {}]{decades}", plain(low), plain(high)));
    match &document.atoms[..] {
        [] => line("atoms", "none".to_owned()),
        atoms => {
            let shown = atoms.iter().take(SHOWN).map(|atom| format!("{} at {}", plain(atom.mass), plain(atom.at)));
            let more = if atoms.len() > SHOWN { format!(", ... ({} in all)", atoms.len()) } else { String::new() };
            line("atoms", shown.collect::<Vec<_>>().join(", ") + &more);
        }
    }
    line("median", number(&document.median));
    for (k, moment) in document.moments.iter().enumerate() {
        let name = if k == 0 { "E x".to_owned() } else { format!("E x^{}", k + 1) };
        line(&name, moment.map_or_else(|| "not known".to_owned(), plain));
    }
    if let Some(mean_log) = document.mean_log {
        line("E ln x", plain(mean_log));
    }
    for quantile in &document.quantiles {
        line(&format!("q({})", plain(quantile.p)), number(quantile));
    }
    let list = |values: &Option<OneOrMore>| match values {
        None => Vec::new(),
        Some(OneOrMore::One(value)) => vec![*value],
        Some(OneOrMore::More(values)) => values.clone(),
    };
    let [at, pdf, cdf, survival] = [&document.at, &document.pdf, &document.cdf, &document.survival].map(list);
    for k in 0..at.len() {
        let values = [pdf[k], cdf[k], survival[k]].map(plain);
        line(&format!("x = {}", plain(at[k])), format!("pdf {}, cdf {}, 1 - cdf {}", values[0], values[1], values[2]));
    }
    for fact in &document.facts {
        let _ = writeln!(text, "  {} = {}: {}", fact.name, plain(fact.value), fact.meaning);
    }
    if !document.sample.is_empty() {
        let shown = document.sample.iter().take(SHOWN).map(|value| plain(*value)).collect::<Vec<_>>().join(", ");
        let more = if document.sample.len() > SHOWN { ", ... (all with --json)" } else { "" };
        let _ = writeln!(text, "  draws      {shown}{more}");
    }
    for file in &document.files {
        let _ = writeln!(text, "wrote {}", file.display());
    }
    text
}

/// A quantile, by its logarithm where it is out of range.
fn number(quantile: &QuantileDocument) -> String {
    match quantile.log10_x {
        Some(log10) if log10.is_finite() && !(1e-290..1e290).contains(&quantile.x) => format!("10^{log10:.6}"),
        _ => plain(quantile.x),
    }
}
