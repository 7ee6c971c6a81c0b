//! Adaptive Gauss-Kronrod quadrature.

/// A vector of integrals over the same nodes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Integral<const N: usize> {
    /// The integrals.
    pub value: [f64; N],
    /// Estimated absolute errors.
    pub error: [f64; N],
    /// The integrals of the absolute values: the scale that `error` is to be compared with.
    pub absolute: [f64; N],
}

impl<const N: usize> Integral<N> {
    const ZERO: Self = Self { value: [0.0; N], error: [0.0; N], absolute: [0.0; N] };

    fn add(&mut self, other: &Self) {
        for i in 0..N {
            self.value[i] += other.value[i];
            self.error[i] += other.error[i];
            self.absolute[i] += other.absolute[i];
        }
    }

    /// The largest error in units of the integral of the absolute value; integrals of zero have none.
    pub fn relative_error(&self) -> f64 {
        let one = |i: usize| if self.error[i] == 0.0 { 0.0 } else { self.error[i] / self.absolute[i] };
        (0..N).map(one).fold(0.0, f64::max)
    }
}

/// When to stop.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Tolerance<const N: usize> {
    /// In units of the integral of the absolute value, or of `scale` where that is larger.
    pub relative: f64,
    /// A size of the integrals that is known beforehand; 0 if none is.
    pub scale: [f64; N],
    /// Panels after which the integral is returned with the error that it has.
    pub max_panels: usize,
}

impl<const N: usize> Tolerance<N> {
    /// Relative to the integral of the absolute value, with the panels for some thousands of oscillations.
    pub fn relative(relative: f64) -> Self {
        Self { relative, scale: [0.0; N], max_panels: 1 << 16 }
    }
}

/// An integral and the panels that it took.
#[derive(Debug, Clone, PartialEq)]
pub struct Adapted<const N: usize> {
    /// The integrals.
    pub integral: Integral<N>,
    /// The panels' ends, in no order; over each of them the integrand is resolved.
    pub panels: Vec<[f64; 2]>,
    /// Evaluations of the integrand.
    pub evaluations: usize,
}

/// Integrates N functions at once over the panels between consecutive `breakpoints`, bisecting panels until every error is below
/// `tolerance` times the integral of the absolute value. As [`adapt`], without the panels.
pub fn integrate<const N: usize>(
    integrand: impl Fn(f64) -> [f64; N],
    breakpoints: &[f64],
    tolerance: f64,
) -> Integral<N> {
    adapt(integrand, breakpoints, Tolerance::relative(tolerance)).integral
}

/// A panel waits while its error is below this share of the worst one: it may not need to be bisected at all.
const SHARE_OF_WORST: f64 = 1e-4;

