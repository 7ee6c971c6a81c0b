//! The Airy function of the first kind.

use std::f64::consts::PI;

/// `Ai` and its derivative at one place.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Airy {
    /// `Ai(x)`.
    pub value: f64,
    /// `Ai'(x)`.
    pub derivative: f64,
}

/// `Ai(-k)` and `Ai'(-k)` for k = 0, 1, ..., 9.
const AT_INTEGERS: [[f64; 2]; 10] = [
    [0.355_028_053_887_817_2, -0.258_819_403_792_806_8],
    [0.535_560_883_292_352_1, -0.010_160_567_116_645_21],
    [0.227_407_428_201_685_58, 0.618_259_020_741_691],
    [-0.378_814_293_677_658_1, 0.314_583_769_216_598_8],
    [-0.070_265_532_949_289_52, -0.790_628_575_368_581_4],
    [0.350_761_009_024_114_3, 0.327_192_818_554_443_14],
    [-0.329_145_173_629_823_1, 0.345_935_487_281_342_9],
    [0.184_280_835_250_505_64, -0.771_008_168_410_126_5],
    [-0.052_705_050_356_386_2, 0.935_560_938_198_306_6],
    [-0.022_133_721_547_341_404, -0.975_663_980_926_331_6],
];

/// The Airy function `Ai` and its derivative, the solution of `y'' = x y` that decays to the right.
///
/// # Formula
///
/// For x >= 1, with `a = sqrt x`, on the line of steepest descent,
///
/// ```text
/// Ai(x) = e^(-2 a^3 / 3) / pi int_0^inf e^(-a t^2) cos(t^3 / 3) dt
/// ```
///
/// by the trapezoidal rule, whose error falls like `e^(-2 pi / step)` here; for -9.5 < x < 1 the Taylor series about the nearest integer, from
/// the differential equation; further left the asymptotic series in `1 / (2/3 |x|^(3/2))`.
///
/// # Domain and accuracy
///
/// Relative to 2e-15 for 0 <= x <= 10, and to `2e-16 x^(3/2)` beyond, which is the rounding of the exponent; for x < 0 relative to the amplitude,
/// to 3e-15 down to x = -20 and to `1e-16 |x|^(3/2)` beyond. NaN of NaN.
///
/// # Source
///
/// DLMF, chapter 9.
///
/// # Example
///
/// ```
/// let airy = gradspectra::numeric::airy(1.0);
/// assert!((airy.value - 0.135_292_416_312_881_4).abs() < 1e-15 && (airy.derivative + 0.159_147_441_296_793_2).abs() < 1e-15);
/// ```
pub fn airy(x: f64) -> Airy {
    if x >= 1.0 {
        steepest_descent(x)
    } else if x > -9.5 {
        taylor(x)
    } else {
        oscillating(-x)
    }
}

fn steepest_descent(x: f64) -> Airy {
    const STEP: f64 = 0.13;
    // e^(-6.5^2) is 5e-19.
    const POINTS: i32 = 50;
    let a = x.sqrt();
    if a.is_infinite() {
        return Airy { value: 0.0, derivative: 0.0 };
    }
    let (mut value, mut derivative) = (0.5, 0.5 * a);
    for j in 1..=POINTS {
        let u = STEP * f64::from(j);
        let t = u / a.sqrt();
        let (sine, cosine) = (t * t * t / 3.0).sin_cos();
        let weight = (-u * u).exp();
        value += weight * cosine;
        derivative += weight * (a * cosine + t * sine);
    }
    let factor = (-2.0 / 3.0 * x * a).exp() * STEP / (PI * a.sqrt());
    Airy { value: factor * value, derivative: -factor * derivative }
}

fn taylor(x: f64) -> Airy {
    let k = (-x).round().clamp(0.0, 9.0);
    let (centre, step) = (-k, x + k);
    let [value, slope] = AT_INTEGERS[k as usize];
    // y_{j+2} (j+2)(j+1) = centre y_j + y_{j-1}, the y_j without their powers of the step.
    let (mut before, mut here, mut next) = (0.0, value, slope);
    let (mut power, mut sum, mut derivative) = (1.0, 0.0, 0.0);
    let mut j = 0.0;
    while j < 48.0 {
        sum += here * power;
        derivative += (j + 1.0) * next * power;
        power *= step;
        let after = (centre * here + before) / ((j + 2.0) * (j + 1.0));
        (before, here, next) = (here, next, after);
        j += 1.0;
    }
    Airy { value: sum, derivative }
}

