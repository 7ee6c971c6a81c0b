//! `gradspectra phase`: order, chaos and the edge between them.

use std::fmt::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;
use std::str::FromStr;

use serde::Serialize;

use super::console::Console;
use super::failure::Failure;
use super::files::OutputFile;
use crate::activation::{self, ACTIVATIONS, Activation};
use crate::mean_field::{
    EdgeOfChaos, EdgePoint, Phase, PhasePoint, Scales, Stability, VarianceMap, critical_correlation_rate, phase_point,
};
use crate::report::{edges_figure, maps_figure, phase_figure};
use crate::study::{Edges, MapsSheet, PhaseDiagram};

/// Where gradients vanish, hold or explode: fixed points, depth scales and the edge of chaos of an activation
///
/// Mean-field theory of wide random networks with weights of variance sigma_w^2 / fan_in and biases of variance sigma_b^2. A
/// number for both scales gives one point; a range `lo:hi:n` for either gives a grid; --critical solves for the sigma_w at
/// which gradients hold.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// The activation, as in a specification; `all` for the edges of chaos of all that are known (with --critical)
    #[arg(value_name = "A", allow_hyphen_values = true)]
    activation: String,

    /// Scale of the weights: a number, or n values as `lo:hi:n`
    #[arg(long, value_name = "X", allow_hyphen_values = true, required_unless_present = "critical")]
    sigma_w: Option<Values>,

    /// Scale of the biases: a number, or n values as `lo:hi:n` [default: 0; the whole edge for --critical with a file]
    #[arg(long, value_name = "Y", allow_hyphen_values = true)]
    sigma_b: Option<Values>,

    /// Solve for the scale of the weights on the edge of chaos, chi_1 = 1
    #[arg(long, conflicts_with = "sigma_w")]
    critical: bool,

    /// Variance of the first layer's pre-activations, from which the layers go on
    #[arg(long, value_name = "Q", default_value = "1", allow_negative_numbers = true)]
    q0: f64,

    /// Write the rows to this file (CSV) instead of standard output
    #[arg(long, value_name = "FILE.csv")]
    out: Option<PathBuf>,

    /// Draw: the maps at a point, the phases of a grid, the edges of chaos
    #[arg(long, value_name = "FILE.svg")]
    figure: Option<PathBuf>,
}

/// A number, or equidistant ones.
#[derive(Debug, Clone)]
struct Values {
    values: Vec<f64>,
    range: bool,
}

/// Points of a grid at most: what takes about half a minute.
const MOST_POINTS: usize = 1_000_000;

impl FromStr for Values {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let number = |part: &str| {
            let value: f64 = part
                .trim()
                .parse()
                .map_err(|_| format!("`{part}` is not a number: write 1.5, or a range as 0.5:4:200"))?;
            if value.is_finite() && value >= 0.0 {
                Ok(value)
            } else {
                Err(format!("{part} is no scale: it must be a number of at least 0"))
            }
        };
        let parts: Vec<&str> = text.split(':').collect();
        match parts[..] {
            [only] => Ok(Self { values: vec![number(only)?], range: false }),
            [low, high, count] => {
                let (low, high) = (number(low)?, number(high)?);
                if low >= high {
                    return Err(format!("the range must go up, but {low} is not below {high}"));
                }
                let count: usize = count
                    .trim()
                    .parse()
                    .map_err(|_| format!("`{count}` is not a number of points: write a whole one, as in 0.5:4:200"))?;
                if !(2..=MOST_POINTS).contains(&count) {
                    return Err(format!("{count} points: a range has 2 to {MOST_POINTS}"));
                }
                let step = (high - low) / (count - 1) as f64;
                let at = |k: usize| if k + 1 == count { high } else { low + step * k as f64 };
                Ok(Self { values: (0..count).map(at).collect(), range: true })
            }
            _ => Err("write a number, or a range as lo:hi:n".to_owned()),
        }
    }
}

