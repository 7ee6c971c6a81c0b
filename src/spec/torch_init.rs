//! The schemes of `torch.nn.init` by their names, with PyTorch's conventions.
//!
//! A weight is `fan_out x fan_in` (rows x columns), as `nn.Linear` has it. With gain g and the fan that is asked for:
//!
//! | scheme | entries |
//! |---|---|
//! | `kaiming_uniform(a \| nonlinearity, fan_in \| fan_out)` | uniform within `sqrt(3) g / sqrt(fan)` |
//! | `kaiming_normal(a \| nonlinearity, fan_in \| fan_out)` | N(0, g^2/fan) |
//! | `xavier_uniform(gain)` | uniform of variance `2 g^2 / (fan_in + fan_out)` |
//! | `xavier_normal(gain)` | N(0, 2 g^2 / (fan_in + fan_out)) |
//! | `orthogonal(gain)` | g times a Haar matrix with orthonormal rows or columns |
//! | `trunc_normal(std)` | N(0, std^2) restricted to [-2, 2], whatever std: the variance is that much smaller |
//! | `normal(std)` | N(0, std^2) |
//! | `uniform(bound)` | uniform within bound (PyTorch's own default, [0, 1], is not centred) |
//! | `sparse(sparsity, std)` | N(0, std^2), and `ceil(sparsity rows)` zeros in every column |
//!
//! Gains, as `torch.nn.init.calculate_gain`: linear 1, sigmoid 1, tanh 5/3, relu sqrt 2, leaky_relu `sqrt(2/(1 + a^2))`, selu 3/4. The
//! slope a is 0 in `kaiming_*` unless given, and 0.01 in `xavier_*(leaky_relu)`.
//!
//! Source: PyTorch 2.15, `torch/nn/init.py`.

use std::sync::Arc;

use super::law::{Law, Preset, Scheme, Surroundings};
use crate::ensemble::{Ensemble, Gaussian, Orthogonal, SparseColumns, TruncatedNormal, Uniform};
use crate::names;

/// Every scheme.
pub const TORCH_SCHEMES: &[Preset] = &[
    Preset {
        name: "kaiming_uniform",
        aliases: &[],
        formula: "uniform within sqrt(3) gain / sqrt(fan); (a or a nonlinearity, fan_in or fan_out)",
        law: Scheme::Arguments(|arguments, block| kaiming(Arc::new(Uniform), arguments, block)),
    },
    Preset {
        name: "kaiming_normal",
        aliases: &[],
        formula: "variance gain^2 / fan, Gaussian; (a or a nonlinearity, fan_in or fan_out)",
        law: Scheme::Arguments(|arguments, block| kaiming(Arc::new(Gaussian), arguments, block)),
    },
    Preset {
        name: "xavier_uniform",
        aliases: &["glorot_uniform"],
        formula: "uniform of variance 2 gain^2 / (fan_in + fan_out); (gain or a nonlinearity)",
        law: Scheme::Arguments(|arguments, block| xavier(Arc::new(Uniform), arguments, block)),
    },
    Preset {
        name: "xavier_normal",
        aliases: &["glorot_normal"],
        formula: "variance 2 gain^2 / (fan_in + fan_out), Gaussian; (gain or a nonlinearity)",
        law: Scheme::Arguments(|arguments, block| xavier(Arc::new(Gaussian), arguments, block)),
    },
    Preset {
        name: "orthogonal",
        aliases: &["semi_orthogonal"],
        formula: "gain times orthonormal rows or columns; (gain)",
        law: Scheme::Arguments(|arguments, block| {
            let gain = one_number(arguments, "gain", Some(1.0))?;
            Ok(Law { ensemble: Arc::new(Orthogonal), std: gain / block.fan_in.max(block.fan_out).sqrt() })
        }),
    },
    Preset {
        name: "trunc_normal",
        // Not `truncated_normal`: the ensemble of that name takes a cut where this takes a standard deviation.
        aliases: &[],
        formula: "N(0, std^2) restricted to [-2, 2], not scaled back; (std)",
        law: Scheme::Arguments(|arguments, _| {
            let std = one_number(arguments, "std", Some(1.0))?;
            // A cut beyond f64 cuts nothing.
            let law = TruncatedNormal::new((2.0 / std).min(f64::MAX)).map_err(|_| {
                format!("std is {std}; up to 200 the law can be told from a uniform one: use `uniform(2)` beyond")
            })?;
            Ok(Law { ensemble: Arc::new(law), std: std * law.variance_kept().sqrt() })
        }),
    },
    Preset {
        name: "normal",
        aliases: &["gaussian"],
        formula: "N(0, std^2); (std)",
        law: Scheme::Arguments(|arguments, _| {
            Ok(Law { ensemble: Arc::new(Gaussian), std: one_number(arguments, "std", Some(1.0))? })
        }),
    },
    Preset {
        name: "uniform",
        aliases: &[],
        formula: "uniform within bound; (bound)",
        law: Scheme::Arguments(|arguments, _| {
            Ok(Law { ensemble: Arc::new(Uniform), std: one_number(arguments, "bound", None)? / 3f64.sqrt() })
        }),
    },
    Preset {
        name: "sparse",
        aliases: &[],
        formula: "N(0, std^2) with ceil(sparsity rows) zeros in every column; (sparsity, std)",
        law: Scheme::Arguments(sparse),
    },
];

