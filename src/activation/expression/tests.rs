//! The whole of an expression, against the registry, multiprecision values and finite differences.

use std::f64::consts::{FRAC_2_SQRT_PI, SQRT_2};

use proptest::prelude::*;

use super::super::{ACTIVATIONS, Activation, Attained};
use super::compile::compile;
use super::parser::parse;
use super::{Expression, derivative_enclosure};
use crate::numeric::Interval;

fn expression(text: &str) -> Expression {
    Expression::parse(text).unwrap_or_else(|error| panic!("{text}: {error}"))
}

fn refusal(text: &str) -> String {
    Expression::parse(text).expect_err(text).to_string()
}

/// Phi, phi' and phi'' (mpmath 1.3 with 1,500 digits: value and central differences with step 1e-500).
#[rustfmt::skip]
const PINNED: &[(&str, f64, [f64; 3])] = &[
    ("x*tanh(log(1+exp(x)))", -745.5, [-1.275e-321, -1.275e-321, -1.275e-321]),
    ("x*tanh(log(1+exp(x)))", -40.25, [-1.3317202023662944e-16, -1.298633986158436e-16, -1.2655477699505778e-16]),
    ("x*tanh(log(1+exp(x)))", -3.0, [-0.14564746127562458, -0.09339311453232084, -0.03992871324212925]),
    ("x*tanh(log(1+exp(x)))", 0.125, [0.07995757084735981, 0.6788926605008476, 0.6194435016570544]),
    ("x*tanh(log(1+exp(x)))", 1.5, [1.4033782663958025, 1.0884879850078477, -0.0021502385832350064]),
    ("x*tanh(log(1+exp(x)))", 25.0, [25.0, 1.0, -3.7031997078560734e-20]),
    ("x*tanh(log(1+exp(x)))", 710.5, [710.5, 1.0, 0.0]),
    ("log(1+exp(x))", -745.5, [0.0, 0.0, 0.0]),
    ("log(1+exp(x))", -40.25, [3.3086216207858244e-18, 3.3086216207858244e-18, 3.3086216207858244e-18]),
    ("log(1+exp(x))", -3.0, [0.04858735157374206, 0.04742587317756678, 0.04517665973091213]),
    ("log(1+exp(x))", 0.125, [0.7575990353171691, 0.5312093733737563, 0.24902597501361748]),
    ("log(1+exp(x))", 1.5, [1.7014132779827524, 0.8175744761936437, 0.14914645207033286]),
    ("log(1+exp(x))", 25.0, [25.000000000013888, 0.9999999999861121, 1.388794386457827e-11]),
    ("log(1+exp(x))", 710.5, [710.5, 1.0, 2.71500483752131e-309]),
    ("exp(x)/(1+exp(x))", -745.5, [0.0, 0.0, 0.0]),
    ("exp(x)/(1+exp(x))", -40.25, [3.3086216207858244e-18, 3.3086216207858244e-18, 3.3086216207858244e-18]),
    ("exp(x)/(1+exp(x))", -3.0, [0.04742587317756678, 0.04517665973091213, 0.04089157466094348]),
    ("exp(x)/(1+exp(x))", 0.125, [0.5312093733737563, 0.24902597501361748, -0.015543889267927368]),
    ("exp(x)/(1+exp(x))", 1.5, [0.8175744761936437, 0.14914645207033286, -0.09473021278475267]),
    ("exp(x)/(1+exp(x))", 25.0, [0.9999999999861121, 1.388794386457827e-11, -1.388794386419252e-11]),
    ("exp(x)/(1+exp(x))", 710.5, [1.0, 2.71500483752131e-309, -2.71500483752131e-309]),
    ("(exp(x)-exp(-x))/(exp(x)+exp(-x))", -745.5, [-1.0, 0.0, 0.0]),
    ("(exp(x)-exp(-x))/(exp(x)+exp(-x))", -40.25, [-1.0, 4.3787908118125666e-35, 8.757581623625133e-35]),
    ("(exp(x)-exp(-x))/(exp(x)+exp(-x))", -3.0, [-0.9950547536867305, 0.00986603716544019, 0.019634494363042435]),
    ("(exp(x)-exp(-x))/(exp(x)+exp(-x))", 0.125, [0.12435300177159621, 0.9845363309503934, -0.2448600962137502]),
    ("(exp(x)-exp(-x))/(exp(x)+exp(-x))", 1.5, [0.9051482536448664, 0.18070663892364852, -0.32713259728754784]),
    ("(exp(x)-exp(-x))/(exp(x)+exp(-x))", 25.0, [1.0, 7.714999391855671e-22, -1.5429998783711343e-21]),
    ("(exp(x)-exp(-x))/(exp(x)+exp(-x))", 710.5, [1.0, 0.0, 0.0]),
    ("1/(1+exp(-x))", -745.5, [0.0, 0.0, 0.0]),
    ("1/(1+exp(-x))", -40.25, [3.3086216207858244e-18, 3.3086216207858244e-18, 3.3086216207858244e-18]),
    ("1/(1+exp(-x))", -3.0, [0.04742587317756678, 0.04517665973091213, 0.04089157466094348]),
    ("1/(1+exp(-x))", 0.125, [0.5312093733737563, 0.24902597501361748, -0.015543889267927368]),
    ("1/(1+exp(-x))", 1.5, [0.8175744761936437, 0.14914645207033286, -0.09473021278475267]),
    ("1/(1+exp(-x))", 25.0, [0.9999999999861121, 1.388794386457827e-11, -1.388794386419252e-11]),
    ("1/(1+exp(-x))", 710.5, [1.0, 2.71500483752131e-309, -2.71500483752131e-309]),
    ("0.5*x*(1+erf(x/sqrt(2)))", -745.5, [-0.0, -0.0, -0.0]),
    ("0.5*x*(1+erf(x/sqrt(2)))", -40.25, [-0.0, -0.0, -0.0]),
    ("0.5*x*(1+erf(x/sqrt(2)))", -3.0, [-0.0040496940948902835, -0.011945647204183927, -0.03102293888356605]),
    ("0.5*x*(1+erf(x/sqrt(2)))", 0.125, [0.06871727810376412, 0.5992179356982066, 0.7854904100309873]),
    ("0.5*x*(1+erf(x/sqrt(2)))", 1.5, [1.399789198096713, 1.1274691922299795, -0.03237939891647293]),
    ("0.5*x*(1+erf(x/sqrt(2)))", 25.0, [25.0, 1.0, -4.768398225789282e-134]),
    ("0.5*x*(1+erf(x/sqrt(2)))", 710.5, [710.5, 1.0, 0.0]),
    ("log(exp(2*x)+exp(x)+3)", -745.5, [1.0986122886681098, 0.0, 0.0]),
    ("log(exp(2*x)+exp(x)+3)", -40.25, [1.0986122886681098, 1.1028738735952748e-18, 1.1028738735952748e-18]),
    ("log(exp(2*x)+exp(x)+3)", -3.0, [1.1158842067934736, 0.01793571593690032, 0.01923823068550406]),
    ("log(exp(2*x)+exp(x)+3)", 0.125, [1.6895742532170714, 0.683234353452642, 0.690482474492824]),
    ("log(exp(2*x)+exp(x)+3)", 1.5, [3.316627603126401, 1.619777155931477, 0.45330318851475954]),
    ("log(exp(2*x)+exp(x)+3)", 25.0, [50.00000000001389, 1.999999999986112, 1.388794386689277e-11]),
    ("log(exp(2*x)+exp(x)+3)", 710.5, [1421.0, 2.0, 2.71500483752131e-309]),
    ("exp(2*x)/(exp(x)+1)/(exp(x)+2)", -745.5, [0.0, 0.0, 0.0]),
    ("exp(2*x)/(exp(x)+1)/(exp(x)+2)", -40.25, [5.473488514765708e-36, 1.0946977029531417e-35, 2.1893954059062833e-35]),
    ("exp(2*x)/(exp(x)+1)/(exp(x)+2)", -3.0, [0.001151922180959633, 0.002221234526666846, 0.004203834388965754]),
    ("exp(2*x)/(exp(x)+1)/(exp(x)+2)", 0.125, [0.1921195528108069, 0.21270058344328907, 0.14329027200530578]),
    ("exp(2*x)/(exp(x)+1)/(exp(x)+2)", 1.5, [0.5653024318788116, 0.2775561845621055, -0.06864437339543968]),
    ("exp(2*x)/(exp(x)+1)/(exp(x)+2)", 25.0, [0.9999999999583362, 4.166383159219181e-11, -4.1663831589491565e-11]),
    ("exp(2*x)/(exp(x)+1)/(exp(x)+2)", 710.5, [1.0, 8.14501451256393e-309, -8.14501451256393e-309]),
    ("log(cosh(x))", -745.5, [744.8068528194401, -1.0, 0.0]),
    ("log(cosh(x))", -40.25, [39.55685281944005, -1.0, 4.3787908118125666e-35]),
    ("log(cosh(x))", -3.0, [2.309328504577785, -0.9950547536867305, 0.00986603716544019]),
    ("log(cosh(x))", 0.125, [0.007792239318898253, 0.12435300177159621, 0.9845363309503934]),
    ("log(cosh(x))", 1.5, [0.8554401710137968, 0.9051482536448664, 0.18070663892364852]),
    ("log(cosh(x))", 25.0, [24.306852819440056, 1.0, 7.714999391855671e-22]),
    ("log(cosh(x))", 710.5, [709.8068528194401, 1.0, 0.0]),
];

