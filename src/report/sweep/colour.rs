//! Colours of cells: from little to much, or away from zero to both sides.

use plotters::prelude::*;

use super::super::theme::{self, Area, Axis, DrawingError, SEQUENTIAL, TEXT, UNIT};

/// From far below zero over zero to far above (RdBu of ColorBrewer, safe for every colour vision): blue vanishes, red explodes.
const DIVERGING: [RGBColor; 11] = [
    RGBColor(5, 48, 97),
    RGBColor(33, 102, 172),
    RGBColor(67, 147, 195),
    RGBColor(146, 197, 222),
    RGBColor(209, 229, 240),
    RGBColor(247, 247, 247),
    RGBColor(253, 219, 199),
    RGBColor(244, 165, 130),
    RGBColor(214, 96, 77),
    RGBColor(178, 24, 43),
    RGBColor(103, 0, 31),
];

/// Colours that are told apart; an odd number, so that zero has its own.
const LEVELS: usize = 65;

/// What colours mean.
pub(super) struct ColourScale {
    axis: Axis,
    stops: &'static [RGBColor],
    /// Whether values lie beyond the ends.
    beyond: bool,
}

impl ColourScale {
    /// Colours for these values; on both sides of zero if `signed`; values are decimal logarithms if `logarithmic`.
    pub fn new(values: &[f64], signed: bool, logarithmic: bool) -> Self {
        let axis = |low: f64, high: f64| if logarithmic { Axis::log10(low, high) } else { Axis::linear(low, high) };
        let mut sizes: Vec<f64> = values.iter().map(|v| v.abs()).collect();
        sizes.sort_by(f64::total_cmp);
        let largest = sizes.last().copied().unwrap_or(0.0);
        if signed {
            // A few extreme cells must not bleach all others.
            let usual = sizes.get(sizes.len() * 4 / 5).copied().unwrap_or(0.0);
            let beyond = largest > 4.0 * usual.max(1.0);
            let reach = if beyond { (2.0 * usual).ceil() } else { largest }.max(1.0);
            return Self { axis: axis(-reach, reach), stops: &DIVERGING, beyond };
        }
        let low = values.iter().copied().fold(f64::INFINITY, f64::min);
        let high = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let (low, high) = match (low < high, low.is_finite()) {
            (true, _) => (low, high),
            (false, true) => (low - 0.5, low + 0.5),
            (false, false) => (0.0, 1.0),
        };
        Self { axis: axis(low, high), stops: &SEQUENTIAL, beyond: false }
    }

    fn level(&self, value: f64) -> usize {
        let share = (value - self.axis.low()) / (self.axis.high() - self.axis.low());
        (share.clamp(0.0, 1.0) * (LEVELS - 1) as f64).round() as usize
    }

    fn colour_of(&self, level: usize) -> RGBColor {
        let at = level as f64 / (LEVELS - 1) as f64 * (self.stops.len() - 1) as f64;
        let k = (at as usize).min(self.stops.len() - 2);
        let (a, b, share) = (self.stops[k], self.stops[k + 1], at - k as f64);
        let mix = |a: u8, b: u8| (f64::from(a) + (f64::from(b) - f64::from(a)) * share).round() as u8;
        RGBColor(mix(a.0, b.0), mix(a.1, b.1), mix(a.2, b.2))
    }

    pub fn colour(&self, value: f64) -> RGBColor {
        self.colour_of(self.level(value))
    }

    /// A colour of text that is read on the colour of a value.
    pub fn ink(&self, value: f64) -> RGBColor {
        let RGBColor(r, g, b) = self.colour(value);
        let light = 0.3 * f64::from(r) + 0.59 * f64::from(g) + 0.11 * f64::from(b);
        if light > 140.0 { RGBColor(30, 30, 30) } else { WHITE }
    }

    /// The bar of colours with ticks, under lines of words.
    pub fn draw(&self, area: &Area<'_>, words: &[&str]) -> Result<(), DrawingError> {
        let unit = UNIT as i32;
        let (left, width) = (4 * unit, 24 * unit);
        for (k, words) in words.iter().enumerate() {
            area.draw(&Text::new((*words).to_owned(), (left, 20 * unit * k as i32), theme::font(TEXT)))?;
        }
        let top = 20 * unit * words.len() as i32 + 14 * unit;
        let bottom = (area.dim_in_pixel().1 as i32 - 64 * unit).max(top + 80 * unit);
        let height = |share: f64| bottom - (f64::from(bottom - top) * share).round() as i32;
        // The highest first: each is drawn over it, so that no background shines through between them.
        for level in (0..LEVELS).rev() {
            let end = height((level + 1) as f64 / LEVELS as f64);
            let corners = [(left, end), (left + width, bottom)];
            area.draw(&Rectangle::new(corners, self.colour_of(level).filled()))?;
        }
        for (at, label) in self.axis.ticks() {
            let y = height((at - self.axis.low()) / (self.axis.high() - self.axis.low()));
            let tick = vec![(left + width, y), (left + width + 5 * unit, y)];
            area.draw(&PathElement::new(tick, BLACK.stroke_width(theme::THIN)))?;
            let place = (left + width + 9 * unit, y - TEXT as i32 / 2);
            area.draw(&Text::new(label.clone(), place, theme::font(TEXT)))?;
        }
        if self.beyond {
            let place = (left, bottom + 10 * unit);
            area.draw(&Text::new("ends: and beyond", place, theme::font(TEXT)))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zero_is_white_and_the_ends_are_dark() {
        let scale = ColourScale::new(&[-8.0, 1.0, 3.0], true, true);
        assert_eq!(scale.colour(0.0), RGBColor(247, 247, 247));
        assert_eq!(scale.colour(-8.0), DIVERGING[0]);
        assert_eq!(scale.colour(99.0), DIVERGING[10]);
        assert_eq!(scale.ink(-8.0), WHITE);
        // Without values, and with one, there is still a scale.
        for values in [&[][..], &[2.0], &[f64::MAX, f64::MIN]] {
            ColourScale::new(values, false, false).colour(0.0);
            ColourScale::new(values, true, true).colour(0.0);
        }
    }
}
