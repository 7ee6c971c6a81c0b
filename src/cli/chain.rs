//! `gradspectra chain`: the singular values of the product of a file's matrices.

use std::fmt::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;

use serde::Serialize;

use super::console::Console;
use super::failure::{Failure, printable};
use super::files::OutputDirectory;
use crate::measure::{ChainSpectrum, DepthRange, DepthSpectrum, chain_spectrum};
use crate::report::chain_figure;
use crate::tensor_file::FactorFile;

/// Singular values of the product of a file's matrices, however many and however small
///
/// The file (safetensors) holds the factors, each out x in, the first applied first, in natural order of their names (`2.weight`
/// before `10.weight`); tensors of one dimension (biases) are skipped and listed. Every singular value comes out with its
/// logarithm, far below what the product itself could hold in double precision.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// The factors, a safetensors file
    #[arg(value_name = "FILE")]
    file: PathBuf,

    /// Directory for chain.svg, the spectrum by depth, and chain.json
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
}

#[derive(Serialize)]
struct Document<'a> {
    /// Descending; an exact zero is `null`.
    log10_singular_values: &'a [Option<f64>],
    rank: usize,
    /// (1/L) ln sigma_i.
    lyapunov_exponents: Vec<Option<f64>>,
    skipped: &'a [String],
    factors: Vec<FactorDocument<'a>>,
    rows: usize,
    columns: usize,
    /// In ln sigma_i, by one ulp in every entry; `null` for zeros.
    conditioning: &'a [Option<f64>],
    /// Whether one ulp moves a value by less than 1 %, or leaves it zero.
    determined: &'a [bool],
    plain_log10_singular_values: &'a [Option<f64>],
    plain_overflows: bool,
    lost: usize,
    log10_spectral_radius: Option<f64>,
    depths: &'a [DepthSpectrum],
    ranges: &'a [DepthRange],
}

#[derive(Serialize)]
struct FactorDocument<'a> {
    name: &'a str,
    shape: [usize; 2],
}

/// What is printed: the document, and the files that hold it.
#[derive(Serialize)]
struct Printed<'a> {
    #[serde(flatten)]
    document: &'a Document<'a>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    files: Vec<PathBuf>,
}

pub(super) fn run(arguments: &Arguments, console: &Console) -> Result<ExitCode, Failure> {
    let file = FactorFile::open(&arguments.file).map_err(Failure::input)?;
    // Before the work, not after it.
    let prepare = |path: &PathBuf| console.writing(|| OutputDirectory::prepare(path), |_| false);
    let directory = arguments.out.as_ref().map(prepare).transpose().map_err(Failure::Input)?;
    let shapes: Vec<(usize, usize)> = file.factors().iter().map(|factor| (factor.rows, factor.columns)).collect();
    let matrix = |index| file.matrix(index).map_err(Failure::input);
    let spectrum = chain_spectrum(&shapes, matrix, console).map_err(|failure| failure.about(&arguments.file))?;
    let document = document(&file, &spectrum);
    let files = match directory {
        Some(directory) => {
            let figure = chain_figure(&spectrum).map_err(Failure::numerical)?;
            let mut data = serde_json::to_string_pretty(&document).map_err(Failure::numerical)?;
            data.push('\n');
            let files = [("chain.svg", figure.as_str()), ("chain.json", data.as_str())];
            console.writing(|| directory.write(files), Result::is_ok).map_err(Failure::Input)?
        }
        None => Vec::new(),
    };
    let printed = Printed { document: &document, files };
    console.result(&printed, || {
        let mut text = format!("{}: ", printable(&arguments.file.display().to_string()));
        text.push_str(&describe(&document, spectrum.whole()));
        for file in &printed.files {
            let _ = writeln!(text, "wrote {}", file.display());
        }
        text
    })?;
    Ok(ExitCode::SUCCESS)
}

fn document<'a>(file: &'a FactorFile, spectrum: &'a ChainSpectrum) -> Document<'a> {
    let whole = spectrum.whole();
    let per_factor = std::f64::consts::LN_10 / file.factors().len() as f64;
    Document {
        log10_singular_values: &whole.log10_singular_values,
        rank: whole.rank(),
        lyapunov_exponents: whole.log10_singular_values.iter().map(|log10| Some((*log10)? * per_factor)).collect(),
        skipped: file.skipped(),
        factors: file
            .factors()
            .iter()
            .map(|factor| FactorDocument { name: &factor.name, shape: [factor.rows, factor.columns] })
            .collect(),
        rows: spectrum.rows,
        columns: spectrum.columns,
        conditioning: &whole.conditioning,
        determined: &whole.determined,
        plain_overflows: whole.plain_overflows,
        plain_log10_singular_values: &whole.plain_log10_singular_values,
        lost: whole.lost(),
        log10_spectral_radius: spectrum.log10_spectral_radius,
        depths: &spectrum.depths,
        ranges: &spectrum.ranges,
    }
}