#[test]
fn values_and_derivatives_are_those_of_multiprecision() {
    for (text, x, expected) in PINNED {
        let phi = expression(text);
        let got = [phi.value(*x), phi.derivative(*x), phi.second_derivative(*x)];
        for (order, (got, expected)) in got.into_iter().zip(expected).enumerate() {
            // The terms of a derivative are of the size of 1 + |x|; half the spacing of subnormals lies below 1e-323.
            let scale = expected.abs().max(if KEEPS_TAILS.contains(text) { 0.0 } else { 1.0 });
            let error = (got - expected).abs();
            assert!(
                error <= 4e-15 * scale * (1.0 + 0.1 * x.abs()) + 1e-323,
                "{text} order {order} at {x}: {got} not {expected}"
            );
        }
    }
}

/// Compiled to forms with full relative accuracy in their tails.
const KEEPS_TAILS: [&str; 3] = ["log(1+exp(x))", "1/(1+exp(-x))", "exp(x)/(1+exp(x))"];

/// Closed forms at distances where every exponential leaves the doubles.
#[test]
fn limits_are_reached_without_overflow() {
    for x in [1e3, 1e6, 1e15, 1e300] {
        for (text, right, left) in [
            ("log(1+exp(x))", [x, 1.0], [0.0, 0.0]),
            ("log(2+exp(x))", [x, 1.0], [2f64.ln(), 0.0]),
            ("exp(x)/(1+exp(x))", [1.0, 0.0], [0.0, 0.0]),
            ("exp(x)/(2+exp(x))", [1.0, 0.0], [0.0, 0.0]),
            ("(exp(x)-exp(-x))/(exp(x)+exp(-x))", [1.0, 0.0], [-1.0, 0.0]),
            ("(exp(x)-2*exp(-x))/(exp(x)+2*exp(-x))", [1.0, 0.0], [-1.0, 0.0]),
            ("1/(1+exp(-x))", [1.0, 0.0], [0.0, 0.0]),
            ("x*tanh(log(1+exp(x)))", [x, 1.0], [0.0, 0.0]),
            ("log(cosh(x))", [x - 2f64.ln(), 1.0], [x - 2f64.ln(), -1.0]),
            ("x*Phi(x)", [x, 1.0], [0.0, 0.0]),
            ("x/sqrt(1+x^2)", [1.0, 0.0], [-1.0, 0.0]),
            ("x^3/(1+x^2)", [x, 1.0], [-x, 1.0]),
            ("exp(-x^2)", [0.0, 0.0], [0.0, 0.0]),
            ("arctan(x)", [std::f64::consts::FRAC_PI_2, 0.0], [-std::f64::consts::FRAC_PI_2, 0.0]),
        ] {
            let phi = expression(text);
            for (x, [value, slope]) in [(x, right), (-x, left)] {
                let (v, d, d2) = (phi.value(x), phi.derivative(x), phi.second_derivative(x));
                // Algebraic tails differ from their limit by 1/x^2 at most; arctan by 1/x.
                let tail = if text == "arctan(x)" { 1.0 / x.abs() } else { 3.0 / (x * x) + 1.0 / x.abs() };
                let tail = if text.contains("x^3") || text.contains("sqrt") || text == "arctan(x)" {
                    1.01 * tail
                } else {
                    0.0
                };
                assert!((v - value).abs() <= 1e-14 * value.abs() + tail, "{text} at {x}: {v}");
                assert!((d - slope).abs() <= 1e-13 + tail && d2.abs() <= 1e-13 + tail, "{text} at {x}: {d} {d2}");
            }
        }
    }
}

