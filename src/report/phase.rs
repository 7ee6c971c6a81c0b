//! Phase diagrams, maps with the paths of their iteration, and edges of chaos.

use plotters::prelude::*;

use super::FigureError;
use super::theme::{self, Area, Axis, Chart, DrawingError, Legend, SEQUENTIAL, Symbol, TEXT, UNIT};
use super::words::significant;
use crate::mean_field::{EdgeOfChaos, EdgePoint, Phase, Stability};
use crate::study::{Edges, MapsSheet, PhaseDiagram};

/// Depth scales at which the colour changes, in layers.
const LEVELS: [f64; 9] = [1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0, 200.0, 500.0];

const UNBOUNDED: RGBColor = RGBColor(200, 200, 200);

/// The SVG of a phase diagram: the depth scale of correlations over the scales, with the edge of chaos.
///
/// # Errors
///
/// [`FigureError`] if the drawing library fails.
pub fn phase_figure(diagram: &PhaseDiagram) -> Result<String, FigureError> {
    draw_diagram(diagram).map_err(|source| FigureError { figure: "phase", source })
}

/// The SVG of the variance and the correlation map at one point.
///
/// # Errors
///
/// [`FigureError`] if the drawing library fails.
pub fn maps_figure(sheet: &MapsSheet) -> Result<String, FigureError> {
    draw_maps(sheet).map_err(|source| FigureError { figure: "maps", source })
}

/// The SVG of several edges of chaos, one small panel each.
///
/// # Errors
///
/// [`FigureError`] if the drawing library fails.
pub fn edges_figure(edges: &Edges) -> Result<String, FigureError> {
    draw_edges(edges).map_err(|source| FigureError { figure: "edges", source })
}

/// One line under a figure that stands alone.
fn caption_line(area: &Area<'_>, words: &str) -> Result<(), DrawingError> {
    area.draw(&Text::new(words.to_owned(), (20 * UNIT as i32, 2 * UNIT as i32), theme::font(15 * UNIT)))?;
    Ok(())
}

fn span(values: &[f64]) -> (f64, f64) {
    let (low, high) = (values[0], values[values.len() - 1]);
    if low < high { (low, high) } else { (low - 0.5, high + 0.5) }
}

/// Half-way between neighbours, and the ends of the axis.
fn cells(values: &[f64]) -> Vec<f64> {
    let (low, high) = span(values);
    let middle = values.windows(2).map(|pair| 0.5 * (pair[0] + pair[1]));
    std::iter::once(low).chain(middle).chain([high]).collect()
}

fn draw_diagram(diagram: &PhaseDiagram) -> Result<String, DrawingError> {
    let phases = |phase: Phase| diagram.points.iter().flatten().any(|point| point.phase == phase);
    let share = |phase: Phase| diagram.points.iter().flatten().filter(|point| point.phase == phase).count();
    let title = match (phases(Phase::Ordered), phases(Phase::Chaotic)) {
        (true, _) if share(Phase::Unbounded) > share(Phase::Chaotic) => {
            format!(
                "{}: gradients vanish at small weights; at large ones the variance grows without bound",
                diagram.activation
            )
        }
        (true, true) => {
            format!("{}: gradients vanish left of the edge of chaos and explode right of it", diagram.activation)
        }
        (true, false) => {
            format!("{}: gradients vanish at all of these scales that keep the variance", diagram.activation)
        }
        (false, true) => {
            format!("{}: gradients explode at all of these scales that keep the variance", diagram.activation)
        }
        (false, false) => format!("{}: no phase at these scales", diagram.activation),
    };
    let mut entries = vec![(Symbol::Line, theme::REFERENCE, "edge of chaos, \u{3c7}\u{2081} = 1")];
    let (w, b) = (span(&diagram.sigma_w), span(&diagram.sigma_b));
    let visible = |p: &EdgePoint| (w.0..=w.1).contains(&p.sigma_w) && (b.0..=b.1).contains(&p.sigma_b);
    if diagram.edge.branches.iter().flatten().any(|p| visible(p) && p.stability == Stability::Unstable) {
        entries.push((Symbol::Dashed, theme::REFERENCE, "the same on an unstable fixed point: out of reach"));
    }
    if phases(Phase::Unbounded) {
        entries.push((Symbol::Box, UNBOUNDED, "variance grows without bound"));
    }
    let legend = Legend::new(entries);
    let caption = "Colours: layers in which a difference of two inputs, and left of the edge a mean-square gradient, changes by e.";
    theme::svg(theme::TITLE_HEIGHT + legend.height() + 590, &title, |area| {
        let (top, rest) = area.split_vertically(legend.height() * UNIT);
        legend.draw(&top)?;
        let (rest, foot) = rest.split_vertically(560 * UNIT);
        caption_line(&foot, caption)?;
        let (plot, bar) = rest.split_horizontally(770 * UNIT);
        let mut chart = theme::chart(&plot, Axis::linear(w.0, w.1), Axis::linear(b.0, b.1), true)?;
        theme::mesh(&mut chart, Some("\u{3c3}_w, scale of the weights"), "\u{3c3}_b, scale of the biases")?;
        let (columns, rows) = (cells(&diagram.sigma_w), cells(&diagram.sigma_b));
        let overlap = ((w.1 - w.0) * 0.002, (b.1 - b.0) * 0.002);
        for row in 0..diagram.sigma_b.len() {
            let colour = |column: usize| cell_colour(diagram, column, row);
            let mut start = 0;
            for column in 1..=diagram.sigma_w.len() {
                // Runs of one colour are one rectangle: a fine grid stays a small file.
                if column == diagram.sigma_w.len() || colour(column) != colour(start) {
                    if let Some(colour) = colour(start) {
                        // Without an overlap the background shines through between the rectangles.
                        let corners =
                            [(columns[start], rows[row]), (columns[column] + overlap.0, rows[row + 1] + overlap.1)];
                        let corners = corners.map(|(x, y)| (x.min(w.1), y.min(b.1)));
                        chart.draw_series([Rectangle::new(corners, colour.filled())])?;
                    }
                    start = column;
                }
            }
        }
        draw_edge(&mut chart, &diagram.edge, (w, b))?;
        label_phases(&mut chart, diagram)?;
        colour_bar(&bar)
    })
}