/// Integrates N functions at once over the panels between consecutive `breakpoints`, bisecting panels until every error is below
/// the tolerance.
///
/// # Formula
///
/// Per panel the 21-point Kronrod rule K and the 10-point Gauss rule G nested in it, error estimate
/// `r min(1, (200 |K - G| / r)^(3/2))` with `r = int |f - mean f|`, never below `50 eps int |f|` (QUADPACK's).
///
/// # Domain
///
/// Breakpoints in increasing order, at every kink or jump and around every sharp transition: a feature that falls
/// between all nodes of a panel cannot be seen by any rule. The returned error is honest about what was reached:
/// compare it before use. A function whose integral is not finite does not stop the others.
///
/// # Source
///
/// Piessens, de Doncker-Kapenga, Uberhuber, Kahaner, QUADPACK (1983), routine QAG with key 2; whole generations of panels are
/// bisected at once, which spares the search for the worst one and is what makes thousands of panels affordable.
pub fn adapt<const N: usize>(
    integrand: impl Fn(f64) -> [f64; N],
    breakpoints: &[f64],
    tolerance: Tolerance<N>,
) -> Adapted<N> {
    let mut panels: Vec<Panel<N>> = breakpoints
        .windows(2)
        .filter(|pair| pair[1] > pair[0])
        .map(|pair| Panel::new(&integrand, pair[0], pair[1]))
        .collect();
    let mut evaluations = NODES * panels.len();
    loop {
        let mut total = Integral::ZERO;
        panels.iter().for_each(|panel| total.add(&panel.integral));
        let allowed: [f64; N] = std::array::from_fn(|i| tolerance.relative * total.absolute[i].max(tolerance.scale[i]));
        // What is not finite, zero or about to underflow cannot be improved.
        let open: [bool; N] = std::array::from_fn(|i| {
            total.error[i].is_finite() && allowed[i].is_normal() && total.error[i] > allowed[i]
        });
        let excess = |panel: &Panel<N>| {
            if panel.improvable() {
                let one = |i: usize| if open[i] { panel.integral.error[i] / allowed[i] } else { 0.0 };
                (0..N).map(one).fold(0.0, f64::max)
            } else {
                // Rounding: a panel at its floor cannot be improved by bisection.
                0.0
            }
        };
        let worst = panels.iter().map(excess).fold(0.0, f64::max);
        let threshold = (0.25 / panels.len() as f64).max(SHARE_OF_WORST * worst);
        if open == [false; N] || worst <= threshold || panels.len() >= tolerance.max_panels {
            let panels = panels.iter().map(|panel| [panel.left, panel.right]).collect();
            return Adapted { integral: total, panels, evaluations };
        }
        for k in 0..panels.len() {
            if excess(&panels[k]) > threshold {
                let (left, right) = (panels[k].left, panels[k].right);
                let middle = 0.5 * (left + right);
                panels[k] = Panel::new(&integrand, left, middle);
                panels.push(Panel::new(&integrand, middle, right));
                evaluations += 2 * NODES;
            }
        }
    }
}

/// Nodes of a panel.
pub const NODES: usize = 21;

/// The nodes of the 21-point rule on a panel, in increasing order.
pub fn panel_nodes(left: f64, right: f64) -> [f64; NODES] {
    let centre = 0.5 * (left + right);
    let half = 0.5 * (right - left);
    std::array::from_fn(|k| match k.cmp(&10) {
        std::cmp::Ordering::Less => centre - half * KRONROD_NODES[k],
        std::cmp::Ordering::Equal => centre,
        std::cmp::Ordering::Greater => centre + half * KRONROD_NODES[NODES - 1 - k],
    })
}

/// The weights of the 21-point rule on a panel of the given width.
pub fn panel_weights(width: f64) -> [f64; NODES] {
    std::array::from_fn(|k| 0.5 * width * KRONROD_WEIGHTS[k.min(NODES - 1 - k)])
}

/// The integral over a panel from the values at its [`panel_nodes`].
pub fn panel_integral<const N: usize>(values: &[[f64; N]; NODES], width: f64) -> Integral<N> {
    let half = 0.5 * width;
    let (mut kronrod, mut gauss, mut absolute) = ([0.0; N], [0.0; N], [0.0; N]);
    for (k, value) in values.iter().enumerate() {
        let weight = KRONROD_WEIGHTS[k.min(NODES - 1 - k)];
        for i in 0..N {
            kronrod[i] += weight * value[i];
            absolute[i] += weight * value[i].abs();
        }
        if k % 2 == 1 {
            let weight = GAUSS_WEIGHTS[k.min(NODES - 1 - k) / 2];
            for i in 0..N {
                gauss[i] += weight * value[i];
            }
        }
    }
    let mut variation = [0.0; N];
    for (k, value) in values.iter().enumerate() {
        let weight = KRONROD_WEIGHTS[k.min(NODES - 1 - k)];
        for i in 0..N {
            variation[i] += weight * (value[i] - 0.5 * kronrod[i]).abs();
        }
    }
    let mut integral = Integral::ZERO;
    for i in 0..N {
        let difference = ((kronrod[i] - gauss[i]) * half).abs();
        let variation = variation[i] * half;
        let estimate = if variation > 0.0 && difference > 0.0 {
            let ratio = (200.0 * difference / variation).min(1.0);
            variation * ratio * ratio.sqrt()
        } else {
            difference
        };
        integral.value[i] = kronrod[i] * half;
        integral.absolute[i] = absolute[i] * half;
        integral.error[i] = estimate.max(rounding_floor(absolute[i] * half));
    }
    integral
}