#[test]
fn formulas_of_the_registry_are_expressions() {
    for entry in ACTIVATIONS {
        let phi = crate::activation::by_name(entry.name).expect("registered");
        let read = expression(phi.formula());
        assert_eq!(read.kinks(), phi.kinks(), "{}", entry.name);
        assert_eq!(read.is_homogeneous(), phi.is_homogeneous(), "{}", entry.name);
        let bounds = [read.derivative_bounds(), phi.derivative_bounds()]
            .map(|bounds| [bounds.sup_abs, bounds.inf, bounds.second_sup_abs]);
        for (got, expected) in bounds[0].into_iter().zip(bounds[1]) {
            assert!(got == expected || (got - expected).abs() <= 1e-13, "{}: {got} not {expected}", entry.name);
        }
        for k in -4000..=4000 {
            let x = f64::from(k) * 0.01 + 0.003;
            for (got, expected) in [
                (read.value(x), phi.value(x)),
                (read.derivative(x), phi.derivative(x)),
                (read.second_derivative(x), phi.second_derivative(x)),
            ] {
                let scale = 1.0 + expected.abs();
                assert!((got - expected).abs() <= 4e-15 * scale, "{} at {x}: {got} not {expected}", entry.name);
            }
        }
    }
}

/// sup |phi'|, inf phi', sup |phi''| (mpmath 1.3, 25 digits: dense scan and roots of the next derivative), and where |phi'| is
/// largest: places, `None` if on a set, empty if only approached.
type Bounds = (&'static str, [f64; 3], Option<&'static [f64]>);

