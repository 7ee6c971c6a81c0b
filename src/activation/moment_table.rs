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
/// Piecewise Chebyshev interpolation of degree 16 in `t = ln q`: of `ln |f|` where the quantity keeps its sign and that
/// converges, of f itself elsewhere. Panels are halved until the last coefficients and the differences from direct expectations between the
/// nodes are below 1e-13.
///
/// # Domain and accuracy
///
/// Any range of variances in (0, 1e6]; error at most 1e-12 of the quantity; of `sqrt(E phi^2)` for E phi and of
/// `sqrt(E phi^2 phi'^2 / q)` for the slope, where the direct expectations are no more accurate. About a tenth of a microsecond a value. Panels on which no interpolation is that accurate (an expectation that
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
    Series(Box<Block>),
    Direct,
}

/// The series of all quantities, coefficients of one degree side by side for the vector units.
#[derive(Debug)]
struct Block {
    forms: [Form; QUANTITIES],
    coefficients: [[f64; LANES]; TERMS],
}

/// Quantities and padding to whole vectors.
const LANES: usize = 6;

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
                Ok(TableMoments::from_array(series.evaluate(x)))
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
            Some(series) => self.push(Panel::Series(Box::new(Block::new(&series))), right),
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
    let at = |x: f64| phi.moments((0.5 * ((right - left) * x + left + right)).exp());
    // Chebyshev points of the second kind.
    let angle = |j: usize| std::f64::consts::PI * j as f64 / (TERMS - 1) as f64;
    let nodes: Vec<Sample> =
        (0..TERMS).map(|j| at(angle(j).cos()).map(|moments| Sample::of(&moments))).collect::<Result<_, _>>()?;
    let checks: Vec<(f64, Sample)> =
        CHECKS.into_iter().map(|x| at(x).map(|moments| (x, Sample::of(&moments)))).collect::<Result<_, _>>()?;
    let mut series = [Series { form: Form::Plain, coefficients: [0.0; TERMS] }; QUANTITIES];
    for (i, series) in series.iter_mut().enumerate() {
        let samples: [f64; TERMS] = std::array::from_fn(|j| nodes[j].values[i]);
        let all = || nodes.iter().chain(checks.iter().map(|(_, sample)| sample));
        let scale = all().map(|sample| sample.scales[i]).fold(f64::INFINITY, f64::min);
        let sign = samples[0].signum();
        let definite = all().all(|sample| sample.values[i] * sign >= f64::MIN_POSITIVE);
        let exponential = definite.then(|| Series::new(samples.map(|value| value.abs().ln()), Form::Exponential(sign)));
        // An underflow has no logarithm, and relative to the largest value it would be lost: of a quantity that cannot change its
        // sign only zero everywhere is plain.
        let plain =
            (scale > 0.0 || all().all(|sample| sample.values[i] == 0.0)).then(|| Series::new(samples, Form::Plain));
        let Some(found) =
            [exponential, plain].into_iter().flatten().find(|series| series.is_accurate(scale, &samples, &checks, i))
        else {
            return Ok(None);
        };
        *series = found;
    }
    Ok(Some(series))
}

/// Where the interpolation is compared with direct expectations.
const CHECKS: [f64; 4] = [-0.987, -0.31, 0.472, 0.961];

/// Direct expectations at one variance.
struct Sample {
    values: [f64; QUANTITIES],
    /// Sizes to which errors are compared where the quantity is not interpolated by its logarithm: of those that may change their
    /// sign, by Cauchy and Schwarz.
    scales: [f64; QUANTITIES],
}

impl Sample {
    fn of(moments: &GaussianMoments) -> Self {
        let product = moments.phi2_dphi2.sqrt() / moments.q.sqrt();
        Self { values: TableMoments::of(moments), scales: [moments.phi2.sqrt(), 0.0, 0.0, 0.0, product] }
    }
}

impl Series {
    /// Through the samples at the Chebyshev points.
    fn new(samples: [f64; TERMS], form: Form) -> Self {
        const INTERVALS: usize = TERMS - 1;
        let halved = |j: usize, term: f64| if j == 0 || j == INTERVALS { 0.5 * term } else { term };
        let cosine = |j: usize| (std::f64::consts::PI * (j % (2 * INTERVALS)) as f64 / INTERVALS as f64).cos();
        let coefficient = |k: usize| {
            let sum: f64 = (0..TERMS).map(|j| halved(j, samples[j] * cosine(j * k))).sum();
            halved(k, 2.0 * sum / INTERVALS as f64)
        };
        Self { form, coefficients: std::array::from_fn(coefficient) }
    }

