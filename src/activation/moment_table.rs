//! Gaussian expectations of one activation over decades of variances, by interpolation.

use super::{Activation, ExpectationError, GaussianMoments};

/// The expectations that a [`MomentTable`] holds, at one variance.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TableMoments {
    /// E phi(u).
    pub phi: f64,
    /// E phi(u)^2.
    pub phi2: f64,
    /// E phi'(u)^2.
    pub dphi2: f64,
    /// E phi'(u)^4.
    pub dphi4: f64,
    /// d E phi(u)^2 / dq.
    pub phi2_slope: f64,
}

impl TableMoments {
    fn of(moments: &GaussianMoments) -> [f64; QUANTITIES] {
        // At q = 0 the slope does not exist; everywhere else it does.
        let slope = moments.phi2_slope.unwrap_or(f64::NAN);
        [moments.phi, moments.phi2, moments.dphi2, moments.dphi4, slope]
    }

    fn from_array([phi, phi2, dphi2, dphi4, phi2_slope]: [f64; QUANTITIES]) -> Self {
        Self { phi, phi2, dphi2, dphi4, phi2_slope }
    }
}

const QUANTITIES: usize = 5;

/// E phi, E phi^2, E phi'^2, E phi'^4 and d E phi^2 / dq of one activation as functions of the variance q.
///
/// # Formula
///
/// Piecewise Chebyshev interpolation of degree 16 in `t = ln q`: of `ln |f|` on the panels on which the quantity keeps its sign, of f
/// itself on the others. Panels are halved until the last coefficients and the differences from direct expectations between the
/// nodes are below 1e-13.
///
/// # Domain and accuracy
///
/// Any range of variances in (0, 1e6]; error at most 1e-12 of the quantity, or of its largest value on the panel (a factor of at
/// most e^5 in q) where it changes sign; some 50 ns a value. Panels on which no interpolation is that accurate (an expectation that
/// underflows on a part of them; sqrt(q) times a frequency above some tens) and variances outside the range are computed directly,
/// in microseconds.
///
/// # Example
///
/// ```
/// use gradspectra::activation::{Activation, MomentTable, Tanh};
///
/// let table = MomentTable::new(&Tanh, MomentTable::RANGE)?;
/// let direct = Tanh.moments(2.5)?;
/// assert!((table.at(2.5)?.phi2 / direct.phi2 - 1.0).abs() < 1e-12);
/// # Ok::<(), gradspectra::activation::ExpectationError>(())
/// ```
#[derive(Debug)]
pub struct MomentTable<'a> {
    phi: &'a dyn Activation,
    /// Left ends in t of the panels, increasing, then the right end of the last.
    ends: Vec<f64>,
    panels: Vec<Panel>,
    /// First panel of each of the equal cells of the range, one more than there are cells: spares the search.
    cells: Vec<u32>,
}

#[derive(Debug)]
enum Panel {
    Series(Box<[Series; QUANTITIES]>),
    Direct,
}

#[derive(Debug, Clone, Copy)]
struct Series {
    form: Form,
    coefficients: [f64; TERMS],
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Form {
    /// The quantity is the series.
    Plain,
    /// It is the exponential of the series, times this sign.
    Exponential(f64),
}

/// Coefficients of a panel.
const TERMS: usize = 17;

/// Widest panel in t.
const WIDEST: f64 = 5.0;

/// Halvings of the widest panel after which its expectations are computed directly.
const MAX_HALVINGS: u32 = 5;

/// Of the interpolated quantity (of its logarithm, where that is what is interpolated): absolute error, above what rounding does to
/// large logarithms.
const TOLERANCE: f64 = 1e-13;

impl<'a> MomentTable<'a> {
    /// The variances that mean-field maps visit.
    pub const RANGE: std::ops::RangeInclusive<f64> = 1e-12..=1e6;

    /// The table over a range of variances above 0.
    ///
    /// # Errors
    ///
    /// [`ExpectationError`] if an expectation does not exist somewhere in the range: growing activations need one that ends before.
    pub fn new(phi: &'a dyn Activation, range: std::ops::RangeInclusive<f64>) -> Result<Self, ExpectationError> {
        let (first, last) = (range.start().ln(), range.end().ln());
        let mut table = Self { phi, ends: vec![first], panels: Vec::new(), cells: Vec::new() };
        let count = ((last - first) / WIDEST).ceil().max(1.0);
        let width = (last - first) / count;
        for k in 0..count as usize {
            let left = first + width * k as f64;
            let right = if k + 1 == count as usize { last } else { first + width * (k + 1) as f64 };
            table.build(left, right, 0)?;
        }
        let cells = (count as usize) << MAX_HALVINGS;
        for k in 0..=cells {
            let at = first + (last - first) * k as f64 / cells as f64;
            let panel = table.ends[1..].iter().take_while(|&&end| end < at).count();
            table.cells.push(panel.min(table.panels.len() - 1) as u32);
        }
        Ok(table)
    }

