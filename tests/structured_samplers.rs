//! Structured samplers draw the same law as matrices do: two-sample tests across trials, each with a negative control.

use gradspectra::ensemble::{Ensemble, Gaussian, bartlett_factor, gaussian_log_square, gaussian_singular_values};
use gradspectra::linalg::{Chain, TriangularChain, singular_values};
use gradspectra::stats::Stream;

const TRIALS: u64 = 6000;
const ALPHA: f64 = 1e-5;

/// Two-sample Kolmogorov-Smirnov: the distance, and the critical value at [`ALPHA`] (asymptotic; Smirnov 1948).
fn smirnov(a: &[f64], b: &[f64]) -> (f64, f64) {
    let sorted = |values: &[f64]| {
        let mut values = values.to_vec();
        values.sort_by(f64::total_cmp);
        values
    };
    let (a, b) = (sorted(a), sorted(b));
    let (mut i, mut j, mut distance) = (0, 0, 0.0_f64);
    while i < a.len() && j < b.len() {
        if a[i] <= b[j] {
            i += 1
        } else {
            j += 1
        }
        distance = distance.max((i as f64 / a.len() as f64 - j as f64 / b.len() as f64).abs());
    }
    let (m, n) = (a.len() as f64, b.len() as f64);
    (distance, (-0.5 * (ALPHA / 2.0).ln()).sqrt() * ((m + n) / (m * n)).sqrt())
}

/// Largest, smallest and sum of the logarithms: statistics of one trial, independent across trials.
fn statistics(values: &[f64]) -> [f64; 3] {
    [values[0], values[values.len() - 1], values.iter().sum()]
}

fn column(samples: &[[f64; 3]], k: usize) -> Vec<f64> {
    samples.iter().map(|sample| sample[k]).collect()
}

fn product(widths: &[usize], stream: Stream) -> [f64; 3] {
    let mut chain = Chain::new(widths[0]);
    for (layer, pair) in widths.windows(2).enumerate() {
        let w = Gaussian.sample(pair[1], pair[0], 1.0, &mut stream.layer(layer as u64)).expect("independent entries");
        chain.push(&w).expect("chains");
    }
    statistics(chain.log_singular_values().expect("converges").finite())
}

/// `missing`: degrees of freedom too few in every chi variable, the nearest mistake.
fn bartlett(widths: &[usize], missing: usize, stream: Stream) -> [f64; 3] {
    let mut chain = TriangularChain::new(widths[0]);
    for (layer, pair) in widths.windows(2).enumerate() {
        let rank = chain.rank();
        let mut r = bartlett_factor(pair[1] + 1 - missing, rank, 1.0, &mut stream.layer(layer as u64));
        if missing == 0 {
            // One row more than asked for gives every diagonal entry one degree of freedom too many.
            r = r.rows(0, pair[1].min(rank)).into_owned();
        }
        chain.push(pair[1], r).expect("triangular");
    }
    statistics(chain.log_singular_values().expect("converges").finite())
}

/// n = 6,000 trials on both sides, alpha = 1e-5 each of 3 statistics and 3 shapes, seed 31; square, rectangular, and narrowing to 2.
/// Control: chi variables with one degree of freedom too many must be refuted by the sum of the logarithms.
#[test]
fn bartlett_products_have_the_law_of_products() {
    for (case, widths) in [&[6, 6, 6, 6][..], &[8, 5, 7, 9], &[4, 6, 2, 5]].into_iter().enumerate() {
        let stream = |name: &str, trial| Stream::new(31, &format!("{name} {case}")).trial(trial);
        let plain: Vec<_> = (0..TRIALS).map(|trial| product(widths, stream("plain", trial))).collect();
        let drawn: Vec<_> = (0..TRIALS).map(|trial| bartlett(widths, 1, stream("bartlett", trial))).collect();
        let wrong: Vec<_> = (0..TRIALS).map(|trial| bartlett(widths, 0, stream("wrong", trial))).collect();
        for k in 0..3 {
            let (distance, critical) = smirnov(&column(&plain, k), &column(&drawn, k));
            assert!(distance < critical, "widths {widths:?}, statistic {k}: {distance} against {critical}");
        }
        let (distance, critical) = smirnov(&column(&plain, 2), &column(&wrong, 2));
        assert!(distance > critical, "control, widths {widths:?}: {distance} against {critical}");
    }
}

