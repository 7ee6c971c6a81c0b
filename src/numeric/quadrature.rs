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

/// Panels after which the integral is returned with the error it has: a smooth integrand needs some tens.
const MAX_PANELS: usize = 2000;

/// Integrates N functions at once over the panels between consecutive `breakpoints`, bisecting the worst panel until
/// every error is below `tolerance` times the integral of the absolute value.
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
/// compare it before use.
///
/// # Source
///
/// Piessens, de Doncker-Kapenga, Uberhuber, Kahaner, QUADPACK (1983), routine QAG with key 2.
pub fn integrate<const N: usize>(
    integrand: impl Fn(f64) -> [f64; N],
    breakpoints: &[f64],
    tolerance: f64,
) -> Integral<N> {
    let mut panels: Vec<Panel<N>> = breakpoints
        .windows(2)
        .filter(|pair| pair[1] > pair[0])
        .map(|pair| Panel::new(&integrand, pair[0], pair[1]))
        .collect();
    loop {
        let total = total(&panels);
        let excess = |panel: &Panel<N>| {
            (0..N)
                .map(|i| if total.absolute[i] > 0.0 { panel.integral.error[i] / total.absolute[i] } else { 0.0 })
                .fold(0.0, f64::max)
        };
        let converged = (0..N).all(|i| total.error[i] <= tolerance * total.absolute[i] || total.absolute[i] == 0.0);
        if converged || panels.len() >= MAX_PANELS {
            return total;
        }
        // Rounding: a panel at its floor cannot be improved by bisection.
        let worst = (0..panels.len())
            .filter(|&k| panels[k].improvable())
            .max_by(|&j, &k| excess(&panels[j]).total_cmp(&excess(&panels[k])));
        let Some(worst) = worst else { return total };
        let panel = panels.swap_remove(worst);
        let middle = 0.5 * (panel.left + panel.right);
        panels.push(Panel::new(&integrand, panel.left, middle));
        panels.push(Panel::new(&integrand, middle, panel.right));
    }
}

fn total<const N: usize>(panels: &[Panel<N>]) -> Integral<N> {
    let mut sum = Integral { value: [0.0; N], error: [0.0; N], absolute: [0.0; N] };
    for panel in panels {
        for i in 0..N {
            sum.value[i] += panel.integral.value[i];
            sum.error[i] += panel.integral.error[i];
            sum.absolute[i] += panel.integral.absolute[i];
        }
    }
    sum
}

struct Panel<const N: usize> {
    left: f64,
    right: f64,
    integral: Integral<N>,
}

impl<const N: usize> Panel<N> {
    fn new(integrand: &impl Fn(f64) -> [f64; N], left: f64, right: f64) -> Self {
        let centre = 0.5 * (left + right);
        let half = 0.5 * (right - left);
        let mut values = [[0.0; N]; 21];
        values[10] = integrand(centre);
        for (k, node) in KRONROD_NODES.iter().enumerate().take(10) {
            values[k] = integrand(centre - half * node);
            values[20 - k] = integrand(centre + half * node);
        }
        let kronrod_weight = |k: usize| KRONROD_WEIGHTS[if k <= 10 { k } else { 20 - k }];
        let mut integral = Integral { value: [0.0; N], error: [0.0; N], absolute: [0.0; N] };
        for i in 0..N {
            let (mut kronrod, mut gauss, mut absolute) = (0.0, 0.0, 0.0);
            for (k, value) in values.iter().enumerate() {
                kronrod += kronrod_weight(k) * value[i];
                absolute += kronrod_weight(k) * value[i].abs();
                if k % 2 == 1 {
                    gauss += GAUSS_WEIGHTS[if k < 10 { k / 2 } else { (20 - k) / 2 }] * value[i];
                }
            }
            let mean = 0.5 * kronrod;
            let variation: f64 = (0..21).map(|k| kronrod_weight(k) * (values[k][i] - mean).abs()).sum::<f64>() * half;
            let difference = ((kronrod - gauss) * half).abs();
            let estimate = if variation > 0.0 && difference > 0.0 {
                variation * (200.0 * difference / variation).powf(1.5).min(1.0)
            } else {
                difference
            };
            integral.value[i] = kronrod * half;
            integral.absolute[i] = absolute * half;
            integral.error[i] = estimate.max(rounding_floor(absolute * half));
        }
        Self { left, right, integral }
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
