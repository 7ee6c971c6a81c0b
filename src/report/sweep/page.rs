//! The page around the figures of a sweep.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::super::html::{self, FigureOnPage, escape};
use super::grid::{Grid, short_label};
use super::{SWEEP_FIGURES, SweepFigure, SweepSection, disagreement, words, zoo};
use crate::sweep::{Outcome, SweepResults};

/// The order of the page.
const SECTIONS: [(SweepSection, &str); 3] = [
    (SweepSection::Initialisation, "Networks at initialisation"),
    (SweepSection::Training, "Trainings"),
    (SweepSection::Agreement, "Where theory and measurement disagree most"),
];

/// Values of an axis in the table at most.
const MOST_VALUES: usize = 12;

/// Different errors in the table at most.
const MOST_ERRORS: usize = 20;

/// What a sweep found, in one sentence.
pub fn finding(results: &SweepResults) -> String {
    of_grid(&Grid::of(results))
}

/// The title of the first figure that applies; without one, why there is none.
fn of_grid(grid: &Grid<'_>) -> String {
    if grid.results.points.is_empty() {
        return "No point is done yet".to_owned();
    }
    if grid.done() == 0 {
        let all = if grid.running() { "that was tried " } else { "" };
        return format!("Every point {all}failed: {} of {}", grid.failed, grid.results.planned);
    }
    // A sweep that trains asks about the training.
    let trains = |figure: &&SweepFigure| figure.section == SweepSection::Training;
    let applies = |figure: &&SweepFigure| (figure.applies)(grid);
    let first = SWEEP_FIGURES.iter().filter(trains).find(applies).or_else(|| SWEEP_FIGURES.iter().find(applies));
    match first.map(|figure| (figure.title)(grid)) {
        Some(title) if grid.running() => format!("So far ({}): {title}", words::progress(grid)),
        Some(title) => title,
        None => words::progress(grid),
    }
}

pub(super) fn page(grid: &Grid<'_>, figures: &[(&SweepFigure, String)]) -> String {
    let results = grid.results;
    let name = if results.name.is_empty() { "a sweep" } else { &results.name };
    let mut text = html::head(&format!("{name}: a sweep"));
    let _ = write!(text, "<h1>{}</h1>\n<p class=\"finding\">{}.</p>\n", escape(name), escape(&of_grid(grid)));
    if let Some(question) = &results.question {
        let _ = writeln!(text, "<p>The question: {}</p>", escape(question));
    }
    summary(&mut text, grid);
    let mut number = 0;
    for (section, heading) in SECTIONS {
        let own: Vec<_> = figures.iter().filter(|(figure, _)| figure.section == section).collect();
        if own.is_empty() {
            continue;
        }
        let _ = write!(text, "<section>\n<h2>{heading}</h2>\n");
        for (figure, svg) in own {
            number += 1;
            text.push_str(&html::figure(&FigureOnPage {
                number,
                name: figure.name,
                svg,
                title: &(figure.title)(grid),
                caption: &(figure.caption)(grid),
            }));
            match figure.name {
                "disagreement" => text.push_str(&disagreement::table(grid)),
                "zoo" => text.push_str(&zoo::table(grid)),
                _ => {}
            }
        }
        text.push_str("</section>\n");
    }
    if figures.is_empty() && grid.done() > 0 {
        text.push_str(
            "<p>The points hold none of the numbers that are drawn; the tables of the sweep have them all.</p>\n",
        );
    }
    errors(&mut text, grid);
    axes(&mut text, grid);
    understanding(&mut text, grid);
    text.push_str(html::FOOT);
    text
}

/// How far it is.
fn summary(text: &mut String, grid: &Grid<'_>) {
    text.push_str("<dl class=\"summary\">\n");
    let mut item = |term: &str, words: String| {
        let _ = writeln!(text, "<div><dt>{term}</dt><dd>{}</dd></div>", escape(&words));
    };
    item("Points done", format!("{} of {}", grid.done(), grid.results.planned));
    if grid.failed > 0 {
        item("Failed", grid.failed.to_string());
    }
    if grid.results.repeats > 1 {
        item("Repeats of a place", grid.results.repeats.to_string());
    }
    let agreement = &grid.agreement;
    if agreement.count > 0 {
        item("Numbers compared with theory", agreement.count.to_string());
        item("Beyond what chance makes once in a hundred sweeps", agreement.beyond.to_string());
    }
    text.push_str("</dl>\n");
    if grid.running() {
        let _ =
            writeln!(text, "<p class=\"advice\">The sweep is not finished: {}.</p>", escape(&words::progress(grid)));
    }
}

