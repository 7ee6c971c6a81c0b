//! A law, sampled for its table and figure.

use std::f64::consts::LN_10;

use serde::Serialize;

use crate::law::{Atom, Law, Support, Variable};

/// Density and distribution of a law on a grid.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct LawSheet {
    /// The law in one line.
    pub title: String,
    /// What it is the law of.
    pub variable: Variable,
    /// Under which hypotheses.
    pub hypotheses: String,
    /// Where it comes from.
    pub source: String,
    /// Support of the continuous part.
    pub support: Support,
    /// Atoms.
    pub atoms: Vec<Atom>,
    /// Increasing: log10 of a positive variable, else the variable.
    pub grid: Vec<f64>,
    /// Density of the continuous part: per decade of a positive variable, else per unit.
    pub density: Vec<f64>,
    /// Distribution function, atoms included.
    pub distribution: Vec<f64>,
}

/// Share of the continuous part that is left out at an end of the grid where the support is not bounded on its axis.
const LEFT_OUT: f64 = 1e-5;

impl LawSheet {
    /// The law at `points >= 2` equidistant places of its axis, from the lowest to the highest that matter.
    pub fn new(law: &dyn Law, points: usize) -> Self {
        let variable = law.variable();
        let positive = variable.is_positive();
        let atoms = law.atoms();
        let continuous = 1.0 - atoms.iter().map(|atom| atom.mass).sum::<f64>();
        let support = law.support();
        let quantile = |p: f64| if positive { law.ln_quantile(p) / LN_10 } else { law.quantile(p) };
        // The atom at 0 has no place on a logarithmic axis.
        let bottom =
            if positive { atoms.iter().filter(|atom| atom.at == 0.0).map(|atom| atom.mass).sum() } else { 0.0 };
        let (mut low, mut high) = (
            quantile(bottom + continuous.max(0.0) * LEFT_OUT),
            if positive { law.ln_upper_edge() / LN_10 } else { support.high },
        );
        let lowest = if positive { support.low.log10() } else { support.low };
        if lowest.is_finite() && (!positive || low - lowest < 1.0) {
            low = lowest;
        }
        if !high.is_finite() {
            high = quantile(1.0 - continuous.max(0.0) * LEFT_OUT);
        }
        for atom in atoms.iter().filter(|atom| !positive || atom.at > 0.0) {
            let at = if positive { atom.at.log10() } else { atom.at };
            (low, high) = (low.min(at), high.max(at));
        }
        if low >= high || !low.is_finite() || !high.is_finite() {
            // One atom: some room around it.
            let centre = if high.is_finite() { high } else { 0.0 };
            (low, high) = (centre - 1.0, centre + 1.0);
        }
        let step = (high - low) / (points - 1) as f64;
        let grid: Vec<f64> = (0..points).map(|k| if k + 1 == points { high } else { low + step * k as f64 }).collect();
        let density = |x: f64| if positive { law.pdf_of_ln(x * LN_10) * LN_10 } else { law.pdf(x) };
        let distribution = |x: f64| if positive { law.cdf_of_ln(x * LN_10) } else { law.cdf(x) };
        Self {
            title: law.title(),
            variable,
            hypotheses: law.hypotheses().to_owned(),
            source: law.source().to_owned(),
            support,
            density: grid.iter().map(|&x| density(x)).collect(),
            distribution: grid.iter().map(|&x| distribution(x)).collect(),
            atoms,
            grid,
        }
    }

    /// As CSV, one row a point of the grid.
    pub fn to_csv(&self) -> String {
        let rows = self.grid.iter().zip(&self.density).zip(&self.distribution);
        if self.variable.is_positive() {
            let row = |((log10, density), distribution): ((&f64, &f64), &f64)| {
                let x = 10f64.powf(*log10);
                format!("{log10},{x},{},{density},{distribution}\n", density / (x * LN_10))
            };
            std::iter::once("log10_x,x,pdf,pdf_per_decade,cdf\n".to_owned()).chain(rows.map(row)).collect()
        } else {
            let row = |((x, density), distribution): ((&f64, &f64), &f64)| format!("{x},{density},{distribution}\n");
            std::iter::once("x,pdf,cdf\n".to_owned()).chain(rows.map(row)).collect()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::law::{LAWS, Parameters, build};

    #[test]
    fn the_grid_of_a_law_carries_its_mass() {
        let law = build("marchenko_pastur", &Parameters { ratio: Some(2.0), ..Parameters::default() }).expect("valid");
        let sheet = LawSheet::new(&*law, 4000);
        let step = sheet.grid[1] - sheet.grid[0];
        let mass: f64 = sheet.density.iter().map(|density| density * step).sum();
        assert!((mass - 0.5).abs() < 1e-4, "{mass}");
        assert_eq!((sheet.distribution[0], sheet.distribution[3999]), (0.5, 1.0));
        assert_eq!(sheet.to_csv().lines().count(), 4001);
        assert!(!LAWS.is_empty());
    }
}