#[rustfmt::skip]
const BOUNDS: &[Bounds] = &[
    ("1/(1+exp(-x))", [0.25, 0.0, 0.096_225_044_864_937_63], Some(&[0.0])),
    ("(exp(x)-exp(-x))/(exp(x)+exp(-x))", [1.0, 0.0, 0.769_800_358_919_501], Some(&[0.0])),
    ("relu(x)", [1.0, 0.0, 0.0], None),
    ("max(x, 0.01*x)", [1.0, 0.01, 0.0], None),
    ("max(x,0)+min(0,exp(x)-1)", [1.0, 0.0, 1.0], None),
    ("x*Phi(x)", [1.128_904_145_185_154_8, -0.128_904_145_185_154_8, 0.797_884_560_802_865_4], Some(&[SQRT_2])),
    ("0.5*x*(1+erf(x/sqrt(2)))", [1.128_904_145_185_154_8, -0.128_904_145_185_154_8, 0.797_884_560_802_865_4], Some(&[SQRT_2])),
    ("0.5*x*(1+tanh(sqrt(2/pi)*(x+0.044715*x^3)))", [1.128_993_068_658_771_8, -0.128_993_068_658_771_77, 0.797_884_560_802_865_4], Some(&[1.418_504_008_790_828])),
    ("x/(1+exp(-x))", [1.099_839_320_128_867, -0.099_839_320_128_866_92, 0.5], Some(&[2.399_357_280_515_468])),
    ("x*tanh(log(1+exp(x)))", [1.088_498_161_251_728, -0.112_526_122_389_462_56, 0.644_204_637_236_972_4], Some(&[1.490_571_179_485_428])),
    ("log(1+exp(x))", [1.0, 0.0, 0.25], Some(&[])),
    ("x/(1+abs(x))", [1.0, 0.0, 2.0], Some(&[0.0])),
    ("erf(x)", [FRAC_2_SQRT_PI, 0.0, 0.967_882_898_076_573_4], Some(&[0.0])),
    ("clamp(x,-1,1)", [1.0, 0.0, 0.0], None),
    ("clamp(x/6+1/2,0,1)", [0.166_666_666_666_666_67, 0.0, 0.0], None),
    ("x*clamp(x+3,0,6)/6", [1.5, -0.5, 0.333_333_333_333_333_3], Some(&[3.0])),
    ("min(max(x,0),6)", [1.0, 0.0, 0.0], None),
    ("x-tanh(x)", [1.0, 0.0, 0.769_800_358_919_501], Some(&[])),
    ("-log(1+exp(-x))", [1.0, 0.0, 0.25], Some(&[])),
    ("arctan(x)", [1.0, 0.0, 0.649_519_052_838_329], Some(&[0.0])),
    ("exp(-x^2/2)", [0.606_530_659_712_633_4, -0.606_530_659_712_633_4, 1.0], Some(&[-1.0, 1.0])),
];