#[derive(Serialize)]
struct PointDocument<'a> {
    activation: &'a str,
    #[serde(flatten)]
    point: &'a PhasePoint,
    /// The sigma_w on the edge of chaos at this sigma_b: `null` if there is none, or none that networks stay on.
    critical_sigma_w: Option<f64>,
    /// On the edge of chaos: beta of `1 - c_l ~ beta / l`.
    correlation_rate: Option<f64>,
    edge: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    files: Vec<PathBuf>,
}

/// A row of a grid, in the order of the columns.
#[derive(Serialize)]
struct Row<'a> {
    sigma_w: f64,
    sigma_b: f64,
    phase: Option<&'a str>,
    q_star: Option<f64>,
    chi_1: Option<f64>,
    chi_parallel: Option<f64>,
    c_star: Option<f64>,
    chi_c_star: Option<f64>,
    xi_q: Option<f64>,
    xi_c: Option<f64>,
    stable: Option<bool>,
    fixed_points: usize,
    /// Why there are no numbers.
    problem: Option<&'a str>,
}

#[derive(Serialize)]
struct GridDocument<'a> {
    activation: &'a str,
    edge: String,
    points: Vec<Row<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    files: Vec<PathBuf>,
}

#[derive(Serialize)]
struct EdgeDocument<'a> {
    activation: &'a str,
    edge: String,
    /// Of networks without biases whose variance fades, or has no scale.
    sigma_w_at_origin: Option<f64>,
    points: Vec<EdgePoint>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    files: Vec<PathBuf>,
}

pub(super) fn run(arguments: &Arguments, console: &Console) -> Result<ExitCode, Failure> {
    if !(arguments.q0 > 0.0 && arguments.q0 <= 1e6) {
        let message = anyhow::anyhow!("--q0 is {}; a variance must be above 0 and at most 1e6", arguments.q0);
        return Err(Failure::Input(message));
    }
    if arguments.out.is_some() && arguments.out == arguments.figure {
        return Err(Failure::Input(anyhow::anyhow!(
            "--out and --figure name the same file: one would overwrite the other"
        )));
    }
    let files = Files::prepare(arguments, console)?;
    if crate::names::canonical(&arguments.activation) == "all" {
        return all_edges(arguments, &files, console);
    }
    let phi = activation::by_name(&arguments.activation).map_err(Failure::input)?;
    let sigma_b = arguments.sigma_b.clone().unwrap_or(Values { values: vec![0.0], range: false });
    match &arguments.sigma_w {
        None if arguments.sigma_b.is_none() && (files.rows.is_some() || files.figure.is_some()) => {
            whole_edge(&*phi, &files, console)
        }
        None if sigma_b.range => edge_points(&*phi, &sigma_b.values, &files, console),
        None => critical_point(&*phi, sigma_b.values[0], &files, console),
        Some(sigma_w) if sigma_w.range || sigma_b.range => {
            grid(&*phi, sigma_w.values.clone(), sigma_b.values, arguments.q0, &files, console)
        }
        Some(sigma_w) => {
            let scales = Scales::new(sigma_w.values[0], sigma_b.values[0]).map_err(Failure::input)?;
            point(&*phi, scales, arguments.q0, &files, console)
        }
    }
}

/// The files that were asked for, known to be writable.
struct Files {
    rows: Option<OutputFile>,
    figure: Option<OutputFile>,
}

impl Files {
    fn prepare(arguments: &Arguments, console: &Console) -> Result<Self, Failure> {
        let prepare = |path: &PathBuf| console.writing(|| OutputFile::prepare(path), |_| false);
        let rows = arguments.out.as_ref().map(prepare).transpose().map_err(Failure::Input)?;
        let figure = arguments.figure.as_ref().map(prepare).transpose().map_err(Failure::Input)?;
        Ok(Self { rows, figure })
    }

    fn write(
        &self,
        console: &Console,
        rows: impl FnOnce() -> String,
        figure: impl FnOnce() -> Result<String, crate::report::FigureError>,
    ) -> Result<Vec<PathBuf>, Failure> {
        let figure = self.figure.as_ref().map(|file| figure().map(|text| (file, text))).transpose();
        let figure = figure.map_err(Failure::numerical)?;
        let rows = self.rows.as_ref().map(|file| (file, rows()));
        let texts: Vec<(&OutputFile, String)> = rows.into_iter().chain(figure).collect();
        let write = || texts.iter().map(|(file, text)| file.write(text)).collect::<anyhow::Result<Vec<_>>>();
        console.writing(write, |written| written.as_ref().is_ok_and(|files| !files.is_empty())).map_err(Failure::Input)
    }
}