fn cell_colour(diagram: &PhaseDiagram, column: usize, row: usize) -> Option<RGBColor> {
    let point = diagram.point(column, row)?;
    match (point.phase, point.xi_c) {
        (Phase::Unbounded, _) => Some(UNBOUNDED),
        (_, xi) => {
            // Where every correlation is kept, the gradient alone has a depth scale; it is that of correlations elsewhere in the ordered phase.
            let xi = xi.or_else(|| {
                point.c_star.map_or(point.chi_1, |_| None).map(|chi| 1.0 / chi.ln().abs()).filter(|xi| xi.is_finite())
            });
            // Not exponential: deeper than any level.
            Some(SEQUENTIAL[xi.map_or(SEQUENTIAL.len() - 1, |xi| LEVELS.partition_point(|level| *level <= xi))])
        }
    }
}

type Span = (f64, f64);

fn draw_edge(chart: &mut Chart<'_, '_>, edge: &EdgeOfChaos, (w, b): (Span, Span)) -> Result<(), DrawingError> {
    for branch in &edge.branches {
        for run in branch.chunk_by(|p, q| (p.stability == Stability::Unstable) == (q.stability == Stability::Unstable))
        {
            let line: Vec<(f64, f64)> = run.iter().map(|p| (p.sigma_w, p.sigma_b)).collect();
            for line in inside(&line, w, b) {
                let halo = WHITE.stroke_width(theme::THICK + 2 * UNIT);
                chart.draw_series([PathElement::new(line.clone(), halo)])?;
                let style = theme::REFERENCE.stroke_width(theme::THICK);
                if run[0].stability == Stability::Unstable {
                    for pair in line.windows(2).step_by(2) {
                        chart.draw_series([PathElement::new(pair.to_vec(), style)])?;
                    }
                } else {
                    chart.draw_series([PathElement::new(line, style)])?;
                }
            }
        }
    }
    if let Some(sigma_w) = edge.at_origin.filter(|s| (w.0..=w.1).contains(s) && b.0 <= 0.0) {
        let dot = |radius: i32, colour: RGBColor| Circle::new((sigma_w, 0.0), radius, colour.filled());
        chart.draw_series([dot(theme::POINT + 2 * UNIT as i32, WHITE), dot(theme::POINT, theme::REFERENCE)])?;
    }
    Ok(())
}

