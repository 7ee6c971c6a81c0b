//! The order in which people number things.

use std::cmp::Ordering;

/// A name that sorts by its numbers: `layer.2` before `layer.10`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NaturalOrder(pub String);

impl NaturalOrder {
    /// Alternating text and digit runs; digits without leading zeros compare by length first.
    fn parts(&self) -> Vec<(&str, bool)> {
        let mut parts = Vec::new();
        let mut rest = self.0.as_str();
        while let Some(first) = rest.chars().next() {
            let digits = first.is_ascii_digit();
            let end = rest.find(|c: char| c.is_ascii_digit() != digits).unwrap_or(rest.len());
            parts.push((&rest[..end], digits));
            rest = &rest[end..];
        }
        parts
    }
}

impl Ord for NaturalOrder {
    fn cmp(&self, other: &Self) -> Ordering {
        let (left, right) = (self.parts(), other.parts());
        for ((a, a_digits), (b, b_digits)) in left.iter().zip(&right) {
            let order = if *a_digits && *b_digits {
                let (a, b) = (a.trim_start_matches('0'), b.trim_start_matches('0'));
                a.len().cmp(&b.len()).then(a.cmp(b))
            } else {
                a.cmp(b)
            };
            if order != Ordering::Equal {
                return order;
            }
        }
        // `a.01` and `a.1` are different names.
        left.len().cmp(&right.len()).then_with(|| self.0.cmp(&other.0))
    }
}

impl PartialOrd for NaturalOrder {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_sort_by_their_numbers() {
        let mut names = ["10", "2", "a.10.b", "a.9.b", "", "a.09.b"].map(|name| NaturalOrder(name.to_owned()));
        names.sort();
        assert_eq!(names.map(|name| name.0), ["", "2", "10", "a.09.b", "a.9.b", "a.10.b"]);
    }
}