fn point(
    phi: &dyn Activation,
    scales: Scales,
    start: f64,
    files: &Files,
    console: &Console,
) -> Result<ExitCode, Failure> {
    let map = VarianceMap::new(phi).map_err(Failure::input)?;
    let found = phase_point(&map, scales, start).map_err(Failure::input)?;
    let edge = EdgeOfChaos::new(&map).map_err(Failure::input)?;
    let critical = stable_point(&edge, &map, scales.sigma_b).map(|point| point.sigma_w);
    print_point(phi, &found, critical, edge.words(), start, files, console)
}

fn print_point(
    phi: &dyn Activation,
    found: &PhasePoint,
    critical: Option<f64>,
    edge: String,
    start: f64,
    files: &Files,
    console: &Console,
) -> Result<ExitCode, Failure> {
    let scales = Scales { sigma_w: found.sigma_w, sigma_b: found.sigma_b };
    let sheet = files.figure.is_some().then(|| MapsSheet::new(phi, scales, start)).transpose();
    let sheet = sheet.map_err(Failure::input)?;
    let written = files.write(
        console,
        || rows_csv(&[row(scales, Ok(found))]),
        || sheet.as_ref().map_or_else(|| Ok(String::new()), maps_figure),
    )?;
    let rate = found.q_star.filter(|q| found.phase == Phase::Critical && *q > 0.0);
    let rate = rate.map(|q| critical_correlation_rate(phi, q)).transpose().map_err(Failure::input)?.flatten();
    let document = PointDocument {
        activation: phi.name(),
        point: found,
        critical_sigma_w: critical,
        correlation_rate: rate,
        edge,
        files: written,
    };
    console.result(&document, || point_text(&document))?;
    Ok(ExitCode::SUCCESS)
}

fn point_text(document: &PointDocument<'_>) -> String {
    let point = document.point;
    let mut text = format!(
        "{} at sigma_w = {}, sigma_b = {}: {}\n",
        document.activation,
        point.sigma_w,
        point.sigma_b,
        point.phase.name()
    );
    let number = |value: Option<f64>| value.map_or_else(|| "-".to_owned(), |value| format!("{value:.12}"));
    let layers = |xi: Option<f64>| {
        xi.map_or_else(|| "no exponential decay".to_owned(), |xi| format!("depth scale {xi:.6} layers"))
    };
    if point.every_variance_fixed {
        let _ = writeln!(text, "  q*     every variance is kept");
    } else if let Some(q) = point.q_star {
        let _ = writeln!(text, "  q*     {q:<20.12} {}", layers(point.xi_q));
    } else {
        let _ = writeln!(text, "  q*     none: the variance grows without bound");
    }
    if let Some(chi) = point.chi_1 {
        let words = match (point.phase, 10f64.ln() / chi.ln().abs()) {
            (Phase::Critical, _) => "gradients hold in mean square".to_owned(),
            (Phase::Ordered, layers) => format!("gradients vanish: a tenth in mean square per {layers:.2} layers"),
            (_, layers) => format!("gradients explode: tenfold in mean square per {layers:.2} layers"),
        };
        let _ = writeln!(text, "  chi_1  {chi:<20.12} {words}");
    }
    match point.c_star {
        Some(_) => {
            let approach = match document.correlation_rate {
                Some(beta) => format!("1 - c falls like {beta:.4} / layer"),
                None => layers(point.xi_c),
            };
            let _ = writeln!(text, "  c*     {:<20} {approach}", number(point.c_star));
        }
        None if point.q_star == Some(0.0) => {
            let _ = writeln!(text, "  c*     none: no variance is left");
        }
        None if point.q_star.is_some() => {
            let _ = writeln!(text, "  c*     every correlation is kept");
        }
        None => {}
    }
    if point.phase == Phase::Critical && point.chi_parallel.is_some_and(|chi| chi.abs() > 1.0 + 1e-9) {
        let _ = writeln!(
            text,
            "  unstable: chi_parallel = {:.12}, networks do not stay at q*",
            point.chi_parallel.unwrap_or(1.0)
        );
    }
    let others: Vec<_> =
        point.fixed_points.iter().filter(|p| point.q_star.is_none_or(|q| (p.q - q).abs() > 1e-9 * q)).collect();
    for other in others {
        let word = match other.stability {
            Stability::Stable => "stable",
            Stability::Marginal => "marginal",
            Stability::Unstable => "unstable",
        };
        let _ = writeln!(text, "  fixed point besides: q = {:.12}, {word}, chi_1 = {:.12}", other.q, other.chi_1);
    }
    if let Some(critical) = document.critical_sigma_w {
        let _ = writeln!(text, "edge of chaos at this sigma_b: sigma_w = {critical:.12}");
    }
    let _ = writeln!(text, "edge of chaos: {}", document.edge);
    files_text(&mut text, &document.files);
    text
}