/// The parts of a line within a frame, cut at its border.
fn inside(line: &[(f64, f64)], x: Span, y: Span) -> Vec<Vec<(f64, f64)>> {
    let within = |p: (f64, f64)| (x.0..=x.1).contains(&p.0) && (y.0..=y.1).contains(&p.1);
    let mut parts = vec![Vec::new()];
    for pair in line.windows(2) {
        let at = |t: f64| (pair[0].0 + t * (pair[1].0 - pair[0].0), pair[0].1 + t * (pair[1].1 - pair[0].1));
        // Liang and Barsky: the segment is inside between t0 and t1.
        let (mut t0, mut t1) = (0.0_f64, 1.0_f64);
        for (from, to, span) in [(pair[0].0, pair[1].0, x), (pair[0].1, pair[1].1, y)] {
            let step = to - from;
            if step != 0.0 {
                let (a, b) = ((span.0 - from) / step, (span.1 - from) / step);
                (t0, t1) = (t0.max(a.min(b)), t1.min(a.max(b)));
            } else if !(span.0..=span.1).contains(&from) {
                t1 = -1.0;
            }
        }
        if t0 >= t1 {
            continue;
        }
        let part = parts.last_mut().expect("one is there from the start");
        match part.last() {
            Some(_) if within(pair[0]) => part.push(at(t1)),
            None => part.extend([at(t0), at(t1)]),
            Some(_) => parts.push(vec![at(t0), at(t1)]),
        }
    }
    parts.retain(|part| part.len() > 1);
    parts
}

/// The name of a phase in the middle of the part of the grid that is in it.
fn label_phases(chart: &mut Chart<'_, '_>, diagram: &PhaseDiagram) -> Result<(), DrawingError> {
    let (columns, rows) = (diagram.sigma_w.len(), diagram.sigma_b.len());
    for (phase, words) in [
        (Phase::Ordered, "ordered: gradients vanish"),
        (Phase::Chaotic, "chaotic: gradients explode"),
        (Phase::Unbounded, "unbounded"),
    ] {
        let here = |w: usize, b: usize| diagram.point(w, b).is_some_and(|point| point.phase == phase);
        // The longest run of a row, in the row where it is longest in the middle half of the grid.
        let run = |b: usize| {
            let mut best = (0, 0);
            let mut start = None;
            for w in 0..=columns {
                if w < columns && here(w, b) {
                    start.get_or_insert(w);
                } else if let Some(from) = start.take()
                    && w - from > best.1
                {
                    best = (from, w - from);
                }
            }
            best
        };
        let middle = rows / 4..(3 * rows).div_ceil(4);
        let Some((b, (from, length))) = middle.map(|b| (b, run(b))).max_by_key(|(_, run)| run.1) else { continue };
        let width = theme::text_width(words, TEXT);
        let room = f64::from(672 * UNIT) * length as f64 / columns as f64;
        if room < f64::from(width) {
            continue;
        }
        let (low, high) = span(&diagram.sigma_w);
        let centre = low + (high - low) * (from as f64 + 0.5 * length as f64) / columns as f64;
        let (x, y) = chart.backend_coord(&(centre, diagram.sigma_b[b]));
        let area = chart.plotting_area().strip_coord_spec();
        let (x0, y0) = area.get_base_pixel();
        let dark = phase == Phase::Unbounded;
        let colour = if dark { RGBColor(40, 40, 40) } else { WHITE };
        let style = ("sans-serif", TEXT, FontStyle::Bold).into_font().color(&colour);
        area.draw(&Text::new(words, (x - x0 - width / 2, y - y0 - TEXT as i32 / 2), style))?;
    }
    Ok(())
}

fn colour_bar(area: &Area<'_>) -> Result<(), DrawingError> {
    let unit = UNIT as i32;
    let (left, top, width, cell) = (10 * unit, 40 * unit, 26 * unit, 42 * unit);
    area.draw(&Text::new("depth scale \u{3be}_c,", (left, 0), theme::font(TEXT)))?;
    area.draw(&Text::new("layers (log)", (left, 18 * unit), theme::font(TEXT)))?;
    for (k, colour) in SEQUENTIAL.iter().rev().enumerate() {
        let y = top + cell * k as i32;
        area.draw(&Rectangle::new([(left, y), (left + width, y + cell)], colour.filled()))?;
    }
    for (k, level) in LEVELS.iter().rev().enumerate() {
        let y = top + cell * (k as i32 + 1);
        area.draw(&PathElement::new(
            vec![(left + width, y), (left + width + 6 * unit, y)],
            BLACK.stroke_width(theme::THIN),
        ))?;
        area.draw(&Text::new(format!("{level}"), (left + width + 10 * unit, y - TEXT as i32 / 2), theme::font(TEXT)))?;
    }
    Ok(())
}