/// n = 6,000 on both sides, alpha = 1e-5 each of 3 statistics and 3 shapes, seed 32. Control: one row more.
#[test]
fn bidiagonal_models_have_the_law_of_gaussian_matrices() {
    let logs = |values: Vec<f64>| statistics(&values.into_iter().map(f64::ln).collect::<Vec<_>>());
    for (rows, columns) in [(7, 7), (9, 4), (4, 9)] {
        let stream = |name: &str, trial| Stream::new(32, &format!("{name} {rows} x {columns}")).trial(trial).layer(0);
        let dense: Vec<_> = (0..TRIALS)
            .map(|trial| {
                let w = Gaussian.sample(rows, columns, 0.3, &mut stream("dense", trial)).expect("independent entries");
                logs(singular_values(w).expect("finite"))
            })
            .collect();
        let drawn = |name: &str, rows: usize| -> Vec<[f64; 3]> {
            (0..TRIALS)
                .map(|trial| {
                    logs(gaussian_singular_values(rows, columns, 0.3, &mut stream(name, trial)).expect("converges"))
                })
                .collect()
        };
        let (right, wrong) = (drawn("bidiagonal", rows), drawn("one row more", rows + 1));
        for k in 0..3 {
            let (distance, critical) = smirnov(&column(&dense, k), &column(&right, k));
            assert!(distance < critical, "{rows} x {columns}, statistic {k}: {distance} against {critical}");
        }
        let (distance, critical) = smirnov(&column(&dense, 2), &column(&wrong, 2));
        assert!(distance > critical, "control: {distance} against {critical}");
    }
}

/// n = 6,000 on both sides, alpha = 1e-5, seed 33. Control: one layer missing.
#[test]
fn chi_square_products_have_the_law_of_norms() {
    let widths = [5, 7, 4, 6];
    let stream = |name: &str, trial| Stream::new(33, name).trial(trial);
    let dense: Vec<f64> = (0..TRIALS)
        .map(|trial| {
            let mut x = nalgebra::DMatrix::zeros(widths[0], 1);
            x[0] = 1.0;
            for (layer, pair) in widths.windows(2).enumerate() {
                let std = 1.2 / (pair[0] as f64).sqrt();
                let generator = &mut stream("dense", trial).layer(layer as u64);
                x = Gaussian.sample(pair[1], pair[0], std, generator).expect("independent entries") * x;
            }
            x.norm_squared().ln()
        })
        .collect();
    let drawn = |name: &str, widths: &[usize]| -> Vec<f64> {
        (0..TRIALS).map(|trial| gaussian_log_square(widths, 1.2, &mut stream(name, trial).layer(0))).collect()
    };
    let (distance, critical) = smirnov(&dense, &drawn("chi", &widths));
    assert!(distance < critical, "{distance} against {critical}");
    let (distance, critical) = smirnov(&dense, &drawn("one missing", &widths[..3]));
    assert!(distance > critical, "control: {distance} against {critical}");
}

/// Newman's mean, at sizes that no matrix would fit: n = L = 10^6. E ln |Jx|^2 = L (psi(n/2) + ln(2/n)), Var = L psi'(n/2), which for large n
/// are -L/n - L/(3 n^2) and 2 L/n; seed 34, one draw at 5 standard deviations. Control: sigma_w 0.1 % off.
#[test]
fn a_million_layers_of_a_million_units() {
    let n = 1_000_000;
    let widths = vec![n; n + 1];
    let draw = |sigma_w| gaussian_log_square(&widths, sigma_w, &mut Stream::new(34, "million").layer(0));
    let off = |value: f64| (value + 1.0).abs() / 2f64.sqrt();
    assert!(off(draw(1.0)) < 5.0, "{}", draw(1.0));
    assert!(off(draw(1.001)) > 5.0, "control");
}