    /// The expectations at variance q; outside the range computed directly.
    ///
    /// # Errors
    ///
    /// [`ExpectationError`] where they are computed directly and do not exist.
    pub fn at(&self, q: f64) -> Result<TableMoments, ExpectationError> {
        let t = q.ln();
        let (first, last) = (self.ends[0], self.ends[self.ends.len() - 1]);
        if !(t >= first && t <= last) {
            return self.direct(q);
        }
        let cells = self.cells.len() - 1;
        let cell = ((t - first) / (last - first) * cells as f64) as usize;
        let mut k = self.cells[cell.min(cells)] as usize;
        while k + 1 < self.panels.len() && self.ends[k + 1] < t {
            k += 1;
        }
        // Rounding of the cell may have gone one too far.
        while k > 0 && self.ends[k] > t {
            k -= 1;
        }
        match &self.panels[k] {
            Panel::Direct => self.direct(q),
            Panel::Series(series) => {
                let x = (2.0 * t - self.ends[k] - self.ends[k + 1]) / (self.ends[k + 1] - self.ends[k]);
                Ok(TableMoments::from_array(evaluate(series, x)))
            }
        }
    }

    /// Panels, and how many of them are computed directly.
    pub fn panels(&self) -> (usize, usize) {
        (self.panels.len(), self.panels.iter().filter(|panel| matches!(panel, Panel::Direct)).count())
    }

    fn direct(&self, q: f64) -> Result<TableMoments, ExpectationError> {
        Ok(TableMoments::from_array(TableMoments::of(&self.phi.moments(q)?)))
    }

    fn build(&mut self, left: f64, right: f64, halvings: u32) -> Result<(), ExpectationError> {
        match fit(self.phi, left, right)? {
            Some(series) => self.push(Panel::Series(Box::new(series)), right),
            None if halvings == MAX_HALVINGS => self.push(Panel::Direct, right),
            None => {
                let middle = 0.5 * (left + right);
                self.build(left, middle, halvings + 1)?;
                self.build(middle, right, halvings + 1)?;
            }
        }
        Ok(())
    }

    fn push(&mut self, panel: Panel, right: f64) {
        self.panels.push(panel);
        self.ends.push(right);
    }
}

/// The series of a panel, or `None` if they are not accurate.
fn fit(phi: &dyn Activation, left: f64, right: f64) -> Result<Option<[Series; QUANTITIES]>, ExpectationError> {
    let at = |x: f64| -> Result<[f64; QUANTITIES], ExpectationError> {
        let q = (0.5 * ((right - left) * x + left + right)).exp();
        Ok(TableMoments::of(&phi.moments(q)?))
    };
    // Chebyshev points of the second kind.
    let angle = |j: usize| std::f64::consts::PI * j as f64 / (TERMS - 1) as f64;
    let mut samples = [[0.0; TERMS]; QUANTITIES];
    for j in 0..TERMS {
        for (samples, value) in samples.iter_mut().zip(at(angle(j).cos())?) {
            samples[j] = value;
        }
    }
    let mut series = [Series { form: Form::Plain, coefficients: [0.0; TERMS] }; QUANTITIES];
    let mut sizes = [0.0; QUANTITIES];
    for i in 0..QUANTITIES {
        let values = &mut samples[i];
        if values.iter().any(|value| !value.is_finite()) {
            return Ok(None);
        }
        let sign = values[0].signum();
        if values.iter().all(|value| value * sign >= f64::MIN_POSITIVE) {
            series[i].form = Form::Exponential(sign);
            values.iter_mut().for_each(|value| *value = value.abs().ln());
        } else if values.contains(&0.0) && values.iter().any(|value| *value != 0.0) {
            // An underflow has no logarithm, and relative to the largest value it would be lost.
            return Ok(None);
        }
        let largest = values.iter().fold(0.0_f64, |largest, value| largest.max(value.abs()));
        sizes[i] = match series[i].form {
            Form::Plain => largest,
            Form::Exponential(_) => 1.0_f64.max(largest * 8.0 * f64::EPSILON / TOLERANCE),
        };
        for (k, coefficient) in series[i].coefficients.iter_mut().enumerate() {
            let halved = |j: usize, term: f64| if j == 0 || j == TERMS - 1 { 0.5 * term } else { term };
            let sum: f64 = (0..TERMS).map(|j| halved(j, values[j] * (angle(j * k % (2 * (TERMS - 1)))).cos())).sum();
            *coefficient = halved(k, 2.0 * sum / (TERMS - 1) as f64);
        }
        // The last two must be at the noise of the expectations.
        let tail = series[i].coefficients[TERMS - 2..].iter().fold(0.0_f64, |tail, a| tail.max(a.abs()));
        if tail > TOLERANCE * sizes[i] {
            return Ok(None);
        }
    }
    for x in [-0.987, -0.31, 0.472, 0.961] {
        let (direct, interpolated) = (at(x)?, evaluate(&series, x));
        for i in 0..QUANTITIES {
            let size = match series[i].form {
                Form::Plain => sizes[i],
                Form::Exponential(_) => sizes[i] * direct[i].abs(),
            };
            // The direct expectations have rounding of their own.
            if (direct[i] - interpolated[i]).abs() > 2.0 * TOLERANCE * size {
                return Ok(None);
            }
        }
    }
    Ok(Some(series))
}

/// Clenshaw's recurrence for all series side by side.
fn evaluate(series: &[Series; QUANTITIES], x: f64) -> [f64; QUANTITIES] {
    let (mut next, mut after) = ([0.0; QUANTITIES], [0.0; QUANTITIES]);
    for k in (1..TERMS).rev() {
        for i in 0..QUANTITIES {
            let current = 2.0 * x * next[i] - after[i] + series[i].coefficients[k];
            after[i] = next[i];
            next[i] = current;
        }
    }
    std::array::from_fn(|i| {
        let sum = x * next[i] - after[i] + series[i].coefficients[0];
        match series[i].form {
            Form::Plain => sum,
            Form::Exponential(sign) => sign * sum.exp(),
        }
    })
}

#[cfg(test)]
mod tests {
    use super::super::gaussian::test_functions::{BELL, ELU, EXP, GELU, HARD_TANH, SIN, SOFTSHRINK, SOFTSIGN};
    use super::super::{ACTIVATIONS, Tanh};
    use super::*;