/// What went wrong, equal errors together.
fn errors(text: &mut String, grid: &Grid<'_>) {
    let mut errors: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    for point in &grid.results.points {
        if let Outcome::Error(error) = &point.outcome {
            errors.entry(error).or_default().push(point.index);
        }
    }
    if errors.is_empty() {
        return;
    }
    text.push_str(
        "<section>\n<h2>Points that failed</h2>\n<div class=\"scroll claims\"><table>\n<thead><tr><th>error</th><th>points</th>\
         <th>the first of them</th></tr></thead>\n<tbody>\n",
    );
    let mut errors: Vec<_> = errors.into_iter().collect();
    errors.sort_by_key(|(_, points)| std::cmp::Reverse(points.len()));
    for (error, points) in errors.iter().take(MOST_ERRORS) {
        let first = grid.results.points.iter().find(|point| point.index == points[0]);
        let _ = writeln!(
            text,
            "<tr><td>{}</td><td>{}</td><td>{} (point {})</td></tr>",
            escape(error),
            points.len(),
            first.map_or_else(String::new, |point| escape(&grid.coordinates(point))),
            points[0]
        );
    }
    text.push_str("</tbody>\n</table></div>\n");
    let more = errors.len().saturating_sub(MOST_ERRORS);
    if more > 0 {
        let _ = writeln!(text, "<p class=\"note\">{more} other errors are in the tables of the sweep.</p>");
    }
    text.push_str("</section>\n");
}

fn axes(text: &mut String, grid: &Grid<'_>) {
    if grid.results.axes.is_empty() {
        return;
    }
    text.push_str(
        "<section>\n<h2>The grid</h2>\n<div class=\"scroll\"><table>\n<thead><tr><th>axis</th><th>values</th><th>which</th>\
         <th>moves with</th></tr></thead>\n<tbody>\n",
    );
    for (k, axis) in grid.results.axes.iter().enumerate() {
        let mut values: Vec<String> = axis.values.iter().take(MOST_VALUES).map(short_label).collect();
        if axis.values.len() > MOST_VALUES {
            values.truncate(MOST_VALUES - 2);
            values.push("\u{2026}".to_owned());
            values.extend(axis.values.last().map(short_label));
        }
        let others = grid.results.axes.iter().enumerate();
        let linked = others.filter(|(j, other)| *j != k && axis.linked.is_some() && other.linked == axis.linked);
        let linked: Vec<&str> = linked.map(|(_, other)| other.key.as_str()).collect();
        let _ = writeln!(
            text,
            "<tr><td><code>{}</code></td><td>{}</td><td>{}</td><td>{}</td></tr>",
            escape(&axis.key),
            axis.values.len(),
            escape(&values.join(", ")),
            if linked.is_empty() { "\u{2013}".to_owned() } else { escape(&linked.join(", ")) }
        );
    }
    text.push_str("</tbody>\n</table></div>\n</section>\n");
}

fn understanding(text: &mut String, grid: &Grid<'_>) {
    text.push_str(
        "<section>\n<h2>Understanding this page</h2>\n<ul>\n\
         <li><b>Points</b> are specifications that differ in the values of the axes; repeats of one place differ in their seed alone, and are averaged in the figures.</li>\n\
         <li><b>Predicted</b> numbers come from theory before any network is drawn; <b>measured</b> ones from networks at initialisation. Neither knows the other.</li>\n\
         <li><b>Ratios</b> of gradients are norms of dL/dW of the first layer over that of the last: below one the gradient vanishes on its way back, above one it explodes.</li>\n\
         <li><b>Standard errors</b> are over trials, independent networks; where a point has none, over repeats.</li>\n",
    );
    let version = env!("CARGO_PKG_VERSION");
    let _ = write!(
        text,
        "</ul>\n<p class=\"note\">Drawn by gradspectra {version} from {}. The figures are also files beside this page; \
         <code>data.json</code> holds every number of it.</p>\n</section>\n",
        words::count(grid.results.points.len(), "point", "points")
    );
}
