//! The course of a training: loss, accuracy, alerts, the size of the gradient and of the learning rate.

use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use super::super::theme::{self, Area, Axis, Chart, DrawingError, Legend, Symbol, TEXT, UNIT};
use super::series::{Training, Value};
use super::steps::{Edges, StepAxis, course, lost_in_words};
use super::words;
use crate::watch::{AlertKind, EvaluationRecord, StepRecord};

const LEARNING_RATE: &str = "learning rate";

type Points = Vec<(u64, Value)>;

/// Evaluations over the samples that are trained on, and over those kept for testing.
const TRAIN: RGBColor = theme::REFERENCE;
const TEST: RGBColor = theme::LIMIT;

fn by_step(training: &Training<'_>, read: impl Fn(&StepRecord) -> Option<f64>) -> Points {
    let points: Vec<(u64, Option<f64>)> = training.network.iter().map(|(step, record)| (*step, read(record))).collect();
    // A number that no step has was not recorded; one that single steps lack was not finite.
    let lost = points.iter().any(|(_, value)| value.is_some())
        || training.network.values().any(|record| record.non_finite.is_some_and(|count| count > 0));
    let value = |value: Option<f64>| match value {
        Some(value) if value.is_finite() => Value::At(value),
        _ if lost => Value::NotFinite,
        _ => Value::Missing,
    };
    points.into_iter().map(|(step, v)| (step, value(v))).filter(|(_, v)| *v != Value::Missing).collect()
}

fn evaluated(training: &Training<'_>, read: fn(&EvaluationRecord) -> Option<f64>) -> Points {
    let finite = |value: Option<f64>| value.filter(|value| value.is_finite());
    training.evaluations.iter().filter_map(|(step, record)| Some((*step, Value::At(finite(read(record))?)))).collect()
}

fn finite(points: &Points) -> impl DoubleEndedIterator<Item = (u64, f64)> + '_ {
    points.iter().filter_map(|(step, value)| Some((*step, value.finite()?)))
}

/// What the figure shows, panel by panel; empty where the log has nothing.
struct Course {
    loss: Points,
    train_loss: Points,
    test_loss: Points,
    train_accuracy: Points,
    test_accuracy: Points,
    gradient: Points,
    clipped: Vec<u64>,
    learning_rate: Points,
    kinds: Vec<AlertKind>,
}

impl Course {
    fn of(training: &Training<'_>) -> Self {
        let learning_rate = by_step(training, |record| record.learning_rate);
        let rate = |points: &Points| finite(points).next().map(|first| first.1);
        let constant = rate(&learning_rate).is_none_or(|first| finite(&learning_rate).all(|(_, rate)| rate == first));
        let kinds = AlertKind::ALL.into_iter().filter(|kind| training.alerts.iter().any(|a| a.alert == *kind));
        let clipped = training.network.values().filter(|r| r.clipped == Some(true)).map(|r| r.step);
        Self {
            loss: by_step(training, |record| record.loss),
            train_loss: evaluated(training, |record| record.train_loss),
            test_loss: evaluated(training, |record| record.test_loss),
            train_accuracy: evaluated(training, |record| record.train_accuracy),
            test_accuracy: evaluated(training, |record| record.test_accuracy),
            gradient: by_step(training, |record| record.grad_norm),
            clipped: clipped.collect(),
            learning_rate: if constant { Points::new() } else { learning_rate },
            kinds: kinds.collect(),
        }
    }

    /// Whether clipped steps have rings: where hundreds are clipped, rings would cover the line, and dots do not.
    fn rings(&self) -> bool {
        self.clipped.len() <= 80
    }

    fn has_loss(&self) -> bool {
        !(self.loss.is_empty() && self.train_loss.is_empty() && self.test_loss.is_empty())
    }

    fn has_accuracy(&self) -> bool {
        !(self.train_accuracy.is_empty() && self.test_accuracy.is_empty())
    }

    /// Heights of the panels of loss, accuracy, alerts, gradient, learning rate, in pixels.
    fn heights(&self) -> [u32; 5] {
        let if_any = |any: bool, height: u32| if any { height } else { 0 };
        [
            if_any(self.has_loss(), 280),
            if_any(self.has_accuracy(), 170),
            if_any(!self.kinds.is_empty(), 24 * self.kinds.len() as u32 + 46),
            if_any(!self.gradient.is_empty(), 190),
            if_any(!self.learning_rate.is_empty(), 150),
        ]
    }

