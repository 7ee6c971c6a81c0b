//! The page about a sweep: what it found over its grid, measured under predicted, finished or still running.
//!
//! [`SWEEP_FIGURES`] is the registry: a new figure is one file and one line there. Figures decide by the axes and the numbers of the sweep
//! whether they apply.

mod agreement;
mod cells;
mod colour;
mod contour;
mod curves;
mod depth_width;
mod disagreement;
mod grid;
mod heat_map;
mod multiples;
mod page;
mod places;
#[cfg(test)]
mod sample;
#[cfg(test)]
mod tests;
mod words;
mod zoo;

use super::theme::DrawingError;
use super::{FigureError, ReportFile};
use crate::sweep::SweepResults;

pub use grid::Grid;
pub use page::finding as sweep_finding;

/// One figure of the page about a sweep.
pub struct SweepFigure {
    /// File name without extension.
    pub name: &'static str,
    /// Where on the page it stands.
    pub section: SweepSection,
    /// The finding, as the title.
    pub title: fn(&Grid<'_>) -> String,
    /// What to look for, and under which hypotheses.
    pub caption: fn(&Grid<'_>) -> String,
    /// Whether the sweep has what it shows.
    pub applies: fn(&Grid<'_>) -> bool,
    /// The SVG.
    draw: fn(&Grid<'_>) -> Result<String, DrawingError>,
}

impl std::fmt::Debug for SweepFigure {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("SweepFigure").field("name", &self.name).finish_non_exhaustive()
    }
}

/// A part of the page about a sweep.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SweepSection {
    /// Networks at initialisation.
    Initialisation,
    /// Trainings.
    Training,
    /// Whether theory and experiment agree.
    Agreement,
}

/// Every figure, by section, in the order of the page.
pub const SWEEP_FIGURES: &[SweepFigure] = &[
    SweepFigure {
        name: "heat_map",
        section: SweepSection::Initialisation,
        title: heat_map::title,
        caption: heat_map::caption,
        applies: heat_map::applies,
        draw: heat_map::draw,
    },
    SweepFigure {
        name: "zoo",
        section: SweepSection::Initialisation,
        title: zoo::title,
        caption: zoo::caption,
        applies: zoo::applies,
        draw: zoo::draw,
    },
    SweepFigure {
        name: "places",
        section: SweepSection::Initialisation,
        title: places::title,
        caption: places::caption,
        applies: places::applies,
        draw: places::draw,
    },
    SweepFigure {
        name: "curves",
        section: SweepSection::Initialisation,
        title: curves::title,
        caption: curves::caption,
        applies: curves::applies,
        draw: curves::draw,
    },
    SweepFigure {
        name: "multiples",
        section: SweepSection::Initialisation,
        title: multiples::title,
        caption: multiples::caption,
        applies: multiples::applies,
        draw: multiples::draw,
    },
    SweepFigure {
        name: "depth_width",
        section: SweepSection::Initialisation,
        title: depth_width::title,
        caption: depth_width::caption,
        applies: depth_width::applies,
        draw: depth_width::draw,
    },
    SweepFigure {
        name: "training_map",
        section: SweepSection::Training,
        title: heat_map::training_title,
        caption: heat_map::training_caption,
        applies: heat_map::applies_to_training,
        draw: heat_map::draw_training,
    },
    SweepFigure {
        name: "training_curves",
        section: SweepSection::Training,
        title: curves::training_title,
        caption: curves::training_caption,
        applies: curves::applies_to_training,
        draw: curves::draw_training,
    },
    SweepFigure {
        name: "disagreement",
        section: SweepSection::Agreement,
        title: disagreement::title,
        caption: disagreement::caption,
        applies: disagreement::applies,
        draw: disagreement::draw,
    },
];

/// The files of the page about a sweep: `sweep.html` (self-contained), one SVG a figure, and `data.json`, the results from which the same page
/// renders again.
///
/// # Errors
///
/// [`FigureError`] names the figure.
pub fn render_sweep(results: &SweepResults) -> Result<Vec<ReportFile>, FigureError> {
    let grid = Grid::of(results);
    let figures = SWEEP_FIGURES
        .iter()
        .filter(|figure| (figure.applies)(&grid))
        .map(|figure| {
            let svg = (figure.draw)(&grid).map_err(|source| FigureError { figure: figure.name, source })?;
            Ok((figure, svg))
        })
        .collect::<Result<Vec<_>, FigureError>>()?;
    let data = results.to_json().map_err(|error| FigureError { figure: "data.json", source: error.into() })?;
    let mut files = vec![
        ReportFile { name: "sweep.html".to_owned(), text: page::page(&grid, &figures) },
        ReportFile { name: "data.json".to_owned(), text: data },
    ];
    files.extend(figures.into_iter().map(|(figure, text)| ReportFile { name: format!("{}.svg", figure.name), text }));
    Ok(files)
}