#[test]
fn the_scan_finds_the_bounds() {
    for (text, expected, places) in BOUNDS {
        let bounds = expression(text).derivative_bounds();
        let got = [bounds.sup_abs, bounds.inf, bounds.second_sup_abs];
        for (got, expected) in got.iter().zip(expected) {
            assert!((got - expected).abs() <= 1e-13, "{text}: {got} not {expected}");
        }
        match (&bounds.sup_at, places) {
            (Attained::On { .. }, None) => {}
            (Attained::Nowhere, Some([])) => {}
            (Attained::At(at), Some(places)) if at.len() == places.len() => {
                for (at, place) in at.iter().zip(*places) {
                    assert!((at - place).abs() <= 1e-9, "{text}: {at} not {place}");
                }
            }
            (at, _) => panic!("{text}: {at:?}"),
        }
    }
}

/// ELU's phi'' tends to 1 from the left of 0 and is 0 at 0.
#[test]
fn one_sided_suprema_are_attained_nowhere() {
    let bounds = expression("max(x,0)+min(0,exp(x)-1)").derivative_bounds();
    assert_eq!((bounds.second_sup_abs, bounds.second_sup_at), (1.0, Attained::Nowhere));
    let hard_swish = expression("x*clamp(x+3,0,6)/6").derivative_bounds();
    assert_eq!((hard_swish.sup_abs, hard_swish.sup_at), (1.5, Attained::At(vec![3.0])));
}

#[test]
fn unbounded_slopes_are_infinite() {
    for text in ["x^2", "exp(x)", "x^3", "sqrt(abs(x))", "sinh(x)", "x*log(1+x^2)"] {
        let bounds = expression(text).derivative_bounds();
        assert_eq!((bounds.sup_abs, &bounds.sup_at), (f64::INFINITY, &Attained::Nowhere), "{text}");
    }
}

/// The proof contains what the scan found, and is tight.
#[test]
fn enclosures_contain_the_bounds() {
    for (text, [sup, ..], _) in BOUNDS {
        let enclosure = derivative_enclosure(&expression(text), 1e-9);
        assert!(enclosure.low <= sup * (1.0 + 1e-15) && sup * (1.0 - 1e-15) <= enclosure.high, "{text}: {enclosure:?}");
        assert!(enclosure.high - enclosure.low <= 1.1e-9 * sup, "{text}: {enclosure:?}");
        assert!(enclosure.within >= 1e3, "{text}: {enclosure:?}");
    }
    for text in ["x^2", "exp(x)", "sqrt(abs(x))"] {
        assert_eq!(derivative_enclosure(&expression(text), 1e-6).high, f64::INFINITY, "{text}");
    }
    // PyTorch's slope at 0 is 2 here, which neither side has.
    let twice = expression("clamp(x,-1,0)+clamp(x,0,1)");
    assert_eq!((twice.derivative(0.0), twice.derivative_bounds().sup_abs), (2.0, 1.0));
    assert!(derivative_enclosure(&twice, 1e-9).high < 1.0 + 1e-9);
    // A narrow feature between the points of the grid: the scan cannot see it, the proof must.
    let narrow = expression("tanh(x) + 1e-5*exp(-(1e6*(x-0.3))^2)");
    let enclosure = derivative_enclosure(&narrow, 1e-6);
    assert!(enclosure.low > 8.5 && enclosure.high < 9.6, "{enclosure:?}");
}