fn draw_maps(sheet: &MapsSheet) -> Result<String, DrawingError> {
    let point = &sheet.point;
    let scales = format!("\u{3c3}_w = {}, \u{3c3}_b = {}", significant(point.sigma_w), significant(point.sigma_b));
    let title = match (point.q_star, point.c_star) {
        (Some(q), Some(c)) => {
            format!(
                "{}, {scales}: variances come to {}, correlations to {}",
                sheet.activation,
                significant(q),
                significant(c)
            )
        }
        (Some(q), None) => format!("{}, {scales}: variances come to {}", sheet.activation, significant(q)),
        (None, _) => format!("{}, {scales}: the variance grows without bound", sheet.activation),
    };
    let legend = Legend::new(vec![
        (Symbol::Line, theme::PREDICTION, "map of one layer"),
        (Symbol::Thin, theme::REFERENCE, "unchanged"),
        (Symbol::Thin, theme::MEASUREMENT, "layer by layer"),
        (Symbol::Point, theme::LIMIT, "fixed point"),
        (Symbol::Hollow, theme::LIMIT, "unstable fixed point"),
    ]);
    let caption = "A layer takes a value on the diagonal up or down to the curve: where the curve crosses the diagonal, layers change nothing.";
    theme::svg(theme::TITLE_HEIGHT + legend.height() + 500, &title, |area| {
        let (top, rest) = area.split_vertically(legend.height() * UNIT);
        legend.draw(&top)?;
        let (plots, foot) = rest.split_vertically(470 * UNIT);
        caption_line(&foot, caption)?;
        let (left, right) = plots.split_horizontally(480 * UNIT);
        let fixed: Vec<(f64, bool)> =
            point.fixed_points.iter().map(|p| (p.q, p.stability != Stability::Unstable)).collect();
        let high = sheet.variance_map.last().map_or(1.0, |last| last.0);
        map_panel(
            &left,
            &sheet.variance_map,
            &sheet.variances,
            &fixed,
            high,
            ["variance q of a layer", "V(q), of the next layer"],
        )?;
        if sheet.correlation_map.is_empty() {
            let words = if point.q_star.is_none() {
                "the variance has no bound: correlations are not followed"
            } else {
                "no variance to correlate"
            };
            right.draw(&Text::new(words, (60 * UNIT as i32, 200 * UNIT as i32), theme::font(TEXT)))?;
            return Ok(());
        }
        let mut fixed = vec![(1.0, point.c_star == Some(1.0))];
        fixed.extend(point.c_star.filter(|c| *c < 1.0).map(|c| (c, true)));
        map_panel(
            &right,
            &sheet.correlation_map,
            &sheet.correlations,
            &fixed,
            1.05,
            ["correlation c of two inputs", "C(c), in the next layer"],
        )
    })
}

fn map_panel(
    area: &Area<'_>,
    map: &[(f64, f64)],
    path: &[f64],
    fixed: &[(f64, bool)],
    high: f64,
    [x, y]: [&str; 2],
) -> Result<(), DrawingError> {
    let mut chart = theme::chart(area, Axis::linear(0.0, high), Axis::linear(0.0, high), true)?;
    theme::mesh(&mut chart, Some(x), y)?;
    let inside = |(x, y): &(f64, f64)| (0.0..=high).contains(x) && (0.0..=high).contains(y);
    chart
        .draw_series([PathElement::new(vec![(0.0, 0.0), (high, high)], theme::REFERENCE.stroke_width(theme::THIN))])?;
    let curve: Vec<(f64, f64)> = map.iter().copied().filter(|point| inside(point)).collect();
    chart.draw_series([PathElement::new(curve, theme::PREDICTION.stroke_width(theme::THICK))])?;
    let mut web = Vec::new();
    for pair in path.windows(2) {
        web.extend([(pair[0], pair[0]), (pair[0], pair[1]), (pair[1], pair[1])]);
    }
    web.retain(inside);
    if web.len() > 1 {
        chart.draw_series([PathElement::new(web, theme::MEASUREMENT.stroke_width(theme::THIN + UNIT / 2))])?;
    }
    for &(at, stable) in fixed.iter().filter(|(at, _)| *at <= high) {
        if stable {
            chart.draw_series([Circle::new((at, at), theme::POINT, theme::LIMIT.filled())])?;
        } else {
            chart.draw_series([Circle::new(
                (at, at),
                theme::POINT + UNIT as i32,
                theme::LIMIT.stroke_width(theme::MEDIUM),
            )])?;
        }
    }
    Ok(())
}

/// Largest scales of the small panels: what people use lies within.
const PANEL_W: f64 = 4.0;
const PANEL_B: f64 = 2.0;
const COLUMNS: usize = 5;