/// At `-z`.
fn oscillating(z: f64) -> Airy {
    let zeta = 2.0 / 3.0 * z * z.sqrt();
    let (sine, cosine) = (zeta - 0.25 * PI).sin_cos();
    // u_k / zeta^k and v_k / zeta^k, summed with the signs + + - - by parity of k, until they grow.
    let (mut even, mut odd) = ([0.0; 2], [0.0; 2]);
    let mut u = 1.0;
    for k in 0..40 {
        let sign = if (k / 2) % 2 == 0 { 1.0 } else { -1.0 };
        let order = f64::from(k);
        let v = u * (6.0 * order + 1.0) / (1.0 - 6.0 * order);
        let sums = if k % 2 == 0 { &mut even } else { &mut odd };
        sums[0] += sign * u;
        sums[1] += sign * v;
        let ratio = (6.0 * order + 5.0) * (6.0 * order + 3.0) * (6.0 * order + 1.0)
            / (216.0 * (order + 1.0) * (2.0 * order + 1.0) * zeta);
        if ratio >= 1.0 || u < 1e-18 {
            break;
        }
        u *= ratio;
    }
    let amplitude = PI.sqrt().recip();
    Airy {
        value: amplitude / z.sqrt().sqrt() * (cosine * even[0] + sine * odd[0]),
        derivative: amplitude * z.sqrt().sqrt() * (sine * even[1] - cosine * odd[1]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// From 40 digits (mpmath); a place on both sides of every integer.
    const REFERENCE: &[(f64, f64, f64)] = &[
        (-100.0, 0.1767533932395529, -0.2422970316605838),
        (-20.0, -0.1764061270779847, 0.8928628567364713),
        (-15.25, 0.09922245968139584, 1.0470656050576836),
        (-9.75, 0.25262476259634337, 0.6160957851685245),
        (-9.5, 0.3191032477191282, -0.10809531881187123),
        (-9.4375, 0.3064991753340058, -0.29378690480710073),
        (-8.625, -0.30454420433149104, -0.3758542688656525),
        (-8.4375, -0.3268438770501258, 0.14207831034610097),
        (-7.625, 0.2639317934127417, 0.5983305468642598),
        (-7.4375, 0.33691556572232406, 0.16470206263662046),
        (-6.625, -0.14302479434826643, -0.8324652889042011),
        (-6.4375, -0.277021682250584, -0.5706304854550104),
        (-5.625, -0.08944937021646834, 0.8389589649551079),
        (-5.4375, 0.07141181757847483, 0.8489445011630632),
        (-4.625, 0.346493852518331, -0.3400876803965253),
        (-4.4375, 0.25698556097839464, -0.6001720535672334),
        (-3.625, -0.3226578726140411, -0.4995562369713892),
        (-3.4375, -0.3944016322419396, -0.2598954134908422),
        (-2.625, -0.19439353537659892, 0.6294581183027284),
        (-2.4375, -0.06942147777681427, 0.6928994503271011),
        (-1.625, 0.4201849786833088, 0.39567690607822986),
        (-1.4375, 0.48222169634925677, 0.2657301610624045),
        (-0.625, 0.4991892375415308, -0.1697515205827155),
        (-0.4375, 0.46253172682493465, -0.2178321050445599),
        (0.375, 0.2606695731738953, -0.2383282018506552),
        (0.0, 0.3550280538878172, -0.2588194037928068),
        (0.25, 0.2911639543485452, -0.24906211200489714),
        (0.75, 0.17933630547864524, -0.19317520810437647),
        (0.9375, 0.1455042256494758, -0.1676421177223375),
        (1.0, 0.13529241631288141, -0.1591474412967932),
        (1.5, 0.07174949700810541, -0.09738201284230132),
        (3.25, 0.004160454618117256, -0.007792687926790721),
        (10.0, 1.1047532552898686e-10, -3.5206336767389237e-10),
        (30.0, 3.2082175915504954e-49, -1.759876581432726e-48),
        (100.0, 2.6344821520881846e-291, -2.6351403616044097e-290),
    ];

    #[test]
    fn values_agree_with_multiprecision() {
        for &(x, value, derivative) in REFERENCE {
            let got = airy(x);
            let (scale, slope_scale) = if x < 0.0 {
                let root = x.abs().sqrt().sqrt().max(0.5);
                (0.56 / root, 0.56 * root)
            } else {
                (value, derivative.abs())
            };
            let allowed = 3e-15f64.max(3e-16 * x.abs() * x.abs().sqrt());
            assert!((got.value - value).abs() <= allowed * scale, "Ai({x}): {} not {value}", got.value);
            assert!(
                (got.derivative - derivative).abs() <= allowed * slope_scale,
                "Ai'({x}): {} not {derivative}",
                got.derivative
            );
        }
        assert!(airy(f64::NAN).value.is_nan());
        assert_eq!(airy(f64::INFINITY).value, 0.0);
    }

    /// Where one method takes over from another the derivative of the value is the derivative.
    #[test]
    fn methods_join() {
        for x in [-9.5, -8.5, -0.5, 1.0] {
            let h = 1e-3;
            let [left, middle, right] = [x - h, x, x + h].map(|x| airy(x).value);
            let second = (left - 2.0 * middle + right) / (h * h);
            assert!((second - x * middle).abs() < 2e-5, "{x}: {second}");
        }
    }
}
