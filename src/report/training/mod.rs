//! The page about a training: what the gradients, updates and units of a network did from step to step, drawn from its log.
//!
//! [`TRAINING_FIGURES`] is the registry: a new figure is one file and one line there.

mod course;
mod fans;
mod gradient_flow;
mod heat;
mod page;
mod series;
mod steps;
mod theory;
mod units;
mod updates;
mod words;

use super::theme::DrawingError;
use super::{FigureError, ReportFile};
use crate::watch::Log;

pub use series::Training;
pub use words::finding as training_finding;

/// One figure of the page about a training.
pub struct TrainingFigure {
    /// File name without extension.
    pub name: &'static str,
    /// Where on the page it stands.
    pub section: TrainingSection,
    /// The finding, as the title.
    pub title: fn(&Training<'_>) -> String,
    /// What to look for, and under which hypotheses.
    pub caption: fn(&Training<'_>) -> String,
    /// Whether the log has what it shows.
    pub applies: fn(&Training<'_>) -> bool,
    /// The SVG.
    draw: fn(&Training<'_>) -> Result<String, DrawingError>,
}

impl std::fmt::Debug for TrainingFigure {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("TrainingFigure").field("name", &self.name).finish_non_exhaustive()
    }
}

/// A part of the page about a training.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TrainingSection {
    /// Loss, alerts, step sizes.
    Course,
    /// Gradients by layer and step.
    Gradients,
    /// Weights and units.
    Movement,
}

/// Every figure, by section, in the order of the page.
pub const TRAINING_FIGURES: &[TrainingFigure] = &[
    TrainingFigure {
        name: "course",
        section: TrainingSection::Course,
        title: course::title,
        caption: course::caption,
        applies: course::applies,
        draw: course::draw,
    },
    TrainingFigure {
        name: "gradient_flow",
        section: TrainingSection::Gradients,
        title: gradient_flow::title,
        caption: gradient_flow::caption,
        applies: gradient_flow::applies,
        draw: gradient_flow::draw,
    },
    TrainingFigure {
        name: "norm_fans",
        section: TrainingSection::Gradients,
        title: fans::title,
        caption: fans::caption,
        applies: gradient_flow::applies,
        draw: fans::draw,
    },
    TrainingFigure {
        name: "theory",
        section: TrainingSection::Gradients,
        title: theory::title,
        caption: theory::caption,
        applies: theory::applies,
        draw: theory::draw,
    },
    TrainingFigure {
        name: "updates",
        section: TrainingSection::Movement,
        title: updates::title,
        caption: updates::caption,
        applies: updates::applies,
        draw: updates::draw,
    },
    TrainingFigure {
        name: "units",
        section: TrainingSection::Movement,
        title: units::title,
        caption: units::caption,
        applies: units::applies,
        draw: units::draw,
    },
];

/// The files of the page about a training: `index.html` (self-contained) and one SVG a figure. Figures without data in the log are left out.
///
/// # Errors
///
/// [`FigureError`] names the figure.
pub fn render_log(log: &Log) -> Result<Vec<ReportFile>, FigureError> {
    let training = Training::of(log);
    let figures = TRAINING_FIGURES
        .iter()
        .filter(|figure| (figure.applies)(&training))
        .map(|figure| {
            let svg = (figure.draw)(&training).map_err(|source| FigureError { figure: figure.name, source })?;
            Ok((figure, svg))
        })
        .collect::<Result<Vec<_>, FigureError>>()?;
    let mut files = vec![ReportFile { name: "index.html".to_owned(), text: page::page(&training, &figures) }];
    files.extend(figures.into_iter().map(|(figure, text)| ReportFile { name: format!("{}.svg", figure.name), text }));
    Ok(files)
}