    fn axis(&self, training: &Training<'_>) -> StepAxis {
        let mut steps: Vec<u64> = training.network.keys().chain(training.layers.keys()).copied().collect();
        steps.extend(training.evaluations.keys());
        steps.sort_unstable();
        steps.dedup();
        StepAxis::new(&steps)
    }
}

pub(super) fn applies(training: &Training<'_>) -> bool {
    Course::of(training).heights().iter().any(|height| *height > 0)
}

pub(super) fn title(training: &Training<'_>) -> String {
    let course = Course::of(training);
    let points = if finite(&course.loss).next().is_some() { &course.loss } else { &course.train_loss };
    let alerts = match training.alerts.len() {
        0 => String::new(),
        1 => "; 1 alert".to_owned(),
        count => format!("; {count} alerts"),
    };
    let (Some(first), Some(last)) = (finite(points).next(), finite(points).next_back()) else {
        return format!("No finite loss was recorded{alerts}");
    };
    let lost = points.last().is_some_and(|(_, value)| *value == Value::NotFinite);
    let lost = if lost { ", then is not finite" } else { "" };
    if first.0 == last.0 {
        return format!("The loss is {} at step {}{lost}{alerts}", words::quantity(first.1), first.0);
    }
    let verb = match last.1 / first.1 {
        ratio if first.1 > 0.0 && ratio > 1.02 => "rises",
        ratio if first.1 > 0.0 && ratio > 0.98 => "stays: it goes",
        _ if last.1 < first.1 => "falls",
        _ => "goes",
    };
    let [from, to] = [first.1, last.1].map(words::quantity);
    format!("The loss {verb} from {from} at step {} to {to} at step {}{lost}{alerts}", first.0, last.0)
}

pub(super) fn caption(training: &Training<'_>) -> String {
    let course = Course::of(training);
    let mut parts = Vec::new();
    if course.has_loss() {
        let evaluations = if course.train_loss.is_empty() && course.test_loss.is_empty() {
            ""
        } else {
            " (it scatters) and over all samples (black: trained on; green: kept for testing)"
        };
        parts.push(format!("Loss of the mini-batch before the update{evaluations}."));
    }
    if course.has_accuracy() {
        parts.push("Accuracy: share of the samples that is classified rightly.".to_owned());
    }
    if !course.kinds.is_empty() {
        parts.push(
            "Alerts, a line a kind: filled where only a warning was given, a ring where the gradient was clipped, a cross where training was \
             stopped; the table above has their layers and causes."
                .to_owned(),
        );
        let axis = course.axis(training).axis;
        let place = course.axis(training);
        let outside = |step: u64| !(axis.low()..=axis.high()).contains(&place.at(step));
        let count = training.alerts.iter().filter(|alert| outside(alert.step)).count();
        if count > 0 {
            parts.push(format!("{count} of them, at steps beyond those recorded, stand in the table only."));
        }
    }
    if !course.gradient.is_empty() {
        let clipped = match course.clipped.len() {
            0 => String::new(),
            count => format!("; {count} of {} recorded steps were clipped (black)", training.network.len()),
        };
        parts.push(format!("Norm of the gradient of all weights and biases, before clipping{clipped}."));
    }
    if !course.learning_rate.is_empty() {
        parts.push("Learning rate as the schedule gave it.".to_owned());
    }
    let values = [&course.loss, &course.gradient].into_iter().flatten().map(|(_, value)| *value);
    format!("{}{}", parts.join(" "), lost_in_words(values))
}