fn files_text(text: &mut String, files: &[PathBuf]) {
    for file in files {
        let _ = writeln!(text, "written: {}", file.display());
    }
}

fn stable_point(edge: &EdgeOfChaos, map: &VarianceMap<'_>, sigma_b: f64) -> Option<EdgePoint> {
    edge.at(map, sigma_b).into_iter().find(|point| point.stability == Stability::Stable)
}

fn critical_point(phi: &dyn Activation, sigma_b: f64, files: &Files, console: &Console) -> Result<ExitCode, Failure> {
    let map = VarianceMap::new(phi).map_err(Failure::input)?;
    let edge = EdgeOfChaos::new(&map).map_err(Failure::input)?;
    let stable = stable_point(&edge, &map, sigma_b);
    let on_curve = stable.or_else(|| edge.at(&map, sigma_b).into_iter().find(|point| point.q_star > 1e-9));
    let at_origin = edge.at_origin.filter(|_| sigma_b == 0.0);
    let (sigma_w, start) = match (stable, at_origin, on_curve) {
        (Some(point), None, _) | (None, None, Some(point)) => (point.sigma_w, point.q_star),
        (_, Some(sigma_w), _) => (sigma_w, 1.0),
        (None, None, None) => {
            let name = phi.name();
            let message = anyhow::anyhow!("{name} has no edge of chaos at sigma_b = {sigma_b}; it is {}", edge.words());
            return Err(Failure::Input(message));
        }
    };
    let scales = Scales::new(sigma_w, sigma_b).map_err(Failure::input)?;
    let variances = map.variances(scales, start);
    let found = match (&variances, on_curve.filter(|point| point.sigma_w == sigma_w)) {
        // Every variance is kept.
        (Ok(variances), _) if variances.every => phase_point(&map, scales, start).map_err(Failure::input)?,
        (variances, point) => {
            let fixed_points =
                variances.as_ref().map_or_else(|_| Vec::new(), |variances| variances.fixed_points.clone());
            let (q, chi_parallel) = point.map_or((0.0, 1.0), |point| (point.q_star, point.chi_parallel));
            PhasePoint::on_edge(scales, q, chi_parallel, fixed_points)
        }
    };
    let critical = found.stable.then_some(sigma_w);
    print_point(phi, &found, critical, edge.words(), start, files, console)
}

fn whole_edge(phi: &dyn Activation, files: &Files, console: &Console) -> Result<ExitCode, Failure> {
    let map = VarianceMap::new(phi).map_err(Failure::input)?;
    let edge = EdgeOfChaos::new(&map).map_err(Failure::input)?;
    let points: Vec<EdgePoint> = edge.branches.iter().flatten().copied().collect();
    print_edge(phi, edge, points, files, console)
}

