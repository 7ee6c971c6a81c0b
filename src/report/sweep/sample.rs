//! Real sweeps of small networks: what the figures are tried on.

use crate::sweep::{Axis, AxisScale, AxisValue, Blind, Grid, Outcome, PointKey, PointResult, SweepResults, sweep};

/// Runs a sweep of networks of 20 tanh layers; `table` is its [sweep] table.
pub(super) fn run(name: &str, trials: usize, table: &str) -> SweepResults {
    let text = format!(
        "name = \"{name}\"\n[network]\ninput = 64\ndepth = 20\nwidth = 64\nactivation = \"tanh\"\nweights = {{ ensemble = \"gaussian\" }}\n\
         [data]\nbatch = 4\n[loss]\nkind = \"random\"\n[measure]\ntrials = {trials}\nquantities = [\"gradient_norms\"]\n[sweep]\n{table}\n"
    );
    let directory = tempfile::tempdir().expect("a temporary directory");
    let grid = Grid::parse(text, "sample.toml".as_ref()).expect("a valid sweep");
    sweep(&grid, directory.path(), &Blind).expect("a writable directory")
}

/// The axes of a phase diagram.
pub(super) fn plane(columns: usize, rows: usize) -> String {
    format!(
        "\"network.weights.sigma_w\" = {{ from = 0.5, to = 4.0, points = {columns} }}, \
         \"network.biases.sigma_b\" = {{ from = 0.0, to = 1.0, points = {rows} }}"
    )
}

/// The measured phase diagram of tanh, with repeats of their own seeds.
pub(super) fn phase(columns: usize, rows: usize, repeats: usize) -> SweepResults {
    run("phase-tanh", 10, &format!("axes = {{ {} }}\nrepeats = {repeats}", plane(columns, rows)))
}

/// A full grid of two axes whose points are made by hand: of what takes long to run.
pub(super) fn by_hand(
    name: &str,
    axes: [Axis; 2],
    repeats: usize,
    point: impl Fn([usize; 2], usize) -> Outcome,
) -> SweepResults {
    let [slow, fast] = axes.each_ref().map(|axis| axis.values.len());
    let points = (0..slow * fast * repeats).map(|index| {
        let (place, repeat) = (index / repeats, index % repeats);
        let at = [place / fast, place % fast];
        PointResult {
            key: PointKey(index as u128),
            index,
            repeat,
            seed: index as u64,
            coordinates: axes.iter().zip(at).map(|(axis, k)| axis.values[k].clone()).collect(),
            outcome: point(at, index),
        }
    });
    let points: Vec<PointResult> = points.collect();
    let planned = points.len();
    SweepResults { name: name.to_owned(), question: None, axes: axes.to_vec(), repeats, planned, points }
}

pub(super) fn numbers(key: &str, values: &[f64], scale: AxisScale) -> Axis {
    let values = values.iter().map(|v| AxisValue::Float(*v)).collect();
    Axis { key: key.to_owned(), values, scale, linked: None }
}
