//! Reports: figures of a study as SVG, and the page around them. Everything is drawn from the study alone; [`chain_figure`] from the
//! spectrum of a product.
//!
//! [`FIGURES`] is the registry: a new figure is one file and one line there; page, files and tests follow. The page about spectra has its own,
//! [`ATLAS_FIGURES`], and so have the page about a training, [`TRAINING_FIGURES`], and the page about a sweep, [`SWEEP_FIGURES`].

mod action;
mod activation;
mod atlas;
mod by_depth;
mod causes;
mod chain;
mod gains;
mod gradient_norms;
mod html;
mod law;
mod lesson;
mod phase;
mod product_spectrum;
mod sections;
mod spectra;
mod sweep;
mod theme;
mod training;
mod variants;
mod width;
mod words;
mod worst_case;

use crate::study::Study;

pub use atlas::{ATLAS_FIGURES, AtlasFigure, AtlasSection, render_atlas};
pub use chain::chain_figure;
pub use gains::gain_figure;
pub use html::page;
pub use law::law_figure;
pub use phase::{edges_figure, maps_figure, phase_figure};
pub use sweep::{Grid, SWEEP_FIGURES, SweepFigure, SweepSection, render_sweep, sweep_finding};
pub use training::{TRAINING_FIGURES, Training, TrainingFigure, TrainingSection, render_log, training_finding};
pub use words::finding;

/// One figure of a report.
pub struct Figure {
    /// File name without extension.
    pub name: &'static str,
    /// Where on the page it stands.
    pub section: Section,
    /// The finding, as the title.
    pub title: fn(&Study) -> String,
    /// What to look for, and under which hypotheses.
    pub caption: fn(&Study) -> String,
    /// Whether the study has what it shows.
    pub applies: fn(&Study) -> bool,
    /// The SVG.
    draw: fn(&Study) -> Result<String, theme::DrawingError>,
}

impl std::fmt::Debug for Figure {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Figure").field("name", &self.name).finish_non_exhaustive()
    }
}

/// A part of the page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Section {
    /// What happens.
    Profile,
    /// What to change.
    Action,
    /// Why it happens.
    Causes,
    /// The lesson's variants.
    Variants,
    /// Singular values and eigenvalues.
    Spectra,
    /// The argument about eigenvalues.
    Eigenvalues,
    /// Whether theory and experiment agree.
    Agreement,
}

/// Every figure, by section, in the order of the page.
pub const FIGURES: &[Figure] = &[
    Figure {
        name: "gradient_norms",
        section: Section::Profile,
        title: gradient_norms::title,
        caption: gradient_norms::caption,
        applies: gradient_norms::applies,
        draw: gradient_norms::draw,
    },
    Figure {
        name: "action",
        section: Section::Action,
        title: action::title,
        caption: action::caption,
        applies: action::applies,
        draw: action::draw,
    },
    Figure {
        name: "causes",
        section: Section::Causes,
        title: causes::title,
        caption: causes::caption,
        applies: causes::applies,
        draw: causes::draw,
    },
    Figure {
        name: "worst_case",
        section: Section::Causes,
        title: worst_case::title,
        caption: worst_case::caption,
        applies: worst_case::applies,
        draw: worst_case::draw,
    },
    Figure {
        name: "activation",
        section: Section::Causes,
        title: activation::title,
        caption: activation::caption,
        applies: |_| true,
        draw: activation::draw,
    },
    Figure {
        name: "variants",
        section: Section::Variants,
        title: variants::title,
        caption: variants::caption,
        applies: variants::applies,
        draw: variants::draw,
    },
    Figure {
        name: "spectra",
        section: Section::Spectra,
        title: spectra::title,
        caption: spectra::caption,
        applies: spectra::applies,
        draw: spectra::draw,
    },
    Figure {
        name: "eigenvalue_plane",
        section: Section::Eigenvalues,
        title: |study| study.eigenvalues.as_ref().map(atlas::plane::title).unwrap_or_default(),
        caption: |study| study.eigenvalues.as_ref().map(atlas::plane::caption).unwrap_or_default(),
        applies: |study| study.eigenvalues.is_some(),
        draw: |study| study.eigenvalues.as_ref().map_or_else(|| Ok(String::new()), atlas::plane::draw),
    },
    Figure {
        name: "eigenvalue_growth",
        section: Section::Eigenvalues,
        title: |study| study.eigenvalues.as_ref().map(atlas::growth::title).unwrap_or_default(),
        caption: |study| study.eigenvalues.as_ref().map(atlas::growth::caption).unwrap_or_default(),
        applies: |study| study.eigenvalues.is_some(),
        draw: |study| study.eigenvalues.as_ref().map_or_else(|| Ok(String::new()), atlas::growth::draw),
    },
    Figure {
        name: "product_spectrum",
        section: Section::Spectra,
        title: product_spectrum::title,
        caption: product_spectrum::caption,
        applies: product_spectrum::applies,
        draw: product_spectrum::draw,
    },
    Figure {
        name: "width",
        section: Section::Agreement,
        title: width::title,
        caption: width::caption,
        applies: width::applies,
        draw: width::draw,
    },
];

/// A figure that could not be drawn.
#[derive(Debug, thiserror::Error)]
#[error("the figure `{figure}` could not be drawn: {source}")]
pub struct FigureError {
    /// The figure.
    pub figure: &'static str,
    /// What the drawing library said.
    pub source: theme::DrawingError,
}

/// One file of a report.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReportFile {
    /// Name inside the report's directory.
    pub name: String,
    /// Its text.
    pub text: String,
}

/// The files of a report: `index.html` (self-contained), one SVG a figure, and `data.json`, from which the same page renders
/// again.
///
/// # Errors
///
/// [`FigureError`] names the figure.
pub fn render(study: &Study) -> Result<Vec<ReportFile>, FigureError> {
    let figures = FIGURES
        .iter()
        .filter(|figure| (figure.applies)(study))
        .map(|figure| {
            let svg = (figure.draw)(study).map_err(|source| FigureError { figure: figure.name, source })?;
            Ok((figure, svg))
        })
        .collect::<Result<Vec<_>, FigureError>>()?;
    let mut files = vec![
        ReportFile { name: "index.html".to_owned(), text: page(study, &figures) },
        ReportFile { name: "data.json".to_owned(), text: study.to_json() },
    ];
    files.extend(figures.into_iter().map(|(figure, text)| ReportFile { name: format!("{}.svg", figure.name), text }));
    Ok(files)
}
