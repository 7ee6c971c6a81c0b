//! The page around the figures about spectra.

use std::fmt::Write as _;

use super::super::html::{self, FigureOnPage, escape};
use super::super::words::significant;
use super::{AtlasFigure, AtlasSection, myth};
use crate::study::Atlas;

/// The order of the page.
const SECTIONS: [(AtlasSection, &str); 4] = [
    (AtlasSection::Products, "Products of wide matrices"),
    (AtlasSection::Eigenvalues, "Do eigenvalues decide?"),
    (AtlasSection::Depth, "Deep products"),
    (AtlasSection::Extremes, "The largest and the smallest singular value"),
];

pub(super) fn page(atlas: &Atlas, figures: &[(&AtlasFigure, String)]) -> String {
    let mut text = html::head("Spectra of random products: laws and matrices");
    let _ = write!(
        text,
        "<h1>Spectra of random products</h1>\n<p class=\"finding\">{}.</p>\n<p>A gradient on its way back is multiplied by one matrix a layer. \
         What products of many random matrices do to a vector is known: for wide matrices in closed form, for deep products exactly. Here every law \
         stands beside matrices that were drawn.</p>\n",
        escape(&finding(atlas))
    );
    let mut number = 0;
    for (section, heading) in SECTIONS {
        let _ = write!(text, "<section>\n<h2>{heading}</h2>\n{}", intro(atlas, section));
        for (figure, svg) in figures.iter().filter(|(figure, _)| figure.section == section) {
            number += 1;
            text.push_str(&html::figure(&FigureOnPage {
                number,
                name: figure.name,
                svg,
                title: &(figure.title)(atlas),
                caption: &(figure.caption)(atlas),
            }));
        }
        text.push_str("</section>\n");
    }
    let _ = write!(
        text,
        "<section>\n<h2>Understanding this page</h2>\n<ul>\n\
         <li><b>Law.</b> A density or distribution function from theory, computed without the drawn matrices and without free parameters. \
         Limits hold for infinite size; exact laws for matrices of any size with Gaussian entries.</li>\n\
         <li><b>Singular values.</b> s_1 \u{2265} s_2 \u{2265} \u{2026}: the lengths of the half-axes of the ellipsoid that a product makes of the unit ball. \
         x = s\u{b2}. They repel each other, so those of one matrix are not independent samples: every error bar here is over \
         independent products.</li>\n\
         <li><b>Lyapunov exponent.</b> Growth of ln s_k per layer in the limit of infinite depth, in nats.</li>\n\
         <li><b>Numbers of any law:</b> <code>gradspectra law --help</code>. The verdicts on these laws, each with mistakes that it had to refute: \
         <code>gradspectra verify</code>.</li>\n</ul>\n\
         <p class=\"note\">Made by gradspectra {} with {}. The figures are also files beside this page; \
         <code>gradspectra report data.json</code> renders it again without recomputing.</p>\n</section>\n",
        escape(&atlas.version),
        escape(&atlas.blas_core)
    );
    text.push_str(html::FOOT);
    text
}

fn finding(atlas: &Atlas) -> String {
    let Some(last) = atlas.densities.products.last() else { return String::new() };
    format!(
        "The largest singular value of {} wide matrices grows to {}, the median falls to {}: a few directions explode while most vanish",
        last.factors,
        significant(10f64.powf(0.5 * last.log10_edge)),
        super::super::words::power(0.5 * last.log10_median)
    )
}

fn intro(atlas: &Atlas, section: AtlasSection) -> String {
    match section {
        AtlasSection::Products => products_table(atlas),
        AtlasSection::Eigenvalues => myth::section(&atlas.eigenvalues),
        AtlasSection::Depth => {
            let s = &atlas.staircase;
            format!(
                "<p>At fixed width n the singular values of a deep product freeze to ln s_k \u{2248} L \u{3bc}_k. The exponents are known exactly for Gaussian \
                 matrices; even the largest, {}, is below zero at n = {} and \u{3c3}_w = 1: a <i>typical</i> gradient vanishes although its mean square stays \
                 what it is.</p>\n",
                significant(s.newman[0]).replace('-', "\u{2212}"),
                s.width
            )
        }
        AtlasSection::Extremes => String::new(),
    }
}

fn products_table(atlas: &Atlas) -> String {
    let mut text = String::from(
        "<div class=\"scroll\"><table>\n<thead><tr><th>factors</th><th>largest s: limit</th><th>measured</th><th>median s: limit</th><th>measured</th>\
         <th>distance of the distributions</th></tr></thead>\n<tbody>\n",
    );
    for p in &atlas.densities.products {
        let half = |log10: f64| super::super::words::power(0.5 * log10);
        let _ = writeln!(
            text,
            "<tr><td>{}</td><td>{}</td><td>{}</td><td>{}</td><td>{}</td><td>{:.4}</td></tr>",
            p.factors,
            half(p.log10_edge),
            half(p.log10_largest.value),
            half(p.log10_median),
            half(p.measured_log10_median),
            p.distance
        );
    }
    let _ = writeln!(
        text,
        "</tbody>\n</table></div>\n<p class=\"note\">Matrices of {n} x {n}, variance of an entry 1/{n}. The distance is that of Kolmogorov and Smirnov, between the mean \
         distribution function and the law.</p>",
        n = atlas.densities.width
    );
    text
}
