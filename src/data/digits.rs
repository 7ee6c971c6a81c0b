//! Handwritten digits.

use nalgebra::DMatrix;

/// 1,797 records of 64 pixels (0 to 16) and a label, one byte each.
const RECORDS: &[u8] = include_bytes!("digits.bin");

const PIXELS: usize = 64;

/// The first `batch` of the 1,797 handwritten digits as a 64 x batch matrix, standardised by the mean and the standard
/// deviation over all pixels of all images, so that `|x|^2 / 64` is 1 on average; `None` if there are fewer than `batch`.
///
/// # Source
///
/// E. Alpaydin, Optical Recognition of Handwritten Digits, UCI Machine Learning Repository (1998), CC BY 4.0.
pub fn digits(batch: usize) -> Option<DMatrix<f64>> {
    let records: Vec<&[u8]> = RECORDS.chunks_exact(PIXELS + 1).map(|record| &record[..PIXELS]).collect();
    let count = (records.len() * PIXELS) as f64;
    let pixels = || records.iter().flat_map(|record| record.iter().map(|&pixel| f64::from(pixel)));
    let mean = pixels().sum::<f64>() / count;
    let deviation = (pixels().map(|pixel| (pixel - mean).powi(2)).sum::<f64>() / count).sqrt();
    (batch <= records.len())
        .then(|| DMatrix::from_fn(PIXELS, batch, |i, a| (f64::from(records[a][i]) - mean) / deviation))
}

/// The classes, 0 to 9, of the first `batch` digits; `None` if there are fewer.
pub fn digit_labels(batch: usize) -> Option<Vec<usize>> {
    let labels = RECORDS.chunks_exact(PIXELS + 1).map(|record| usize::from(record[PIXELS]));
    (batch <= labels.len()).then(|| labels.take(batch).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_digits_are_standardised() {
        let all = digits(1797).expect("all of them");
        assert_eq!(all.shape(), (64, 1797));
        assert!(all.mean().abs() < 1e-12);
        assert!((all.norm_squared() / all.len() as f64 - 1.0).abs() < 1e-12);
        assert!(digits(1798).is_none());
        let labels = digit_labels(1797).expect("all of them");
        // The data set's own class counts.
        let counts: Vec<usize> = (0..10).map(|class| labels.iter().filter(|&&label| label == class).count()).collect();
        assert_eq!(counts, [178, 182, 177, 183, 181, 182, 181, 179, 174, 180]);
    }
}