pub(super) fn draw(training: &Training<'_>) -> Result<String, DrawingError> {
    let data = Course::of(training);
    let heights = data.heights();
    let axis = data.axis(training);
    let mut entries = Vec::new();
    if !data.loss.is_empty() || !data.gradient.is_empty() || !data.learning_rate.is_empty() {
        entries.push((Symbol::Line, theme::MEASUREMENT, "at each recorded step"));
    }
    if !(data.train_loss.is_empty() && data.train_accuracy.is_empty()) {
        entries.push((Symbol::Point, TRAIN, "all training samples"));
    }
    if !(data.test_loss.is_empty() && data.test_accuracy.is_empty()) {
        entries.push((Symbol::Point, TEST, "test samples"));
    }
    if !data.clipped.is_empty() && !data.gradient.is_empty() {
        entries.push((if data.rings() { Symbol::Hollow } else { Symbol::Point }, TRAIN, "clipped"));
    }
    let legend = Legend::new(entries);
    let strip = legend.height().max(8);
    let lowest = heights.iter().rposition(|height| *height > 0);
    let total: u32 = heights.iter().sum::<u32>() + 26;
    theme::svg(theme::TITLE_HEIGHT + strip + total, &title(training), |area| {
        let (top, mut rest) = area.split_vertically(strip * UNIT);
        legend.draw(&top)?;
        for (k, height) in heights.into_iter().enumerate().filter(|(_, height)| *height > 0) {
            let last = lowest == Some(k);
            let (panel, below) = rest.split_vertically((height + if last { 26 } else { 0 }) * UNIT);
            rest = below;
            let frame = Frame { area: &panel, axis: &axis, x: last.then(|| axis.description()) };
            match k {
                0 => {
                    let lines = [(&data.loss, theme::MEASUREMENT), (&data.train_loss, TRAIN), (&data.test_loss, TEST)];
                    frame.lines(&lines, "loss", None)?;
                }
                1 => {
                    let lines = [(&data.train_accuracy, TRAIN), (&data.test_accuracy, TEST)];
                    frame.lines(&lines, "accuracy", Some((0.0, 1.0)))?;
                }
                2 => frame.alerts(training, &data.kinds)?,
                3 => frame.gradient(&data)?,
                _ => frame.lines(&[(&data.learning_rate, theme::MEASUREMENT)], LEARNING_RATE, None).map(|_| ())?,
            }
        }
        Ok(())
    })
}

/// A panel and its axis of steps.
struct Frame<'f, 'a> {
    area: &'f Area<'a>,
    axis: &'f StepAxis,
    x: Option<&'static str>,
}

/// What is drawn of numbers of any sign and size: far larger ones would leave f64 when an axis gets room.
const LARGEST: f64 = 1e300;