fn edge_points(phi: &dyn Activation, sigma_b: &[f64], files: &Files, console: &Console) -> Result<ExitCode, Failure> {
    let map = VarianceMap::new(phi).map_err(Failure::input)?;
    let edge = EdgeOfChaos::new(&map).map_err(Failure::input)?;
    let points = sigma_b.iter().flat_map(|b| edge.at(&map, *b)).collect();
    print_edge(phi, edge, points, files, console)
}

fn print_edge(
    phi: &dyn Activation,
    edge: EdgeOfChaos,
    points: Vec<EdgePoint>,
    files: &Files,
    console: &Console,
) -> Result<ExitCode, Failure> {
    let words = edge.words();
    let csv = |points: &[EdgePoint]| {
        let mut text = "sigma_w,sigma_b,q_star,chi_parallel,stable\n".to_owned();
        for p in points {
            let stable = p.stability == Stability::Stable;
            let _ = writeln!(text, "{},{},{},{},{stable}", p.sigma_w, p.sigma_b, p.q_star, p.chi_parallel);
        }
        text
    };
    let at_origin = edge.at_origin;
    let edges = Edges { edges: vec![(phi.name().to_owned(), edge)] };
    let written = files.write(console, || csv(&points), || edges_figure(&edges))?;
    let document =
        EdgeDocument { activation: phi.name(), edge: words, sigma_w_at_origin: at_origin, points, files: written };
    console.result(&document, || {
        let mut text = format!("edge of chaos of {}: {}\n", document.activation, document.edge);
        if document.files.is_empty() && !document.points.is_empty() {
            text.push_str(&csv(&document.points));
        }
        files_text(&mut text, &document.files);
        text
    })?;
    Ok(ExitCode::SUCCESS)
}

fn all_edges(arguments: &Arguments, files: &Files, console: &Console) -> Result<ExitCode, Failure> {
    if !arguments.critical || arguments.sigma_b.is_some() {
        let message = anyhow::anyhow!("`all` goes with --critical alone: the edges of chaos of all activations");
        return Err(Failure::Input(message));
    }
    let mut edges = Vec::new();
    for entry in ACTIVATIONS {
        let phi = activation::by_name(entry.name).map_err(Failure::input)?;
        let map = VarianceMap::new(&*phi).map_err(Failure::input)?;
        edges.push((phi.name().to_owned(), EdgeOfChaos::new(&map).map_err(Failure::input)?));
    }
    let edges = Edges { edges };
    let csv = || {
        let mut text = "activation,sigma_w,sigma_b,q_star,chi_parallel,stable\n".to_owned();
        for (name, edge) in &edges.edges {
            for p in edge.branches.iter().flatten() {
                let stable = p.stability == Stability::Stable;
                let _ = writeln!(text, "{name},{},{},{},{},{stable}", p.sigma_w, p.sigma_b, p.q_star, p.chi_parallel);
            }
        }
        text
    };
    let written = files.write(console, csv, || edges_figure(&edges))?;
    let documents: Vec<EdgeDocument<'_>> = edges
        .edges
        .iter()
        .map(|(name, edge)| EdgeDocument {
            activation: name,
            edge: edge.words(),
            sigma_w_at_origin: edge.at_origin,
            points: edge.branches.iter().flatten().copied().collect(),
            files: Vec::new(),
        })
        .collect();
    console.result(&documents, || {
        let mut text = String::new();
        for document in &documents {
            let _ = writeln!(text, "{:<20} {}", document.activation, document.edge);
        }
        files_text(&mut text, &written);
        text
    })?;
    Ok(ExitCode::SUCCESS)
}