/// What stands before a nonlinearity's gain in PyTorch's own table.
const NONLINEARITIES: [&str; 6] = ["linear", "sigmoid", "tanh", "relu", "leaky_relu", "selu"];

/// `torch.nn.init.calculate_gain`; `slope` is that of leaky_relu, and nothing else reads it.
fn gain(nonlinearity: &str, slope: f64) -> Option<f64> {
    match names::canonical(nonlinearity).as_str() {
        "linear" | "sigmoid" => Some(1.0),
        "tanh" => Some(5.0 / 3.0),
        "relu" => Some(std::f64::consts::SQRT_2),
        "leakyrelu" => Some(2f64.sqrt() / 1f64.hypot(slope)),
        "selu" => Some(0.75),
        _ => None,
    }
}

fn kaiming(ensemble: Arc<dyn Ensemble>, arguments: &[&str], block: &Surroundings<'_>) -> Result<Law, String> {
    let (mut fan, mut slope, mut nonlinearity) = (None, None, None);
    for &argument in arguments {
        let repeated = match names::canonical(argument).as_str() {
            "fanin" => fan.replace(block.fan_in).map(|_| "fan"),
            "fanout" => fan.replace(block.fan_out).map(|_| "fan"),
            _ => match argument.parse::<f64>() {
                Ok(a) => slope.replace(finite("a", a)?).map(|_| "slope a"),
                Err(_) if gain(argument, 0.0).is_some() => nonlinearity.replace(argument).map(|_| "nonlinearity"),
                Err(_) => {
                    let known = NONLINEARITIES.into_iter().chain(["fan_in", "fan_out"]);
                    return Err(format!(
                        "`{argument}` is neither a number nor a nonlinearity or fan: {}",
                        names::suggestion(argument, known)
                    ));
                }
            },
        };
        if let Some(what) = repeated {
            return Err(format!("the {what} is given twice: keep one"));
        }
    }
    let nonlinearity = nonlinearity.unwrap_or("leaky_relu");
    if let Some(a) = slope.filter(|_| names::canonical(nonlinearity) != "leakyrelu") {
        return Err(format!("the slope {a} belongs to leaky_relu, not to {nonlinearity}: remove one"));
    }
    let gain = gain(nonlinearity, slope.unwrap_or(0.0)).unwrap_or(1.0);
    Ok(Law { ensemble, std: gain / fan.unwrap_or(block.fan_in).sqrt() })
}

