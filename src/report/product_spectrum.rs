//! Singular values of the product of the weights, where the specification asks for them.

use super::by_depth::{self, End, SpectrumCurve};
use super::theme::{self, DrawingError, Legend};
use crate::measure::{ProductSpectrum, SingularValue};
use crate::predict::ProductSpectrumPrediction;
use crate::study::Study;

pub(super) fn applies(study: &Study) -> bool {
    !study.product_spectrum.is_empty()
}

/// The largest and the smallest singular value that have a mean.
fn ends(spectrum: &ProductSpectrum) -> Option<[&SingularValue; 2]> {
    let mut values = spectrum.log10_singular_values.iter().filter(|value| value.mean.is_some());
    let largest = values.next()?;
    Some([largest, values.next_back().unwrap_or(largest)])
}

fn layers(depth: usize) -> String {
    if depth == 1 { "1 layer".to_owned() } else { format!("{depth} layers") }
}

pub(super) fn title(study: &Study) -> String {
    let Some(last) = study.product_spectrum.last() else { return "Singular values of the weights".to_owned() };
    let span = ends(last).and_then(|[largest, smallest]| Some(largest.mean? - smallest.mean?));
    match span {
        Some(span) => {
            format!("The weights of {} multiply to singular values over {span:.1} decades", layers(last.depth))
        }
        None => format!("The weights of {} multiply to zero", layers(last.depth)),
    }
}

pub(super) fn caption(study: &Study) -> String {
    let Some(last) = study.product_spectrum.last() else { return String::new() };
    let mut text = format!(
        "Singular values of the product of the weights W_l \u{2026} W_1 without the slopes of the activations, over {} networks (seed {}). Left: mean of \
         log10 of the i-th largest at {}; bands: three standard errors. Right: the ends of the spectrum against depth; dashed: where \
         number formats end, and 10^-16 of the largest, below which an explicit product in f64 has rounding errors only. Look for the depth \
         at which the lower end crosses a dashed line.",
        last.trials,
        last.seed,
        match study.product_spectrum.len() {
            1 => "this depth".to_owned(),
            count => format!("{count} depths, the deepest in black"),
        }
    );
    let predictions = &study.predictions.product_spectra;
    if predictions.iter().any(|prediction| !is_deep(prediction)) {
        text.push_str(" Lines: the law of infinite width at this depth (free product of the layers\u{2019} laws).");
    }
    if predictions.iter().any(is_deep) {
        text.push_str(
            " Lines of products deeper than wide: the limit of infinite depth at this width (Lyapunov exponents and offsets); at a depth near the \
             width neither is exact.",
        );
    }
    let zeros = last.log10_singular_values.iter().filter(|value| value.zeros > 0).count();
    if zeros > 0 {
        text.push_str(&format!(
            " {zeros} of the {} are exactly zero in some network; means are over the others.",
            last.log10_singular_values.len()
        ));
    }
    let undetermined = last.log10_singular_values.iter().filter(|value| value.undetermined > 0).count();
    if undetermined > 0 {
        text.push_str(&format!(
            " {undetermined} are in some network of the size of rounding errors: the weights in f64 do not determine them, and they are left out."
        ));
    }
    text
}

pub(super) fn draw(study: &Study) -> Result<String, DrawingError> {
    let spectra = &study.product_spectrum;
    let curves: Vec<SpectrumCurve> = spectra.iter().map(|spectrum| curve(study, spectrum)).collect();
    let mut entries = by_depth::entries(&curves, "");
    entries.extend(by_depth::ENDS);
    let legend = Legend::new(entries);
    theme::svg(theme::TITLE_HEIGHT + legend.height() + 460, &title(study), |area| {
        let (top, plots) = area.split_vertically(legend.height() * theme::UNIT);
        legend.draw(&top)?;
        let (left, right) = plots.split_horizontally(480 * theme::UNIT);
        by_depth::spectrum_panel(&left, &curves, "singular value")?;
        let end = |k: usize| -> End {
            let point = |spectrum: &ProductSpectrum| {
                let value = ends(spectrum)?[k];
                Some((spectrum.depth as f64, value.mean?, three_errors(value)))
            };
            spectra.iter().filter_map(point).collect()
        };
        let depth = spectra.last().map_or(1, |spectrum| spectrum.depth);
        by_depth::range_panel(&right, depth, &end(0), &end(1), "largest and smallest")
    })
}

fn three_errors(value: &SingularValue) -> f64 {
    3.0 * value.standard_error.unwrap_or(0.0)
}

/// The prediction that is meant for this depth: that of infinite width up to the width, that of infinite depth beyond it if there is one.
fn predicted(prediction: &ProductSpectrumPrediction) -> Vec<(f64, f64)> {
    let indexed = |(i, value): (usize, Option<f64>)| Some(((i + 1) as f64, value?));
    match &prediction.log10_frozen {
        Some(frozen) if is_deep(prediction) => {
            frozen.iter().copied().map(Some).enumerate().filter_map(indexed).collect()
        }
        _ => prediction.log10_singular_values.iter().copied().enumerate().filter_map(indexed).collect(),
    }
}

fn is_deep(prediction: &ProductSpectrumPrediction) -> bool {
    prediction.depth_over_width > 1.0 && prediction.log10_frozen.is_some()
}

fn curve(study: &Study, spectrum: &ProductSpectrum) -> SpectrumCurve {
    let law = study.predictions.product_spectra.iter().find(|prediction| prediction.depth == spectrum.depth);
    let values = spectrum.log10_singular_values.iter().enumerate();
    SpectrumCurve {
        label: layers(spectrum.depth),
        size: spectrum.log10_singular_values.len(),
        points: values.filter_map(|(i, value)| Some(((i + 1) as f64, value.mean?, three_errors(value)))).collect(),
        undetermined: Vec::new(),
        plain: Vec::new(),
        law: law.map(predicted).unwrap_or_default(),
    }
}