fn grid(
    phi: &dyn Activation,
    sigma_w: Vec<f64>,
    sigma_b: Vec<f64>,
    start: f64,
    files: &Files,
    console: &Console,
) -> Result<ExitCode, Failure> {
    let count = sigma_w.len().saturating_mul(sigma_b.len());
    if count > MOST_POINTS {
        let message =
            anyhow::anyhow!("the grid has {count} points; the most is {MOST_POINTS}: choose fewer in a range");
        return Err(Failure::Input(message));
    }
    let diagram = PhaseDiagram::new(phi, sigma_w, sigma_b, start).map_err(Failure::input)?;
    let pairs = diagram.sigma_b.iter().flat_map(|b| diagram.sigma_w.iter().map(move |w| (*w, *b)));
    let rows: Vec<Row<'_>> = pairs
        .zip(&diagram.points)
        .map(|((sigma_w, sigma_b), point)| row(Scales { sigma_w, sigma_b }, point.as_ref().map_err(String::as_str)))
        .collect();
    let written = files.write(console, || rows_csv(&rows), || phase_figure(&diagram))?;
    let document = GridDocument { activation: phi.name(), edge: diagram.edge.words(), points: rows, files: written };
    console.result(&document, || {
        if document.files.is_empty() {
            return rows_csv(&document.points);
        }
        let mut text = String::new();
        for phase in [Phase::Ordered, Phase::Critical, Phase::Chaotic, Phase::Unbounded] {
            let share = document.points.iter().filter(|row| row.phase == Some(phase.name())).count();
            if share > 0 {
                let _ = writeln!(text, "{:<10} {share} of {count} points", phase.name());
            }
        }
        let problems = document.points.iter().filter(|row| row.problem.is_some()).count();
        if problems > 0 {
            let _ = writeln!(text, "no answer  {problems} of {count} points: see the column `problem`");
        }
        let _ = writeln!(text, "edge of chaos: {}", document.edge);
        files_text(&mut text, &document.files);
        text
    })?;
    Ok(ExitCode::SUCCESS)
}

fn row<'a>(scales: Scales, point: Result<&'a PhasePoint, &'a str>) -> Row<'a> {
    let found = point.ok();
    Row {
        sigma_w: scales.sigma_w,
        sigma_b: scales.sigma_b,
        phase: found.map(|p| p.phase.name()),
        q_star: found.and_then(|p| p.q_star),
        chi_1: found.and_then(|p| p.chi_1),
        chi_parallel: found.and_then(|p| p.chi_parallel),
        c_star: found.and_then(|p| p.c_star),
        chi_c_star: found.and_then(|p| p.chi_c_star),
        xi_q: found.and_then(|p| p.xi_q),
        xi_c: found.and_then(|p| p.xi_c),
        stable: found.map(|p| p.stable),
        fixed_points: found.map_or(0, |p| p.fixed_points.len()),
        problem: point.err(),
    }
}

fn rows_csv(rows: &[Row<'_>]) -> String {
    let mut text =
        "sigma_w,sigma_b,phase,q_star,chi_1,chi_parallel,c_star,chi_c_star,xi_q,xi_c,stable,fixed_points,problem\n"
            .to_owned();
    let number = |value: Option<f64>| value.map_or_else(String::new, |value| value.to_string());
    for row in rows {
        let _ = write!(text, "{},{},{}", row.sigma_w, row.sigma_b, row.phase.unwrap_or(""));
        for value in [row.q_star, row.chi_1, row.chi_parallel, row.c_star, row.chi_c_star, row.xi_q, row.xi_c] {
            text.push(',');
            text.push_str(&number(value));
        }
        let stable = row.stable.map_or_else(String::new, |stable| stable.to_string());
        let problem = row.problem.map_or_else(String::new, |problem| format!("\"{}\"", problem.replace('"', "\"\"")));
        let _ = writeln!(text, ",{stable},{},{problem}", row.fixed_points);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_inclusive_and_bad_ones_are_named() {
        let values = |text: &str| Values::from_str(text).map(|values| values.values);
        assert_eq!(values("0.5:4:3"), Ok(vec![0.5, 2.25, 4.0]));
        assert_eq!(values(" 2 "), Ok(vec![2.0]));
        for (text, part) in [
            ("4:1:0", "must go up"),
            ("1:4:1", "2 to"),
            ("1:4", "lo:hi:n"),
            ("1:4:x", "number of points"),
            ("-1", "at least 0"),
            ("nan", "at least 0"),
            ("a", "is not a number"),
            ("0:1:99999999", "2 to"),
        ] {
            let error = values(text).expect_err("not a range");
            assert!(error.contains(part), "{text}: {error}");
        }
    }
}