#[test]
fn kinks_are_told_from_seams() {
    for (text, kinks, seams) in [
        ("abs(x-0.3)", vec![0.3], vec![0.3]),
        ("max(x^2, x+2)", vec![-1.0, 2.0], vec![-1.0, 2.0]),
        ("x*abs(x)", vec![], vec![0.0]),
        ("relu(x)^3", vec![], vec![0.0]),
        ("clamp(x,-1,1)", vec![-1.0, 1.0], vec![-1.0, 1.0]),
        ("x*step(x-5)-5*step(x-5)", vec![5.0], vec![5.0]),
        ("max(relu(x),0)", vec![0.0], vec![0.0]),
        ("x/(1+abs(x))", vec![], vec![0.0]),
        ("abs(x^2-2)", vec![-SQRT_2, SQRT_2], vec![-SQRT_2, SQRT_2]),
        ("tanh(x)", vec![], vec![]),
        ("abs(x-123456.789)", vec![123_456.789], vec![123_456.789]),
    ] {
        let phi = expression(text);
        for (got, expected) in [(phi.kinks(), kinks), (phi.seams(), seams)] {
            assert_eq!(got.len(), expected.len(), "{text}: {got:?}");
            assert!(got.iter().zip(&expected).all(|(a, b)| (a - b).abs() <= 4e-16 * b.abs()), "{text}: {got:?}");
        }
    }
    // PyTorch's conventions.
    let at_kink = |text: &str, x: f64| expression(text).derivative(x);
    assert_eq!(at_kink("relu(x)", 0.0), 0.0);
    assert_eq!(at_kink("abs(x)", 0.0), 0.0);
    assert_eq!(at_kink("max(x,0)", 0.0), 0.5);
    assert_eq!(at_kink("min(x,3*x)", 0.0), 2.0);
    assert_eq!(at_kink("clamp(x,-1,1)", 1.0), 1.0);
    // From the right where phi'' jumps.
    assert_eq!(expression("x*abs(x)").second_derivative(0.0), 2.0);
}

#[test]
fn what_is_no_activation_is_refused() {
    for (text, start) in [
        ("sqrt(x)", "phi(x) is not a number at x = -1:"),
        ("log(x)", "phi(x) is infinite at x = 0:"),
        ("log(x-1e-9)", "phi(x) is not a number at x = 0:"),
        ("1/x", "phi(x) is infinite at x = 0:"),
        ("1/(x-0.3)", "phi(x) is infinite at x = 0.3"),
        ("tan(x)", "phi(x) is infinite at x = -1.57079632679489"),
        ("log(abs(x-0.3))", "phi(x) is infinite at x = 0.3"),
        ("sign(x)", "phi(x) jumps at x = 0, from -1 to 1:"),
        ("x+step(x-2)", "phi(x) jumps at x = 2, from 2 to 3:"),
        ("x^0.5", "phi(x) is not a number at x = -1:"),
        ("1+2", "phi(x) = 3 does not depend on x"),
        ("0*x", "phi(x) = 0 does not depend on x"),
        ("x-x", "phi(x) = 0 does not depend on x"),
        ("min(x^2,-1)", "phi(x) = -1 does not depend on x"),
        ("x+log(-1)", "`log(-1)` is NaN:"),
        ("x+1e300*1e300", "`1e300 * 1e300` is inf:"),
        ("expr:", "the expression is empty"),
        ("expr: x + tahn(x)", "column 5: unknown function"),
    ] {
        let message = refusal(text);
        assert!(message.starts_with(start), "{text}: {message}");
    }
}

#[test]
fn names_are_read_back() {
    for text in ["expr:x*tanh(ln(1+exp(x)))", " x ** 2 / (1 + x^2)", "clamp(x, -1, 1)", "-x^2*exp(-x^2)"] {
        let phi = expression(text);
        assert!(phi.name().starts_with("expr: "));
        assert_eq!(expression(phi.name()).name(), phi.name());
        assert_eq!(expression(phi.formula()).name(), phi.name());
    }
    assert_eq!(expression("expr:X*TANH(x)").formula(), "x * tanh(x)");
}

