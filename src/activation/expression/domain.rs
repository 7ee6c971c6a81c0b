//! Whether an expression has a value for every x.

use super::error::ExpressionError;
use super::program::Program;
use crate::numeric::Interval;

/// Looked at first, so that a message names a short number.
const SHORT: [f64; 15] = [0.0, -1.0, 1.0, -2.0, 2.0, -0.5, 0.5, -10.0, 10.0, -100.0, 100.0, -1e3, 1e3, -1e6, 1e6];

/// Refuses an expression that is not a number, or infinite, at a point of the grid, and one with a pole inside a cell: there
/// intervals have no bound, and the value grows the closer one looks.
///
/// Overflow is no pole: `exp(x)` has a value at 1e6, though not a double. A stretch narrower than a cell where the expression is
/// not defined may be missed.
pub(super) fn check(program: &Program, grid: &[f64]) -> Result<(), ExpressionError> {
    for &x in SHORT.iter().chain(grid) {
        point(program, x)?;
    }
    let mut cells: Vec<(f64, f64)> = grid.windows(2).map(|cell| (cell[0], cell[1])).collect();
    // The pole nearest to 0 is the one to name.
    cells.sort_by(|a, b| a.0.abs().min(a.1.abs()).total_cmp(&b.0.abs().min(b.1.abs())));
    for (low, high) in cells {
        if let Some(x) = pole(program, low, high) {
            return Err(ExpressionError::Infinite { x });
        }
    }
    Ok(())
}

fn point(program: &Program, x: f64) -> Result<(), ExpressionError> {
    if program.jet::<0>(x).v.is_finite() {
        return Ok(());
    }
    let value = program.extended::<0>(x).v;
    match (value.is_nan(), value.is_finite()) {
        (true, _) => Err(ExpressionError::NotANumber { x }),
        (_, false) => Err(ExpressionError::Infinite { x }),
        _ => Ok(()),
    }
}

/// Follows the half without a bound, and of two such halves the one with the larger value.
fn pole(program: &Program, mut low: f64, mut high: f64) -> Option<f64> {
    let unbounded = |low: f64, high: f64| {
        let values = program.enclose::<0>(Interval::new(low, high)).v;
        // Above 1e300 it is overflow that took the bound.
        !values.is_bounded() && values.low < 1e300 && values.high > -1e300
    };
    let size = |x: f64| {
        let value = program.extended::<0>(x).v.abs();
        if value.is_finite() { value.to_f64() } else { f64::INFINITY }
    };
    let mut sizes = Vec::new();
    while unbounded(low, high) {
        let middle = low + 0.5 * (high - low);
        sizes.push(size(low).max(size(high)));
        if middle <= low || middle >= high || sizes.len() > 60 {
            let (first, last) = (sizes[0], sizes[sizes.len() - 1]);
            let grown = last - sizes[sizes.len() / 2] > 1.0 + 1e-3 * first;
            return (last.is_infinite() || grown).then_some(if size(low) > size(high) { low } else { high });
        }
        let left = unbounded(low, middle) && (!unbounded(middle, high) || size(low) >= size(high));
        if left { high = middle } else { low = middle }
    }
    None
}
