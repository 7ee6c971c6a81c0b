//! Where an expression is looked at: the features of an activation are near 0, its tails far away.

/// Beyond it nothing is looked for but limits.
pub(super) const FARTHEST: f64 = 1e6;

/// Cells of 1/64 for |x| <= 40, and 40 points a decade from 1e-6 to [`FARTHEST`], in increasing order.
pub(super) fn graded() -> Vec<f64> {
    let linear = (-2560..=2560).map(|k| f64::from(k) / 64.0);
    let decades = (-240..=240).map(|k| 10f64.powf(f64::from(k) / 40.0));
    let mut points: Vec<f64> = linear.chain(decades.flat_map(|x| [-x, x])).collect();
    points.sort_by(f64::total_cmp);
    points.dedup();
    points
}
