//! Level lines on a grid: marching squares.

/// Lines along which values on a grid are zero, by linear interpolation along the grid's edges; cells with a missing corner are left out.
///
/// `value(i, j)` is the value at `(x[i], y[j])`. Where a cell has two lines, the mean of its corners decides how they run.
pub(super) fn zero_lines(x: &[f64], y: &[f64], value: impl Fn(usize, usize) -> Option<f64>) -> Vec<Vec<(f64, f64)>> {
    let mut segments = Vec::new();
    for i in 1..x.len() {
        for j in 1..y.len() {
            // Counter-clockwise from below left.
            let corners = [(i - 1, j - 1), (i, j - 1), (i, j), (i - 1, j)];
            let values = corners.map(|(i, j)| value(i, j).filter(|v| v.is_finite()));
            let [Some(a), Some(b), Some(c), Some(d)] = values else { continue };
            let v = [a, b, c, d];
            let crossing = |k: usize| {
                let (p, q) = (k, (k + 1) % 4);
                ((v[p] >= 0.0) != (v[q] >= 0.0)).then(|| {
                    // From the lower corner to the upper: neighbours find the same point to the last bit.
                    let (p, q) = if corners[p] <= corners[q] { (p, q) } else { (q, p) };
                    let share = v[p] / (v[p] - v[q]);
                    let at = |from: f64, to: f64| from + share * (to - from);
                    (at(x[corners[p].0], x[corners[q].0]), at(y[corners[p].1], y[corners[q].1]))
                })
            };
            match [0, 1, 2, 3].map(crossing) {
                [Some(south), Some(east), Some(north), Some(west)] => {
                    if ((a + b + c + d) >= 0.0) == (a >= 0.0) {
                        segments.extend([[south, east], [north, west]]);
                    } else {
                        segments.extend([[south, west], [north, east]]);
                    }
                }
                crossings => {
                    let ends: Vec<_> = crossings.into_iter().flatten().collect();
                    if let [from, to] = ends[..] {
                        segments.push([from, to]);
                    }
                }
            }
        }
    }
    chain(segments)
}

/// Segments put together at their common ends.
fn chain(mut segments: Vec<[(f64, f64); 2]>) -> Vec<Vec<(f64, f64)>> {
    let mut lines = Vec::new();
    while let Some([from, to]) = segments.pop() {
        let mut line = std::collections::VecDeque::from([from, to]);
        let touches = |end: (f64, f64), s: &[(f64, f64); 2]| s[0] == end || s[1] == end;
        let other = |end: (f64, f64), s: [(f64, f64); 2]| if s[0] == end { s[1] } else { s[0] };
        while let Some(k) = segments.iter().position(|s| touches(line[line.len() - 1], s)) {
            let end = line[line.len() - 1];
            line.push_back(other(end, segments.swap_remove(k)));
        }
        while let Some(k) = segments.iter().position(|s| touches(line[0], s)) {
            let end = line[0];
            line.push_front(other(end, segments.swap_remove(k)));
        }
        lines.push(line.into());
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    fn axis(count: usize) -> Vec<f64> {
        (0..count).map(|k| k as f64 / (count - 1) as f64).collect()
    }

    #[test]
    fn a_straight_line_is_found_exactly_and_in_one_piece() {
        let (x, y) = (axis(9), axis(5));
        let lines = zero_lines(&x, &y, |i, j| Some(x[i] + 0.5 * y[j] - 0.8));
        assert_eq!(lines.len(), 1);
        assert!(lines[0].iter().all(|(x, y)| (x + 0.5 * y - 0.8).abs() < 1e-14));
        assert!(lines[0].len() > 5);
    }

    #[test]
    fn a_circle_closes_and_has_its_radius() {
        let (x, y) = (axis(41), axis(41));
        let lines = zero_lines(&x, &y, |i, j| Some((x[i] - 0.5).hypot(y[j] - 0.5) - 0.3));
        assert_eq!(lines.len(), 1);
        assert_eq!(lines[0].first(), lines[0].last());
        assert!(lines[0].iter().all(|(x, y)| ((x - 0.5).hypot(y - 0.5) - 0.3).abs() < 1e-3));
    }

    #[test]
    fn missing_corners_interrupt_and_nothing_is_invented() {
        let (x, y) = (axis(5), axis(3));
        let lines = zero_lines(&x, &y, |i, j| (i != 2).then(|| y[j] - 0.3));
        assert!(lines.iter().flatten().all(|(x, _)| *x <= 0.25 || *x >= 0.75));
        assert!(zero_lines(&x, &y, |_, _| Some(1.0)).is_empty());
        assert!(zero_lines(&x[..1], &y, |_, _| Some(0.0)).is_empty());
        assert_eq!(zero_lines(&axis(2), &axis(2), |i, j| Some(if i == j { 1.0 } else { -1.0 })).len(), 2);
    }
}