    /// At 300 pseudo-random variances, against direct expectations.
    fn assert_table(phi: &dyn Activation) {
        let table = MomentTable::new(phi, MomentTable::RANGE).expect("exists");
        let (first, last) = (MomentTable::RANGE.start().ln(), MomentTable::RANGE.end().ln());
        for k in 0..300 {
            let t = first + (last - first) * (f64::from(k) * 0.618_033_988_749_894_9).fract();
            let q = t.exp();
            let (got, direct) = (table.at(q).expect("exists"), phi.moments(q).expect("exists"));
            // Odd activations: E phi is rounding.
            assert!((got.phi - direct.phi).abs() <= 1e-12 * direct.phi2.sqrt(), "{} at {q:e}", phi.name());
            // Values that are themselves only known to some ulp of their logarithm.
            let relative = |ln: f64| 1e-12_f64.max(4e-15 * ln.abs());
            for (label, got, direct, ln) in [
                ("phi2", got.phi2, direct.phi2, direct.ln_phi2),
                ("dphi2", got.dphi2, direct.dphi2, direct.ln_dphi2),
                ("dphi4", got.dphi4, direct.dphi4, direct.ln_dphi4),
                ("slope", got.phi2_slope, direct.phi2_slope.expect("q > 0"), direct.ln_phi2),
            ] {
                let size = direct.abs().max(f64::MIN_POSITIVE);
                let error = (got - direct).abs() / size;
                assert!(error <= relative(ln), "{} {label} at {q:e}: {got:e} against {direct:e}", phi.name());
            }
        }
    }

    #[test]
    fn every_activation_is_interpolated_to_its_promise() {
        for entry in ACTIVATIONS {
            assert_table(&*crate::activation::by_name(entry.name).expect("registered"));
        }
    }

    #[test]
    fn kinks_dead_zones_and_oscillations_too() {
        for phi in [&ELU as &dyn Activation, &SOFTSIGN, &GELU, &BELL, &SIN, &SOFTSHRINK, &HARD_TANH] {
            assert_table(phi);
        }
    }

    #[test]
    fn outside_the_range_the_expectations_are_direct() {
        let table = MomentTable::new(&Tanh, 1e-2..=1e2).expect("exists");
        assert_eq!(table.panels().1, 0);
        for q in [1e-5, 1e4] {
            assert_eq!(table.at(q).expect("exists").phi2, Tanh.moments(q).expect("exists").phi2);
        }
        for q in [1e-2, 1e2] {
            assert!((table.at(q).expect("exists").phi2 / Tanh.moments(q).expect("exists").phi2 - 1.0).abs() < 1e-12);
        }
        assert!(matches!(MomentTable::new(&EXP, 1.0..=1e4), Err(ExpectationError::Diverges { .. })));
    }
}
