//! The smallest change of a matrix that its number format can express.

use nalgebra::DMatrix;

/// The matrix with every entry one ulp larger or smaller, by a coin that depends on the position and on `salt`; zeros stay.
///
/// The change of a result under it is the conditioning of that result: no algorithm that sees only these entries, themselves rounded, can
/// promise more digits. Different factors of a product take different salts, or their changes would add up.
pub fn one_ulp_off(matrix: &DMatrix<f64>, salt: u64) -> DMatrix<f64> {
    let mut state = salt.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ 0x5bf0_3635;
    matrix.map(|entry| {
        // splitmix64 (Steele, Lea and Flood 2014).
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut word = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        let up = (word ^ (word >> 31)) & 1 == 1;
        if entry == 0.0 || !entry.is_finite() {
            return entry;
        }
        let changed = if up { entry.next_up() } else { entry.next_down() };
        if changed.is_finite() { changed } else { entry }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_entry_moves_by_one_ulp_and_zeros_stay() {
        let matrix =
            DMatrix::from_fn(20, 20, |i, j| if i == j { 0.0 } else { (i as f64 - 7.5) * 1e-3 * j as f64 + 0.1 });
        let changed = one_ulp_off(&matrix, 3);
        let mut ups = 0;
        for (a, b) in matrix.iter().zip(changed.iter()) {
            assert!(if *a == 0.0 { *b == 0.0 } else { *b == a.next_up() || *b == a.next_down() });
            ups += usize::from(b > a);
        }
        assert!((140..240).contains(&ups), "{ups} of 380");
        assert_ne!(changed, one_ulp_off(&matrix, 4));
    }
}
