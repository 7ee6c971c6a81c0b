//! Singular values and eigenvalues of products by depth.

use plotters::prelude::*;

use super::theme::{self, Area, Axis, DrawingError, Legend, Symbol};
use super::words;
use crate::measure::{MeanSpectrum, Spectra};
use crate::study::{SpectraOrReason, Study};

pub(super) fn applies(study: &Study) -> bool {
    spectra(study)
        .is_some_and(|spectra| spectra.depths.iter().any(|depth| !depth.jacobian.log10_singular_values.is_empty()))
}

fn spectra(study: &Study) -> Option<&Spectra> {
    match &study.spectra {
        SpectraOrReason::Spectra(spectra) => Some(spectra),
        SpectraOrReason::Withheld(_) => None,
    }
}

pub(super) fn title(study: &Study) -> String {
    let span = spectra(study).and_then(|spectra| {
        let last = &spectra.depths.last()?.jacobian.log10_singular_values;
        Some((last.first()? - last.last()?, spectra.depths.last()?.depth))
    });
    match span {
        Some((span, depth)) => {
            format!("After {depth} layers the Jacobian\u{2019}s singular values span {span:.0} decades")
        }
        None => "Singular values and eigenvalues by depth".to_owned(),
    }
}

pub(super) fn caption(study: &Study) -> String {
    let Some(spectra) = spectra(study) else { return String::new() };
    let mut text = format!(
        "Left: product of the weights W_l \u{2026} W_1; right: input-output Jacobian D_l W_l \u{2026} D_1 W_1 at one sample, over {} networks. Points: mean of \
         log10 of the i-th largest singular value; thin lines: moduli of the eigenvalues above 1e-13 of the largest singular value (none where \
         the product is not square). It is singular values that stretch a gradient; where the eigenvalues lie below them, a direction can grow \
         although every eigenvalue shrinks.",
        spectra.networks
    );
    if lost(spectra) > 0 {
        text.push_str(&format!(
            " Grey dashes, right: the singular values of the first network\u{2019}s Jacobian from the explicit product in double precision, whose smallest {} are rounding (off by more \
             than a factor of two): small ones need the factors one by one.",
            lost(spectra)
        ));
    }
    text
}

/// Singular values of the first network that the explicit product gets wrong by more than a factor of two.
pub(super) fn lost(spectra: &Spectra) -> usize {
    let wrong = |(chain, plain): (&Option<f64>, &Option<f64>)| match (chain, plain) {
        (Some(chain), Some(plain)) => (chain - plain).abs() > std::f64::consts::LOG10_2,
        (Some(_), None) => true,
        _ => false,
    };
    spectra.chain.iter().zip(&spectra.plain).filter(|pair| wrong(*pair)).count()
}

pub(super) fn draw(study: &Study) -> Result<String, DrawingError> {
    let Some(spectra) = spectra(study) else { return Ok(String::new()) };
    let labels: Vec<String> = spectra
        .depths
        .iter()
        .map(|depth| if depth.depth == 1 { "1 layer".to_owned() } else { format!("{} layers", depth.depth) })
        .collect();
    let mut entries: Vec<(Symbol, RGBColor, &str)> =
        labels.iter().zip(theme::DEPTHS).map(|(label, colour)| (Symbol::Point, colour, label.as_str())).collect();
    entries.push((Symbol::Thin, theme::SHADE, "eigenvalues"));
    let plain_shown = lost(spectra) > 0;
    if plain_shown {
        entries.push((Symbol::Dashed, theme::SHADE, "explicit product in f64"));
    }
    let legend = Legend::new(entries);
    theme::svg(theme::TITLE_HEIGHT + legend.height() + 460, &title(study), |area| {
        let (top, plots) = area.split_vertically(legend.height() * theme::UNIT);
        legend.draw(&top)?;
        let (left, right) = plots.split_horizontally(480 * theme::UNIT);
        let weights: Vec<&MeanSpectrum> = spectra.depths.iter().map(|depth| &depth.weights).collect();
        let jacobian: Vec<&MeanSpectrum> = spectra.depths.iter().map(|depth| &depth.jacobian).collect();
        panel(&left, &weights, &[], "weights: singular values")?;
        let plain: Vec<f64> = if plain_shown {
            // Beyond the reach of the others the dashes say nothing more.
            spectra.plain.iter().map_while(|value| *value).collect()
        } else {
            Vec::new()
        };
        panel(&right, &jacobian, &plain, "Jacobian: singular values")
    })
}

fn panel(area: &Area<'_>, spectra: &[&MeanSpectrum], plain: &[f64], name: &str) -> Result<(), DrawingError> {
    let size = spectra.iter().map(|spectrum| spectrum.size).max().unwrap_or(1).max(2);
    let values = spectra
        .iter()
        .flat_map(|spectrum| spectrum.log10_singular_values.iter().chain(&spectrum.log10_eigenvalue_moduli))
        .chain(plain)
        .copied();
    let Some((low, high)) = theme::padded_span(values, 0.05, 0.6) else { return Ok(()) };
    let mut chart = theme::chart(area, Axis::whole(1, size), Axis::log10(low, high), true)?;
    theme::mesh(&mut chart, Some("index i, from the largest"), name)?;
    let indexed = |values: &[f64]| values.iter().enumerate().map(|(i, y)| ((i + 1) as f64, *y)).collect::<Vec<_>>();
    theme::dashed(&mut chart, &indexed(plain), theme::SHADE)?;
    let radius = if size > 120 { theme::POINT / 4 } else { theme::POINT / 2 };
    for (spectrum, colour) in spectra.iter().zip(theme::DEPTHS.iter().cycle()) {
        let eigenvalues = indexed(&spectrum.log10_eigenvalue_moduli);
        chart.draw_series([PathElement::new(eigenvalues, colour.mix(0.7).stroke_width(theme::THIN))])?;
        let points = indexed(&spectrum.log10_singular_values);
        chart.draw_series(points.into_iter().map(|at| Circle::new(at, radius, colour.filled())))?;
    }
    Ok(())
}

/// The finding as a sentence for the page.
pub(super) fn sentence(study: &Study) -> Option<String> {
    let last = spectra(study)?.depths.last()?;
    let (singular, eigen) =
        (last.weights.log10_singular_values.first()?, last.weights.log10_eigenvalue_moduli.first()?);
    Some(format!(
        "The product of all {} weight matrices has a largest singular value of {} and a spectral radius of {}: {} times less.",
        last.depth,
        words::power(*singular),
        words::power(*eigen),
        words::significant(10f64.powf(singular - eigen))
    ))
}