    /// Whether the last coefficients are at the noise of the expectations, and the series meets those between the nodes.
    fn is_accurate(&self, scale: f64, samples: &[f64; TERMS], checks: &[(f64, Sample)], i: usize) -> bool {
        let allowed = match self.form {
            Form::Plain => TOLERANCE * scale,
            Form::Exponential(_) => {
                let largest = samples.iter().fold(0.0_f64, |largest, value| largest.max(value.abs().ln().abs()));
                TOLERANCE.max(8.0 * f64::EPSILON * largest)
            }
        };
        let tail = self.coefficients[TERMS - 2..].iter().all(|a| a.abs() <= allowed);
        let alone = Block::new(&[*self; QUANTITIES]);
        tail && checks.iter().all(|(x, sample)| {
            let size = if self.form == Form::Plain { 1.0 } else { sample.values[i].abs() };
            let [interpolated, ..] = alone.evaluate(*x);
            // The direct expectations have rounding of their own.
            (sample.values[i] - interpolated).abs() <= 2.0 * allowed * size
        })
    }
}

impl Block {
    fn new(series: &[Series; QUANTITIES]) -> Self {
        let coefficient = |k: usize, i: usize| series.get(i).map_or(0.0, |series| series.coefficients[k]);
        Self {
            forms: series.map(|series| series.form),
            coefficients: std::array::from_fn(|k| std::array::from_fn(|i| coefficient(k, i))),
        }
    }

    /// Clenshaw's recurrence for all series side by side.
    fn evaluate(&self, x: f64) -> [f64; QUANTITIES] {
        let (mut next, mut after) = ([0.0; LANES], [0.0; LANES]);
        for coefficients in self.coefficients[1..].iter().rev() {
            let current: [f64; LANES] = std::array::from_fn(|i| 2.0 * x * next[i] - after[i] + coefficients[i]);
            (next, after) = (current, next);
        }
        std::array::from_fn(|i| {
            let sum = x * next[i] - after[i] + self.coefficients[0][i];
            match self.forms[i] {
                Form::Plain => sum,
                Form::Exponential(sign) => sign * sum.exp(),
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::gaussian::test_functions::{BELL, ELU, EXP, GELU, HARD_TANH, SIN, SOFTSHRINK, SOFTSIGN};
    use super::super::{ACTIVATIONS, Tanh};
    use super::*;

    /// At 200 pseudo-random variances, against direct expectations.
    fn assert_table(phi: &dyn Activation, range: std::ops::RangeInclusive<f64>) -> MomentTable<'_> {
        let table = MomentTable::new(phi, range.clone()).expect("exists");
        let (first, last) = (range.start().ln(), range.end().ln());
        for k in 0..200 {
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
            ] {
                let error = (got - direct).abs() / direct.abs().max(f64::MIN_POSITIVE);
                assert!(error <= relative(ln), "{} {label} at {q:e}: {got:e} against {direct:e}", phi.name());
            }
            let slope = direct.phi2_slope.expect("q > 0");
            // The direct slope is E u phi phi' / q, accurate to its absolute value.
            let size = slope.abs().max(direct.phi2_dphi2.sqrt() / q.sqrt());
            let error = (got.phi2_slope - slope).abs() / size.max(f64::MIN_POSITIVE);
            assert!(error <= relative(direct.ln_phi2), "{} slope at {q:e}: {got:?} not {slope:e}", phi.name());
        }
        table
    }

    #[test]
    fn every_activation_is_interpolated_to_its_promise() {
        for entry in ACTIVATIONS {
            let phi = crate::activation::by_name(entry.name).expect("registered");
            let table = assert_table(&*phi, MomentTable::RANGE);
            // What underflows on a part of a panel is not interpolated: the dead zone of softshrink.
            assert!(table.panels().1 == 0 || entry.name == "softshrink", "{}", entry.name);
        }
    }

    #[test]
    fn kinks_dead_zones_and_oscillations_too() {
        for phi in [&ELU as &dyn Activation, &SOFTSIGN, &GELU, &BELL] {
            let table = assert_table(phi, MomentTable::RANGE);
            assert_eq!(table.panels().1, 0, "{}", phi.name());
        }
        assert_table(&SIN, 1e-12..=1e3);
        assert_table(&SOFTSHRINK, 1e-4..=1e6);
        assert_table(&HARD_TANH, 1e-2..=1e6);
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