/// Names of skipped tensors that are listed one by one.
const LISTED: usize = 8;

fn describe(document: &Document<'_>, whole: &DepthSpectrum) -> String {
    let count = document.factors.len();
    let (size, rank) = (document.log10_singular_values.len(), document.rank);
    let factors = if count == 1 { "one factor".to_owned() } else { format!("product of {count} factors") };
    let mut text = format!("{factors}, {} x {}\n\n", document.rows, document.columns);
    let _ = writeln!(
        text,
        "{:<8} {:>6}  {:>14} {:>16} {:>18} {:>20}",
        "", "i", "log10 sigma_i", "(1/L) ln sigma_i", "moves by one ulp", "log10, multiplied out"
    );
    let mut shown = vec![("largest", 0), ("median", (size - 1) / 2), ("smallest", size - 1)];
    if rank > 0 && rank < size {
        shown.insert(2, ("nonzero", rank - 1));
        shown.sort_by_key(|(_, index)| *index);
    }
    shown.dedup_by_key(|(_, index)| *index);
    for (name, index) in shown {
        let number = |value: Option<f64>| value.map_or_else(|| "zero".to_owned(), |value| format!("{value:.6}"));
        let lifted = if document.determined[index] { "-" } else { "becomes nonzero" };
        let change = document.conditioning[index].map_or_else(|| lifted.to_owned(), |change| format!("{change:.1e}"));
        let plain = document.plain_log10_singular_values[index];
        let plain = if document.plain_overflows { "overflow".to_owned() } else { number(plain) };
        let _ = writeln!(
            text,
            "{name:<8} {:>6}  {:>14} {:>16} {change:>18} {plain:>20}",
            index + 1,
            number(document.log10_singular_values[index]),
            number(document.lyapunov_exponents[index])
        );
    }
    text.push('\n');
    match whole.decades() {
        _ if rank == 0 => text.push_str("the product is exactly zero\n"),
        Some(decades) => {
            let _ = writeln!(text, "rank {rank} of {size}, over {decades:.2} decades");
        }
        None => {
            let _ = writeln!(text, "rank {rank} of {size}");
        }
    }
    let undetermined = whole.undetermined();
    if undetermined > 0 {
        let lifted = whole.lifted_by_an_ulp();
        let _ = match (undetermined, lifted) {
            (count, 0) => writeln!(
                text,
                "{count} of {size} are not determined by the file: one ulp in the entries moves them by more than 1 %"
            ),
            (count, lifted) if count == lifted => {
                writeln!(
                    text,
                    "{count} of {size} are not determined by the file: zero for these entries, but not for all an ulp off"
                )
            }
            (count, lifted) => writeln!(
                text,
                "{count} of {size} are not determined by the file: one ulp in the entries moves them by more than 1 %, {lifted} of them from zero"
            ),
        };
    }
    let of = size - undetermined;
    let values = if undetermined > 0 { "determined singular values" } else { "singular values" };
    let _ = match document.lost {
        _ if document.plain_overflows => {
            writeln!(text, "multiplied out in f64, the product overflows: nothing is left")
        }
        0 => writeln!(text, "multiplied out in f64, none of the {of} {values} is off by more than 1 %"),
        lost => writeln!(text, "multiplied out in f64, {lost} of {of} {values} are lost (off by more than 1 %)"),
    };
    match document.log10_spectral_radius {
        Some(radius) => {
            let _ = writeln!(text, "largest eigenvalue: 10^{radius:.6}");
        }
        None if document.rows == document.columns && rank > 0 && !document.plain_overflows => {
            text.push_str("largest eigenvalue: below what double precision carries\n");
        }
        None => {}
    }
    if !document.skipped.is_empty() {
        let names: Vec<String> = document.skipped.iter().take(LISTED).map(|name| printable(name)).collect();
        let mut names = names.join(", ");
        if document.skipped.len() > LISTED {
            let _ = write!(names, " and {} more", document.skipped.len() - LISTED);
        }
        let _ = writeln!(text, "skipped, not matrices: {names}");
    }
    text
}
