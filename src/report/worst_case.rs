//! The worst case beside what happens.

use plotters::prelude::*;

use super::theme::{self, Axis, DrawingError, Legend, Symbol};
use super::words;
use crate::measure::Spectra;
use crate::spec::Quantity;
use crate::study::{SpectraOrReason, Study};

const SIGNAL: Quantity = Quantity::PreActivationGradientNorms;

pub(super) fn applies(study: &Study) -> bool {
    study.depth() > 1 && !bounds(study).is_empty() && study.measured_log10_ratio(SIGNAL).is_some()
}

fn spectra(study: &Study) -> Option<&Spectra> {
    match &study.spectra {
        SpectraOrReason::Spectra(spectra) => Some(spectra),
        SpectraOrReason::Withheld(_) => None,
    }
}

/// log10 of the bound on |dL/dh_l| / |dL/dh_L|, with and without the weights, by layer.
pub(super) fn bounds(study: &Study) -> Vec<(usize, f64, f64)> {
    let Some(spectra) = spectra(study) else { return Vec::new() };
    let (mut bound, mut slopes) = (0.0, 0.0);
    let mut bounds = vec![(study.depth(), 0.0, 0.0)];
    for layer in (1..study.depth()).rev() {
        // delta_l = D_l W_{l+1}^T delta_{l+1}.
        let above = spectra.norms[layer].log10_spectral_norm;
        // Without a bound on the slopes there is none on the gradient.
        let Some(slope) = spectra.norms[layer - 1].log10_derivative_sup else { return Vec::new() };
        slopes += slope;
        bound += above + slope;
        bounds.push((layer, bound, slopes));
    }
    bounds.reverse();
    bounds
}

pub(super) fn title(study: &Study) -> String {
    let first = bounds(study).first().copied();
    match first.zip(study.measured_log10_ratio(SIGNAL)) {
        Some(((_, bound, _), measured)) => {
            format!("The worst case allows {} here; what happens is {}", words::ratio(bound), words::ratio(measured))
        }
        None => "The worst case beside what happens".to_owned(),
    }
}

pub(super) fn caption(study: &Study) -> String {
    let sup = spectra(study)
        .and_then(|spectra| spectra.norms.first())
        .and_then(|norm| norm.log10_derivative_sup)
        .map_or(1.0, |sup| 10f64.powf(sup));
    let norm = spectra(study)
        .and_then(|spectra| spectra.norms.last())
        .map_or(1.0, |norm| 10f64.powf(norm.log10_spectral_norm));
    let layers = &study.layers[..study.depth()];
    let sigma_w = layers.iter().map(|layer| layer.sigma_w).fold(0.0, f64::max);
    let limit: Option<Vec<f64>> = study.log10_spectral_norms.iter().copied().collect();
    let limit = limit.map_or_else(
        || "beyond any bound".to_owned(),
        |norms| words::significant(10f64.powf(norms.into_iter().fold(f64::NEG_INFINITY, f64::max))),
    );
    let mut text = format!(
        "|dL/dh| relative to the last layer, log scale. Green dashes: the bound, the product of the measured spectral norms |W| and of \
         sup |phi'| over the layers above. Grey dashes: sup |phi'| = {} alone, to the power of the number of layers, which leaves out \
         that each W also multiplies, here by up to {} (its norm; {} at infinite width) and by sigma_w = {} in the mean square. Neither is what \
         happens: the bound needs every layer to meet its worst direction, the other that W does nothing and every unit has its steepest slope. \
         In the mean square it is sigma_w^2 E phi'^2 a layer.",
        words::significant(sup),
        words::significant(norm),
        limit,
        words::significant(sigma_w),
    );
    if bounds(study).first().is_some_and(|(_, bound, _)| *bound < 0.0) {
        text.push_str(" Here even the worst case decays: every direction vanishes.");
    }
    text
}

pub(super) fn draw(study: &Study) -> Result<String, DrawingError> {
    let bounds = bounds(study);
    let relative = |at: &dyn Fn(usize) -> Option<f64>| -> Vec<(f64, f64)> {
        let last = at(study.depth()).unwrap_or(0.0);
        (1..=study.depth()).filter_map(|layer| Some((layer as f64, at(layer)? - last))).collect()
    };
    let predicted = relative(&|layer| study.predictions.get(SIGNAL, layer)?.log10_rms);
    let measured = relative(&|layer| study.measurements.get(SIGNAL, layer)?.log10_rms);
    let lines: [Vec<(f64, f64)>; 2] = [
        bounds.iter().map(|(layer, bound, _)| (*layer as f64, *bound)).collect(),
        bounds.iter().map(|(layer, _, slopes)| (*layer as f64, *slopes)).collect(),
    ];
    let mut entries = vec![
        (Symbol::Dashed, theme::LIMIT, "bound: product of |W| sup |phi'|"),
        (Symbol::Dashed, theme::SHADE, "sup |phi'| alone"),
        (Symbol::Point, theme::MEASUREMENT, "measured"),
    ];
    if !predicted.is_empty() {
        entries.push((Symbol::Line, theme::PREDICTION, "predicted"));
    }
    let legend = Legend::new(entries);
    let values = lines.iter().chain([&predicted, &measured]).flatten().map(|point| point.1);
    let (low, high) = theme::padded_span(values, 0.06, 0.6).unwrap_or((-1.0, 1.0));
    theme::svg(theme::TITLE_HEIGHT + legend.height() + 400, &title(study), |area| {
        let (top, plot) = area.split_vertically(legend.height() * theme::UNIT);
        legend.draw(&top)?;
        let mut chart = theme::chart(&plot, Axis::whole(1, study.depth()), Axis::log10(low, high), true)?;
        theme::mesh(&mut chart, Some("layer (1 = next to the input)"), "dL/dh, relative to the last layer")?;
        for (line, colour) in lines.iter().zip([theme::LIMIT, theme::SHADE]) {
            theme::dashed(&mut chart, line, colour)?;
        }
        chart.draw_series([PathElement::new(predicted, theme::PREDICTION.stroke_width(theme::THICK))])?;
        let size = if study.depth() > 60 { theme::POINT / 2 } else { theme::POINT };
        chart.draw_series(measured.into_iter().map(|at| Circle::new(at, size, theme::MEASUREMENT.filled())))?;
        Ok(())
    })
}