fn draw_edges(edges: &Edges) -> Result<String, DrawingError> {
    let count = edges.edges.len();
    let rows = count.div_ceil(COLUMNS).max(1);
    let reachable = |edge: &EdgeOfChaos| {
        edge.branches.iter().flatten().any(|p| p.stability == Stability::Stable && p.sigma_b > 0.0)
    };
    let curves = edges.edges.iter().filter(|(_, edge)| reachable(edge)).count();
    let title = format!("{curves} of {count} activations have an edge of chaos that networks with biases can stay on");
    let legend = Legend::new(vec![
        (Symbol::Line, theme::PREDICTION, "stable"),
        (Symbol::Dashed, theme::MEASUREMENT, "on an unstable fixed point"),
        (Symbol::Line, theme::SHADE, "marginal"),
        (Symbol::Point, theme::REFERENCE, "at \u{3c3}_b = 0"),
    ]);
    let panel = 170;
    theme::svg(theme::TITLE_HEIGHT + legend.height() + panel * rows as u32 + 40, &title, |area| {
        let (top, rest) = area.split_vertically(legend.height() * UNIT);
        legend.draw(&top)?;
        let (grid, foot) = rest.split_vertically(panel * rows as u32 * UNIT);
        let panels = grid.split_evenly((rows, COLUMNS));
        for ((name, edge), area) in edges.edges.iter().zip(&panels) {
            edge_panel(area, name, edge)?;
        }
        let words = "every panel: \u{3c3}_w from 0 to 4 to the right, \u{3c3}_b from 0 to 2 upwards; what lies beyond is not drawn";
        foot.draw(&Text::new(words, (20 * UNIT as i32, 10 * UNIT as i32), theme::font(TEXT)))?;
        Ok(())
    })
}

fn edge_panel(area: &Area<'_>, name: &str, edge: &EdgeOfChaos) -> Result<(), DrawingError> {
    let ticks = |values: &[i32]| values.iter().map(|k| (f64::from(*k), k.to_string())).collect::<Vec<_>>();
    let mut chart = ChartBuilder::on(area)
        .margin(6 * UNIT)
        .margin_top(28 * UNIT)
        .x_label_area_size(22 * UNIT)
        .y_label_area_size(22 * UNIT)
        .build_cartesian_2d(
            Axis::with_ticks(0.0, PANEL_W, ticks(&[0, 1, 2, 3, 4])),
            Axis::with_ticks(0.0, PANEL_B, ticks(&[0, 1, 2])),
        )?;
    theme::mesh(&mut chart, None, "")?;
    let name: String =
        if name.chars().count() > 20 { name.chars().take(19).chain(['\u{2026}']).collect() } else { name.to_owned() };
    area.draw(&Text::new(name, (30 * UNIT as i32, 4 * UNIT as i32), theme::font(TEXT)))?;
    let mut drawn = false;
    for branch in &edge.branches {
        for run in branch.chunk_by(|p, q| p.stability == q.stability) {
            let line: Vec<(f64, f64)> = run.iter().map(|p| (p.sigma_w, p.sigma_b)).collect();
            for line in inside(&line, (0.0, PANEL_W), (0.0, PANEL_B)) {
                drawn = true;
                let (colour, dashed) = match run[0].stability {
                    Stability::Stable => (theme::PREDICTION, false),
                    Stability::Marginal => (theme::SHADE, false),
                    Stability::Unstable => (theme::MEASUREMENT, true),
                };
                let style = colour.stroke_width(theme::THICK);
                if dashed {
                    for pair in line.windows(2).step_by(2) {
                        chart.draw_series([PathElement::new(pair.to_vec(), style)])?;
                    }
                } else {
                    chart.draw_series([PathElement::new(line, style)])?;
                }
            }
        }
    }
    if let Some(sigma_w) = edge.at_origin.filter(|s| *s <= PANEL_W) {
        drawn = true;
        chart.draw_series([Circle::new((sigma_w, 0.0), theme::POINT, theme::REFERENCE.filled())])?;
    }
    if !drawn {
        let least = edge.branches.iter().flatten().map(|p| p.sigma_w).fold(f64::INFINITY, f64::min);
        let words =
            if edge.is_empty() { "none".to_owned() } else { format!("from \u{3c3}_w = {}", significant(least)) };
        let left = if edge.is_empty() { 70 } else { 44 };
        area.draw(&Text::new(words, (left * UNIT as i32, 80 * UNIT as i32), theme::font(TEXT)))?;
    }
    Ok(())
}