fn xavier(ensemble: Arc<dyn Ensemble>, arguments: &[&str], block: &Surroundings<'_>) -> Result<Law, String> {
    let gain = match arguments {
        [] => 1.0,
        [name] => match (name.parse::<f64>(), gain(name, 0.01)) {
            (Ok(gain), _) => positive("gain", gain)?,
            (Err(_), Some(gain)) => gain,
            (Err(_), None) => {
                let suggestion = names::suggestion(name, NONLINEARITIES);
                return Err(format!("`{name}` is neither a gain nor a nonlinearity: {suggestion}"));
            }
        },
        [name, slope] if names::canonical(name) == "leakyrelu" => {
            gain(name, finite("a", number("a", slope)?)?).unwrap_or(1.0)
        }
        _ => return Err(format!("takes a gain or a nonlinearity, not {} arguments", arguments.len())),
    };
    Ok(Law { ensemble, std: gain * (2.0 / (block.fan_in + block.fan_out)).sqrt() })
}

fn sparse(arguments: &[&str], block: &Surroundings<'_>) -> Result<Law, String> {
    let (sparsity, std) = match arguments {
        [sparsity] => (sparsity, 0.01),
        [sparsity, std] => (sparsity, positive("std", number("std", std)?)?),
        _ => return Err(format!("takes (sparsity) or (sparsity, std), not {} arguments", arguments.len())),
    };
    let law = SparseColumns::new(number("sparsity", sparsity)?).map_err(|error| error.to_string())?;
    let rows = block.fan_out as usize;
    let zeros = law.zeros(rows);
    if zeros >= rows {
        return Err(format!("{zeros} zeros in columns of {rows} leave no weight: lower the sparsity"));
    }
    Ok(Law { ensemble: Arc::new(law), std: std * (1.0 - zeros as f64 / rows as f64).sqrt() })
}

fn one_number(arguments: &[&str], what: &str, default: Option<f64>) -> Result<f64, String> {
    match (arguments, default) {
        ([], Some(default)) => Ok(default),
        ([given], _) => positive(what, number(what, given)?),
        _ => Err(format!("takes one number, the {what}, not {} arguments", arguments.len())),
    }
}

fn number(what: &str, given: &str) -> Result<f64, String> {
    given.parse().map_err(|_| format!("the {what} is `{given}`; it must be a number"))
}

fn finite(what: &str, value: f64) -> Result<f64, String> {
    Some(value).filter(|value| value.is_finite()).ok_or_else(|| format!("{what} is {value}; it must be finite"))
}