impl<'a> Frame<'_, 'a> {
    fn chart(&self, y: Axis, name: &str) -> Result<Chart<'_, 'a>, DrawingError> {
        let mut chart = theme::chart(self.area, self.axis.axis.clone(), y, self.x.is_some())?;
        theme::mesh(&mut chart, self.x, name)?;
        Ok(chart)
    }

    /// Lines on a common axis: logarithmic where all are positive and span more than a decade. Returns the chart and whether it is logarithmic.
    fn lines(
        &self,
        lines: &[(&Points, RGBColor)],
        name: &str,
        limits: Option<(f64, f64)>,
    ) -> Result<(Chart<'_, 'a>, bool), DrawingError> {
        let values = || lines.iter().flat_map(|(points, _)| finite(points)).map(|(_, value)| value);
        let (low, high) = values().fold((f64::INFINITY, f64::NEG_INFINITY), |(a, b), v| (a.min(v), b.max(v)));
        // A schedule that touches zero only at its end is a curve, not a matter of orders of magnitude: a quarter must be small.
        let mut sorted: Vec<f64> = values().collect();
        sorted.sort_by(f64::total_cmp);
        let small = sorted.get(sorted.len() / 4).is_some_and(|quarter| *quarter < high / 10.0);
        let logarithmic = limits.is_none() && low > 0.0 && low < high / 10.0 && (small || name != LEARNING_RATE);
        let at = |value: f64| if logarithmic { value.log10() } else { value.clamp(-LARGEST, LARGEST) };
        let least = if logarithmic { 0.4 } else { 1e-3 * high.abs().clamp(1e-300, LARGEST) };
        let span = theme::padded_span(values().map(at), 0.06, least);
        // Room beside 0 and 1, or points on them would be cut in half.
        let span = limits.map(|(a, b)| (a - 0.04, b + 0.04)).or(span).unwrap_or((0.0, 1.0));
        let drawn = |points: &Points| -> Vec<(f64, Value)> {
            let value = |value: &Value| value.finite().map_or(*value, |value| Value::At(at(value)));
            points.iter().map(|(step, v)| (self.axis.at(*step), value(v))).collect()
        };
        let curves: Vec<_> = lines.iter().map(|(points, _)| drawn(points)).collect();
        let edges = Edges::around(span, curves.iter().map(Vec::as_slice));
        let span = edges.span();
        let y = if logarithmic {
            Axis::log10(span.0, span.1)
        } else if limits.is_some() {
            let label = |at: f64| format!("{:.0} %", 100.0 * at);
            Axis::with_ticks(span.0, span.1, [0.0, 0.5, 1.0].into_iter().map(|at| (at, label(at))).collect())
        } else {
            linear(span)
        };
        let mut chart = self.chart(y, name)?;
        for (k, (points, (_, colour))) in curves.into_iter().zip(lines).enumerate() {
            course(&mut chart, points, &self.axis.axis, edges.of_curve(k), *colour)?;
        }
        Ok((chart, logarithmic))
    }

    fn gradient(&self, data: &Course) -> Result<(), DrawingError> {
        let (mut chart, logarithmic) = self.lines(&[(&data.gradient, theme::MEASUREMENT)], "|gradient|", None)?;
        let clipped = finite(&data.gradient).filter(|(step, _)| data.clipped.binary_search(step).is_ok());
        let places = clipped
            .map(|(step, value)| (self.axis.at(step), Value::At(if logarithmic { value.log10() } else { value })));
        let places = super::steps::thin(places.collect(), &self.axis.axis);
        let places = places.into_iter().filter_map(|(x, value)| Some((x, value.finite()?)));
        let (radius, style) = if data.rings() {
            (theme::POINT, TRAIN.stroke_width(theme::MEDIUM))
        } else {
            (theme::POINT / 3, TRAIN.filled())
        };
        chart.draw_series(places.map(|at| Circle::new(at, radius, style)))?;
        Ok(())
    }

    /// A line a kind of alert.
    fn alerts(&self, training: &Training<'_>, kinds: &[AlertKind]) -> Result<(), DrawingError> {
        let lanes = kinds.iter().enumerate().map(|(k, kind)| (-(k as f64), kind.name().replace('_', " ")));
        // The longest name is wider than the room for numbers: names stand inside, at the left of an axis without labels.
        let names: Vec<(f64, String)> = lanes.collect();
        let axis =
            Axis::with_ticks(0.5 - kinds.len() as f64, 0.5, names.iter().map(|n| (n.0, String::new())).collect());
        let mut chart = self.chart(axis, "")?;
        let (low, high) = (self.axis.axis.low(), self.axis.axis.high());
        // One mark a place: a thousand alerts at one step are one circle.
        let mut seen = std::collections::BTreeSet::new();
        for alert in &training.alerts {
            let x = self.axis.at(alert.step);
            let Some(lane) = kinds.iter().position(|kind| *kind == alert.alert) else { continue };
            let place = ((x - low) / (high - low) * 800.0).round() as i64;
            if !(low..=high).contains(&x) || !seen.insert((lane, place, alert.action.as_str())) {
                continue;
            }
            let at = (x, -(lane as f64));
            let size = theme::POINT * 3 / 4;
            match alert.action.as_str() {
                "stop" => {
                    chart.draw_series([Cross::new(at, theme::POINT, BLACK.stroke_width(theme::THICK))]).map(|_| ())?
                }
                "clip" => chart.draw_series([Circle::new(at, size, BLACK.stroke_width(theme::MEDIUM))]).map(|_| ())?,
                _ => chart.draw_series([Circle::new(at, size, theme::MEASUREMENT.filled())]).map(|_| ())?,
            }
        }
        let origin = self.area.get_pixel_range();
        let right = chart.plotting_area().get_pixel_range().0.start - origin.0.start - 10 * UNIT as i32;
        let style = theme::font(TEXT * 5 / 6).pos(Pos::new(HPos::Right, VPos::Center));
        for (at, name) in names {
            let y = chart.backend_coord(&(low, at)).1 - origin.1.start;
            self.area.draw(&Text::new(name, (right, y), style.clone()))?;
        }
        Ok(())
    }
}

/// A linear axis with ticks of our own words: `Axis::linear` writes very small and large numbers with an e.
fn linear((low, high): (f64, f64)) -> Axis {
    let plain = Axis::linear(low, high);
    let ticks = plain.ticks().iter().take(12).map(|(at, _)| (*at, words::quantity(*at)));
    Axis::with_ticks(low, high, ticks.collect())
}
