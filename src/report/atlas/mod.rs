//! The page about spectra: laws beside matrices that were drawn, and the argument about eigenvalues.
//!
//! [`ATLAS_FIGURES`] is the registry: a new figure is one file and one line there.

mod crossover;
mod densities;
mod extremes;
pub(super) mod growth;
mod marks;
pub(super) mod myth;
mod page;
pub(super) mod plane;
mod staircase;

use super::theme::DrawingError;
use super::{FigureError, ReportFile};
use crate::study::Atlas;

/// One figure of the page about spectra.
pub struct AtlasFigure {
    /// File name without extension.
    pub name: &'static str,
    /// Where on the page it stands.
    pub section: AtlasSection,
    /// The finding, as the title.
    pub title: fn(&Atlas) -> String,
    /// What to look for, and under which hypotheses.
    pub caption: fn(&Atlas) -> String,
    /// The SVG.
    draw: fn(&Atlas) -> Result<String, DrawingError>,
}

impl std::fmt::Debug for AtlasFigure {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("AtlasFigure").field("name", &self.name).finish_non_exhaustive()
    }
}

/// A part of the page about spectra.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AtlasSection {
    /// Products of wide matrices.
    Products,
    /// The argument about eigenvalues.
    Eigenvalues,
    /// Deep products.
    Depth,
    /// Largest and smallest singular values.
    Extremes,
}

/// Every figure, by section, in the order of the page.
pub const ATLAS_FIGURES: &[AtlasFigure] = &[
    AtlasFigure {
        name: "densities",
        section: AtlasSection::Products,
        title: densities::title,
        caption: densities::caption,
        draw: densities::draw,
    },
    AtlasFigure {
        name: "convergence",
        section: AtlasSection::Products,
        title: densities::convergence_title,
        caption: densities::convergence_caption,
        draw: densities::draw_convergence,
    },
    AtlasFigure {
        name: "eigenvalue_plane",
        section: AtlasSection::Eigenvalues,
        title: |atlas| plane::title(&atlas.eigenvalues),
        caption: |atlas| plane::caption(&atlas.eigenvalues),
        draw: |atlas| plane::draw(&atlas.eigenvalues),
    },
    AtlasFigure {
        name: "eigenvalue_growth",
        section: AtlasSection::Eigenvalues,
        title: |atlas| growth::title(&atlas.eigenvalues),
        caption: |atlas| growth::caption(&atlas.eigenvalues),
        draw: |atlas| growth::draw(&atlas.eigenvalues),
    },
    AtlasFigure {
        name: "staircase",
        section: AtlasSection::Depth,
        title: staircase::title,
        caption: staircase::caption,
        draw: staircase::draw,
    },
    AtlasFigure {
        name: "crossover",
        section: AtlasSection::Depth,
        title: crossover::title,
        caption: crossover::caption,
        draw: crossover::draw,
    },
    AtlasFigure {
        name: "extremes",
        section: AtlasSection::Extremes,
        title: extremes::title,
        caption: extremes::caption,
        draw: extremes::draw,
    },
];

/// The files of the page about spectra: `index.html` (self-contained), one SVG a figure, and `data.json`, from which the same page
/// renders again.
///
/// # Errors
///
/// [`FigureError`] names the figure.
pub fn render_atlas(atlas: &Atlas) -> Result<Vec<ReportFile>, FigureError> {
    let figures = ATLAS_FIGURES
        .iter()
        .map(|figure| {
            let svg = (figure.draw)(atlas).map_err(|source| FigureError { figure: figure.name, source })?;
            Ok((figure, svg))
        })
        .collect::<Result<Vec<_>, FigureError>>()?;
    let mut files = vec![
        ReportFile { name: "index.html".to_owned(), text: page::page(atlas, &figures) },
        ReportFile { name: "data.json".to_owned(), text: atlas.to_json() },
    ];
    files.extend(figures.into_iter().map(|(figure, text)| ReportFile { name: format!("{}.svg", figure.name), text }));
    Ok(files)
}