struct Panel<const N: usize> {
    left: f64,
    right: f64,
    integral: Integral<N>,
}

impl<const N: usize> Panel<N> {
    fn new(integrand: &impl Fn(f64) -> [f64; N], left: f64, right: f64) -> Self {
        let values = panel_nodes(left, right).map(integrand);
        Self { left, right, integral: panel_integral(&values, right - left) }
    }

    fn improvable(&self) -> bool {
        let wide = self.right - self.left > 1e-14 * self.left.abs().max(self.right.abs());
        wide && (0..N).any(|i| self.integral.error[i] > 1.001 * rounding_floor(self.integral.absolute[i]))
    }
}

fn rounding_floor(absolute: f64) -> f64 {
    50.0 * f64::EPSILON * absolute
}

const KRONROD_NODES: [f64; 11] = [
    0.995_657_163_025_808_1,
    0.973_906_528_517_171_7,
    0.930_157_491_355_708_2,
    0.865_063_366_688_984_5,
    0.780_817_726_586_416_9,
    0.679_409_568_299_024_4,
    0.562_757_134_668_604_7,
    0.433_395_394_129_247_2,
    0.294_392_862_701_460_2,
    0.148_874_338_981_631_22,
    0.0,
];

const KRONROD_WEIGHTS: [f64; 11] = [
    0.011_694_638_867_371_874,
    0.032_558_162_307_964_725,
    0.054_755_896_574_351_995,
    0.075_039_674_810_919_96,
    0.093_125_454_583_697_6,
    0.109_387_158_802_297_64,
    0.123_491_976_262_065_84,
    0.134_709_217_311_473_34,
    0.142_775_938_577_060_09,
    0.147_739_104_901_338_49,
    0.149_445_554_002_916_9,
];

const GAUSS_WEIGHTS: [f64; 5] = [
    0.066_671_344_308_688_14,
    0.149_451_349_150_580_6,
    0.219_086_362_515_982_04,
    0.269_266_719_309_996_35,
    0.295_524_224_714_752_87,
];

#[cfg(test)]
mod tests {
    use super::*;

    /// K21 is exact up to degree 31 (and, by symmetry, for odd degrees), G10 up to degree 19: a wrong digit shows.
    #[test]
    fn the_rules_are_exact_for_polynomials() {
        for degree in (0..=31).step_by(2) {
            let panel = Panel::new(&|x: f64| [x.powi(degree)], -1.0, 1.0);
            let exact = 2.0 / f64::from(degree + 1);
            assert!((panel.integral.value[0] - exact).abs() < 2e-15, "degree {degree}");
            if degree <= 18 {
                assert!(panel.integral.error[0] <= 50.0 * f64::EPSILON * exact * 1.01, "degree {degree}");
            }
        }
    }

    #[test]
    fn hard_integrands_reach_the_tolerance_and_say_so() {
        // A transition of width 1e-4 with panels around it, and a square-root singularity at the left end.
        let sharp = integrate(|x: f64| [(x / 1e-4).tanh().abs()], &[-1.0, -4e-3, 0.0, 4e-3, 1.0], 1e-13);
        let exact = 2.0 * 1e-4 * ((1e4_f64) + (-std::f64::consts::LN_2));
        assert!((sharp.value[0] - exact).abs() < 1e-13 * exact, "{:?}", sharp);
        let root = integrate(|x: f64| [x.sqrt()], &[0.0, 1.0], 1e-12);
        assert!((root.value[0] - 2.0 / 3.0).abs() < 1e-12);
        assert!(root.error[0] <= 1e-12 * root.absolute[0]);
    }

    #[test]
    fn several_functions_converge_together() {
        let integral = integrate(|x: f64| [x.cos(), (50.0 * x).sin().powi(2), 0.0], &[0.0, 1.0], 1e-13);
        assert!((integral.value[0] - 1f64.sin()).abs() < 1e-14);
        assert!((integral.value[1] - (0.5 - 100f64.sin() / 200.0)).abs() < 1e-13);
        assert_eq!(integral.value[2], 0.0);
    }
}
