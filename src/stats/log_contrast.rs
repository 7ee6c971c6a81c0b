//! Differences of root mean squares over the same trials.

use super::Estimate;

/// `sum_j s_j log10 rms_j` over paired samples given by natural logarithms, with the standard error that the pairing leaves.
///
/// # Formula
///
/// With columns j of signs `s_j` and squares `g_ij^2 = e^(2 x_ij)` in trial i, the value is `sum_j s_j log10(mean_i g_ij^2) / 2`; trial i moves
/// it by `d_i = sum_j s_j (g_ij^2 / mean_i g_ij^2 - 1) / (2 ln 10)`, and the standard error is that of the mean of the d_i (delta method).
///
/// `None` for fewer than two trials, columns of different lengths, or an entry that is not finite (zeros have ln = -inf).
pub fn log10_rms_contrast(columns: &[(f64, &[f64])]) -> Option<Estimate> {
    let trials = columns.first()?.1.len();
    let complete = |column: &[f64]| column.len() == trials && column.iter().all(|ln| ln.is_finite());
    if trials < 2 || !columns.iter().all(|(_, column)| complete(column)) {
        return None;
    }
    let mut value = 0.0;
    let mut influence = vec![0.0; trials];
    for (sign, column) in columns {
        let largest = column.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let squares: Vec<f64> = column.iter().map(|ln| (2.0 * (ln - largest)).exp()).collect();
        let mean = squares.iter().sum::<f64>() / trials as f64;
        value += sign * (largest + 0.5 * mean.ln()) / std::f64::consts::LN_10;
        for (influence, square) in influence.iter_mut().zip(&squares) {
            *influence += sign * (square / mean - 1.0) / (2.0 * std::f64::consts::LN_10);
        }
    }
    let spread = Estimate::of_mean(&influence)?;
    Some(Estimate { value, standard_error: spread.standard_error })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_columns_share_cancels() {
        let ln: Vec<f64> = (1..50).map(|i| f64::from(i).ln()).collect();
        let scaled: Vec<f64> = ln.iter().map(|x| x + 3.0).collect();
        let ratio = log10_rms_contrast(&[(1.0, &scaled), (-1.0, &ln)]).expect("paired");
        assert!((ratio.value - 3.0 / std::f64::consts::LN_10).abs() < 1e-12 && ratio.standard_error < 1e-12);
        let alone = log10_rms_contrast(&[(1.0, &ln)]).expect("finite");
        let summary = crate::stats::LogSample::new(ln.clone()).summary().log10_rms.expect("finite");
        assert!((alone.value - summary.value).abs() < 1e-12);
        assert!((alone.standard_error / summary.standard_error - 1.0).abs() < 1e-9);
        assert!(log10_rms_contrast(&[(1.0, &[0.0, f64::NEG_INFINITY])]).is_none());
    }
}