fn positive(what: &str, value: f64) -> Result<f64, String> {
    Some(finite(what, value)?)
        .filter(|value| *value > 0.0)
        .ok_or_else(|| format!("{what} is {value}; it must be above 0"))
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::spec::Spec;
    use crate::stats::{Stream, normal_tail};

    /// A network whose only weights are rows x columns.
    fn spec(preset: &str, rows: usize, columns: usize) -> Result<Spec, String> {
        let text = format!(
            "[network]\ninput = {columns}\nwidths = [{rows}]\nactivation = \"tanh\"\nweights = {{ preset = \"{preset}\" }}"
        );
        Spec::parse(&text, Path::new("t.toml")).map_err(|error| error.to_string())
    }

    fn law(preset: &str, rows: usize, columns: usize) -> Law {
        spec(preset, rows, columns).expect("valid").network.blocks[0].weights.clone()
    }

    /// What PyTorch 2.15 hands to `normal_` (the standard deviation) and to `uniform_` (the bound) for `torch.empty(30, 20,
    /// dtype=torch.float64)`; the root mean square of `orthogonal_(w, 2.0)`; trunc_normal's standard deviation by quadrature with 30 digits
    /// (drawn by PyTorch, 4,000,000 entries: 0.879605, 0.0200039 and 1.135542).
    #[test]
    fn scales_are_those_of_pytorch() {
        let within = |bound: f64| bound / 3f64.sqrt();
        let pinned = [
            ("kaiming_uniform", "uniform", within(0.547_722_557_505_166_1)),
            ("kaiming_uniform(fan_out)", "uniform", within(0.447_213_595_499_958)),
            ("kaiming_uniform(linear)", "uniform", within(0.387_298_334_620_741_65)),
            ("kaiming_uniform(sigmoid, fan_in)", "uniform", within(0.387_298_334_620_741_65)),
            ("kaiming_uniform(tanh)", "uniform", within(0.645_497_224_367_902_8)),
            ("kaiming_uniform(relu)", "uniform", within(0.547_722_557_505_166_1)),
            ("kaiming_uniform(leaky_relu)", "uniform", within(0.547_722_557_505_166_1)),
            ("kaiming_uniform(selu)", "uniform", within(0.290_473_750_965_556_3)),
            ("kaiming_uniform(0.2, fan_out)", "uniform", within(0.438_529_009_653_514_6)),
            ("kaiming_uniform(2.23606797749979)", "uniform", within(0.223_606_797_749_979)),
            ("torch", "uniform", within(0.223_606_797_749_979)),
            ("kaiming_normal", "gaussian", 0.316_227_766_016_837_94),
            ("kaiming_normal(fan_out)", "gaussian", 0.258_198_889_747_161_15),
            ("kaiming_normal(fan_out, relu)", "gaussian", 0.258_198_889_747_161_15),
            ("kaiming_normal(linear)", "gaussian", 0.223_606_797_749_978_96),
            ("kaiming_normal(sigmoid)", "gaussian", 0.223_606_797_749_978_96),
            ("kaiming_normal(tanh)", "gaussian", 0.372_677_996_249_964_95),
            ("kaiming_normal(relu)", "gaussian", 0.316_227_766_016_837_94),
            ("kaiming_normal(selu)", "gaussian", 0.167_705_098_312_484_23),
            ("Kaiming_Normal(fan_out, LeakyReLU, 0.2)", "gaussian", 0.253_184_841_770_916_66),
            ("kaiming_normal(2.23606797749979)", "gaussian", 0.129_099_444_873_580_55),
            ("xavier_uniform", "uniform", within(0.346_410_161_513_775_46)),
            ("xavier_uniform(tanh)", "uniform", within(0.577_350_269_189_625_8)),
            ("xavier_uniform(1.5)", "uniform", within(0.519_615_242_270_663_2)),
            ("xavier_normal", "gaussian", 0.2),
            ("xavier_normal(tanh)", "gaussian", 0.333_333_333_333_333_37),
            ("xavier_normal(leaky_relu)", "gaussian", 0.282_828_571_399_567_1),
            ("xavier_normal(leaky_relu, 0.01)", "gaussian", 0.282_828_571_399_567_1),
            ("xavier_normal(1.5)", "gaussian", 0.300_000_000_000_000_04),
            ("orthogonal(2.0)", "orthogonal", 0.365_148_371_670_110_7),
            ("trunc_normal", "truncated_normal(2)", 0.879_625_661_034_239_8),
            ("trunc_normal(0.02)", "truncated_normal(100)", 0.02),
            ("trunc_normal(4)", "truncated_normal(0.5)", 1.135_529_160_177_31),
            ("normal(0.02)", "gaussian", 0.02),
            ("uniform(0.3)", "uniform", within(0.3)),
            // Three zeros in a column of thirty.
            ("sparse(0.1, 0.5)", "sparse_columns(0.1)", 0.5 * 0.9_f64.sqrt()),
            ("sparse(0.1)", "sparse_columns(0.1)", 0.01 * 0.9_f64.sqrt()),
        ];
        for (preset, ensemble, std) in pinned {
            let law = law(preset, 30, 20);
            assert_eq!(law.ensemble.spelling(), ensemble, "{preset}");
            assert!((law.std / std - 1.0).abs() < 1e-13, "{preset}: {} not {std}", law.std);
        }
        assert!((law("orthogonal(2.0)", 20, 30).std / 0.365_148_371_670_110_7 - 1.0).abs() < 1e-13);
        let named = |scheme: &&Preset| pinned.iter().any(|(preset, _, _)| preset.starts_with(scheme.name));
        assert!(TORCH_SCHEMES.iter().all(|scheme| named(&scheme)), "every scheme is pinned");
    }

    #[test]
    fn wrong_arguments_are_named_in_one_line() {
        let cases = [
            ("kaiming_normal(rleu)", "did you mean `relu`?"),
            ("kaiming_normal(nan)", "a is NaN; it must be finite"),
            ("kaiming_normal(relu, tanh)", "the nonlinearity is given twice"),
            ("kaiming_normal(fan_in, fan_out)", "the fan is given twice"),
            ("kaiming_normal(relu, 0.2)", "the slope 0.2 belongs to leaky_relu, not to relu"),
            ("kaiming_normal(relu", "no closing parenthesis"),
            ("kaiming_normal(1e200)", "gives entries of size"),
            ("kaiming_nromal", "did you mean `kaiming_normal`?"),
            ("xavier_normal(-1)", "gain is -1; it must be above 0"),
            ("xavier_normal(tanh, 2)", "takes a gain or a nonlinearity, not 2 arguments"),
            ("xavier_normal(tnh)", "did you mean `tanh`?"),
            ("orthogonal(x)", "the gain is `x`; it must be a number"),
            ("trunc_normal(500)", "use `uniform(2)` beyond"),
            ("uniform", "takes one number, the bound, not 0 arguments"),
            ("normal(inf)", "std is inf; it must be finite"),
            ("sparse", "takes (sparsity) or (sparsity, std)"),
            ("sparse(1)", "the sparsity of `sparse_columns` is 1"),
            ("sparse(0.99)", "30 zeros in columns of 30 leave no weight"),
            ("he(2)", "`he`: takes nothing in parentheses"),
        ];
        for (preset, expected) in cases {
            let message = spec(preset, 30, 20).expect_err(preset);
            assert!(message.contains(expected) && message.lines().count() == 1, "{preset}: {message}");
        }
    }

    fn draw(preset: &str) -> Vec<f64> {
        let law = law(preset, 400, 200);
        let mut generator = Stream::new(31, preset).layer(0);
        law.ensemble.sample(400, 200, law.std, &mut generator).expect("no LAPACK involved").as_slice().to_vec()
    }

    /// Drawn weights by Kolmogorov-Smirnov against the distribution that PyTorch documents: 400 x 200, n = 80,000, alpha = 1e-4, seed 31;
    /// the same weights are refuted for a scale that is 10 % larger.
    #[test]
    fn drawn_weights_have_the_documented_distribution() {
        let normal = |x: f64, std: f64| 1.0 - normal_tail(x / std);
        let uniform = |x: f64, bound: f64| (0.5 * (1.0 + x / bound)).clamp(0.0, 1.0);
        let truncated = |x: f64, std: f64| {
            let half = 0.5 - normal_tail(2.0 / std);
            (0.5 + 0.5 * (0.5 - normal_tail(x.clamp(-2.0, 2.0) / std)) / half).clamp(0.0, 1.0)
        };
        type Cdf<'a> = &'a dyn Fn(f64, f64) -> f64;
        let cases: [(&str, Cdf<'_>, f64); 6] = [
            ("kaiming_normal(relu, fan_out)", &normal, (2.0_f64 / 400.0).sqrt()),
            ("kaiming_uniform(0.5)", &uniform, (3.0 * 2.0 / 1.25 / 200.0_f64).sqrt()),
            ("xavier_normal(tanh)", &normal, 5.0 / 3.0 * (2.0_f64 / 600.0).sqrt()),
            ("xavier_uniform", &uniform, (6.0_f64 / 600.0).sqrt()),
            ("trunc_normal(1.5)", &truncated, 1.5),
            ("normal(0.3)", &normal, 0.3),
        ];
        for (preset, cdf, scale) in cases {
            let mut weights = draw(preset);
            weights.sort_by(f64::total_cmp);
            let n = weights.len() as f64;
            let distance = |scale: f64| {
                let gap = |(i, x): (usize, &f64)| (cdf(*x, scale) - (i as f64 + 0.5) / n).abs() + 0.5 / n;
                weights.iter().enumerate().map(gap).fold(0.0, f64::max)
            };
            let critical = (0.5 * (2.0 / 1e-4_f64).ln() / n).sqrt();
            assert!(distance(scale) < critical, "{preset}: {}", distance(scale));
            assert!(distance(1.1 * scale) > critical, "control: {preset}: {}", distance(1.1 * scale));
        }
    }
}
