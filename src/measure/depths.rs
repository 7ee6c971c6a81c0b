//! Depths at which a product is looked at.

use crate::spec::shown_depths;

/// At most about `count` depths from 1 to `depth` with equal ratios, every one of them where they are few; those that are shown are among
/// them. In increasing order.
pub(super) fn spaced_depths(depth: usize, count: usize) -> Vec<usize> {
    if depth <= count {
        return (1..=depth).collect();
    }
    let step = (depth as f64).ln() / count.max(2).saturating_sub(1) as f64;
    let spaced = (0..count).map(|k| ((k as f64 * step).exp().round() as usize).clamp(1, depth));
    let mut depths: Vec<usize> = spaced.chain(shown_depths(depth)).collect();
    depths.sort_unstable();
    depths.dedup();
    depths
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn depths_increase_from_one_to_the_last() {
        assert_eq!(shown_depths(1), [1]);
        assert_eq!(shown_depths(2), [1, 2]);
        assert_eq!(shown_depths(40), [1, 8, 20, 40]);
        assert_eq!(spaced_depths(5, 60), [1, 2, 3, 4, 5]);
        for (depth, count) in [(61, 60), (100_000, 60), (100_000, 4), (7, 0), (3, 1)] {
            let depths = spaced_depths(depth, count);
            assert!(depths.windows(2).all(|pair| pair[0] < pair[1]) && depths.len() <= count + 4, "{depths:?}");
            assert_eq!((depths[0], depths[depths.len() - 1]), (1, depth));
        }
    }
}
