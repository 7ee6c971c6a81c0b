//! The argument about eigenvalues: what is said, what is true, and which criteria are right.

use std::fmt::Write as _;

use super::super::html::escape;
use super::super::words::{power, significant};
use crate::study::EigenvalueCases;

/// A statement, whether it holds, and the numbers that say so.
struct Row {
    says: &'static str,
    verdict: &'static str,
    numbers: String,
}

/// The section as HTML: the statements, then the criteria that are right.
pub(in super::super) fn section(cases: &EigenvalueCases) -> String {
    let mut text = String::from(
        "<p>\u{201c}A gradient is multiplied by W once a layer; if the eigenvalues of W are below 1 it vanishes, if they are above 1 it explodes.\u{201d} \
         The argument is right for the <i>same</i> matrix applied again and again, for long enough, and, below 1, for symmetric (normal) matrices. A layer\u{2019}s matrix is another one in every layer, \
         and what stretches a vector is singular values. Random matrices are far from normal.</p>\n\
         <div class=\"scroll\"><table class=\"claims\">\n<thead><tr><th>what is said</th><th>verdict</th><th>numbers</th></tr></thead>\n<tbody>\n",
    );
    for row in rows(cases) {
        let _ = writeln!(
            text,
            "<tr><td>{}</td><td><b>{}</b></td><td>{}</td></tr>",
            escape(row.says),
            escape(row.verdict),
            escape(&row.numbers)
        );
    }
    text.push_str(
        "</tbody>\n</table></div>\n<p>What decides instead:</p>\n<ul>\n\
         <li><b>Sufficient for vanishing:</b> sup|\u{3c6}\u{2032}| times the largest <i>singular</i> value of W below one number &lt; 1 in every layer (Pascanu et al. 2013). The same with the \
         spectral radius is not enough.</li>\n\
         <li><b>Mean square:</b> \u{3c7} = \u{3c3}_w\u{b2} E \u{3c6}\u{2032}\u{b2} is the factor a layer of E|gradient|\u{b2} in wide networks: above 1 it explodes, below 1 it vanishes.</li>\n\
         <li><b>Typical network:</b> the largest Lyapunov exponent \u{3bc}_1 is the growth of ln |gradient| a layer in almost every network: below \u{bd} ln \u{3c7}, by \
         about 1/(2n) for linear and 5/(4n) for ReLU layers. Between the two a mean square that holds goes with gradients that vanish.</li>\n\
         <li><b>Tied weights</b> (recurrent networks): the spectral radius, after a transient of some n steps.</li>\n</ul>\n",
    );
    text
}

/// Ratios of a norm to a radius, and of a measured to a claimed growth, that still count as agreement.
const AGREEMENT: f64 = 1.2;

fn rows(cases: &EigenvalueCases) -> Vec<Row> {
    let mut rows = Vec::new();
    let stretches = |norm: f64, radius: f64| if norm > AGREEMENT * radius { "false" } else { "not contradicted here" };
    for (panel, says) in cases.plane.panels.iter().zip([
        "The eigenvalues of W tell how much W stretches.",
        "The eigenvalues of a product tell how much it stretches.",
    ]) {
        let what = if panel.factors == 1 {
            format!("one Gaussian matrix of {n} x {n}", n = cases.plane.width)
        } else {
            format!("{} factors", panel.factors)
        };
        rows.push(Row {
            says,
            verdict: stretches(panel.norm(), panel.radius()),
            numbers: format!(
                "{what}: radius {}, largest singular value {} (limits: 1 and {})",
                significant(panel.radius()),
                significant(panel.norm()),
                significant(panel.edge)
            ),
        });
    }
    for product in &cases.alternating {
        let ln_norm = product.ln_norms.last().copied().unwrap_or(0.0);
        let (small, grows) = (product.radii.iter().all(|radius| *radius < 1.0), ln_norm > 0.0);
        rows.push(Row {
            says: if small { "A spectral radius below 1 makes products vanish." } else { "A spectral radius above 1 makes products explode." },
            verdict: if small == grows { "false" } else { "not contradicted here" },
            numbers: format!(
                "{}, in turn: the norm of the product of {} is {}; the largest singular values of the factors are {} and {}",
                product.name,
                product.ln_norms.len(),
                power(ln_norm / std::f64::consts::LN_10),
                significant(product.norms[0]),
                significant(product.norms[1])
            ),
        });
    }
    let t = &cases.transient;
    let norms = || t.powers.iter().map(|p| (p.power, p.ln_norm.value));
    if let (Some((peak, highest)), Some((last, end))) =
        (norms().max_by(|a, b| a.1.total_cmp(&b.1)), norms().next_back())
    {
        rows.push(Row {
            says: "Powers of a matrix with spectral radius below 1 shrink.",
            verdict: match (highest > 0.0, end < 0.0) {
                (true, true) => "only in the end",
                (true, false) => "not within these powers",
                (false, _) => "true here",
            },
            numbers: format!(
                "radius {}: the norm of W^{peak} is {} on average, that of W^{last} {}",
                significant(t.ln_radius.value.exp()),
                significant(highest.exp()),
                significant(end.exp())
            ),
        });
    }
    let tied = &cases.tied;
    rows.push(Row {
        says: "With the same weights at every step, the spectral radius decides.",
        verdict: if tied.correlation() > 0.9 { "true in the long run" } else { "not seen here" },
        numbers: format!(
            "n = {}, {steps} steps: growth and {steps} ln radius have a correlation of {}; for independent weights, with the radius of the first one, {}",
            tied.width,
            significant(tied.correlation()),
            significant(tied.untied_correlation()).replace('-', "\u{2212}"),
            steps = tied.steps(),
        ),
    });
    rows
}