#[test]
fn the_centre_is_where_the_slope_changes() {
    for (text, centre) in [
        ("tanh(x-3)", 3.0),
        ("log(1+exp(x+30))", -30.0),
        ("relu(x-7)", 7.0),
        ("relu(x)", 0.0),
        ("erf(1000*(x-0.3))", 0.3),
        ("sin(x)", 0.0),
        ("x", 0.0),
    ] {
        let got = expression(text).centre();
        assert!((got - centre).abs() < 0.02, "{text}: {got}");
    }
    assert!(expression("x").is_homogeneous() && expression("max(x,0.2*x)").is_homogeneous());
    for text in ["x+1", "relu(x-1)", "tanh(x)", "x^2", "abs(x)+1", "log(1+exp(x))"] {
        assert!(!expression(text).is_homogeneous(), "{text}");
    }
}

/// Of every function, with an inner function, so that the chain rule is in it.
#[rustfmt::skip]
const EACH: &[&str] = &[
    "exp(sin(x))", "log(2+sin(x))", "log1p(x^2)", "expm1(sin(x))", "sqrt(1+x^2)", "abs(x)*x^2", "x*sign(x)*x", "relu(x)^3", "sin(x^2/9)",
    "cos(x)", "tan(sin(x))", "atan(x)", "sinh(sin(x))", "cosh(sin(x))", "tanh(x+sin(x))", "erf(sin(x))", "erfc(sin(x))", "Phi(sin(2*x))",
    "sigmoid(2*x)", "softplus(x+sin(x))", "gelu(x)", "silu(x)", "pow(2+sin(x),x/9)", "pow(1+x^2,1.3)", "(2+sin(x))^-3", "2^sin(x)",
    "1/(2+cos(x))", "x/(2+cos(x))", "3/(2+cos(x))", "(x-1)/3", "clamp(x,-50,50)*x", "x*max(x^2,-1)", "e^sin(x)*pi",
];

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn derivatives_are_differences(x in -4.0..4.0f64) {
        for text in EACH {
            let phi = compile(&parse(text).expect("well formed")).expect("not constant");
            let h = 1e-4;
            let [before, at, after] = [x - h, x, x + h].map(|x| phi.jet::<0>(x).v);
            let jet = phi.jet::<2>(x);
            let (slope, curvature) = ((after - before) / (2.0 * h), (after - 2.0 * at + before) / (h * h));
            // Truncation h^2 phi''''/12 and rounding 4 eps |phi| / h^2; the third derivative may jump in the step.
            let scale = 1.0 + at.abs() + jet.d2.abs();
            prop_assert!((jet.d1 - slope).abs() < 2e-6 * scale, "{text} at {x}");
            prop_assert!((jet.d2 - curvature).abs() < 1e-3 * scale, "{text} at {x}");
        }
    }

    /// The three scalars agree: doubles with the wide numbers, and intervals contain both.
    #[test]
    fn scalars_agree(x in -8.0..8.0f64, width in 0.0..1.0f64) {
        for text in EACH {
            let program = compile(&parse(text).expect("well formed")).expect("not constant");
            let (fast, wide) = (program.jet::<2>(x), program.extended::<2>(x));
            let cell = program.enclose::<2>(Interval::new(x - width, x + 0.5 * width));
            let parts = [(fast.v, wide.v, cell.v), (fast.d1, wide.d1, cell.d1), (fast.d2, wide.d2, cell.d2)];
            for (fast, wide, cell) in parts {
                let slack = 1e-11 * (1.0 + fast.abs());
                prop_assert!((fast - wide.to_f64()).abs() <= slack, "{text} at {x}: {fast} not {wide:?}");
                prop_assert!(cell.low - slack <= fast && fast <= cell.high + slack, "{text} at {x}: {fast} not in {cell:?}");
            }
        }
    }

    #[test]
    fn arbitrary_formulas_are_studied_or_refused(text in "(x|1|2)([-+*/^](x|2|tanh\\(x\\)|exp\\(x\\)|abs\\(x\\)|sqrt\\(1\\+x\\^2\\))){0,5}") {
        let _ = Expression::parse(&text);
    }
}
