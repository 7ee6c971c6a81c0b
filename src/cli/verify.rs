//! `gradspectra verify`: every claim with its negative controls.

use std::fmt::Write as _;
use std::process::ExitCode;

use serde::Serialize;

use super::console::Console;
use super::failure::Failure;
use crate::claims::{Claim, ClaimResult, Verdict, registry};
use crate::names;

/// Every claim of the project, with its negative controls
///
/// A claim is confirmed if the interval of measured minus predicted lies inside the error that was stated beforehand; its
/// controls, the nearest plausible mistakes, must be refuted by the same test. Exit code 1 if a claim is not confirmed or a
/// control not refuted.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// Only this claim, or all whose names begin with it
    #[arg(long, value_name = "ID")]
    only: Option<String>,

    /// List the claims without running them
    #[arg(long, conflicts_with = "only")]
    list: bool,
}

#[derive(Serialize)]
struct Document {
    claims: Vec<ClaimResult>,
}

#[derive(Serialize)]
struct Listed {
    id: String,
    statement: String,
}

#[derive(Serialize)]
struct Listing {
    claims: Vec<Listed>,
}

pub(super) fn run(arguments: &Arguments, console: &Console) -> Result<ExitCode, Failure> {
    let claims = selected(arguments)?;
    if arguments.list {
        let listed = claims.iter().map(|claim| Listed { id: claim.id(), statement: claim.statement() });
        let listing = Listing { claims: listed.collect() };
        console.result(&listing, || {
            listing.claims.iter().map(|claim| format!("{:32} {}\n", claim.id, claim.statement)).collect()
        })?;
        return Ok(ExitCode::SUCCESS);
    }
    let mut results = Vec::new();
    for claim in claims {
        console.note(&format!("verifying {}", claim.id()));
        results.push(claim.run(console)?);
    }
    let all_good = results.iter().all(|claim| claim.verdict == Verdict::Confirmed && claim.control_refuted);
    let document = Document { claims: results };
    console.result(&document, || text(&document.claims))?;
    Ok(if all_good { ExitCode::SUCCESS } else { ExitCode::from(1) })
}

fn selected(arguments: &Arguments) -> Result<Vec<Box<dyn Claim>>, Failure> {
    let all = registry();
    let Some(only) = &arguments.only else { return Ok(all) };
    let ids: Vec<String> = all.iter().map(|claim| claim.id()).collect();
    let chosen: Vec<Box<dyn Claim>> = all.into_iter().filter(|claim| claim.id().starts_with(only.as_str())).collect();
    if only.is_empty() || chosen.is_empty() {
        let suggestion = names::suggestion(only, ids.iter().map(String::as_str));
        return Err(Failure::input(anyhow::anyhow!("--only `{only}`: no such claim; {suggestion}")));
    }
    Ok(chosen)
}

fn text(claims: &[ClaimResult]) -> String {
    let mut text = String::new();
    for claim in claims {
        let _ = writeln!(text, "{:<13} {}: {}", claim.verdict.to_string(), claim.id, claim.statement);
        let _ = writeln!(
            text,
            "              predicted {}, measured {}{}, allowed error {:.2e} ({})",
            digits(claim.predicted),
            digits(claim.measured),
            if claim.standard_error > 0.0 { format!(" +- {:.1e}", claim.standard_error) } else { String::new() },
            claim.stated_error,
            claim.unit
        );
        let _ = writeln!(text, "              {}", claim.criterion);
        for control in &claim.controls {
            let _ = writeln!(
                text,
                "              control {}: {} (power {:.3})",
                control.verdict, control.mistake, control.power
            );
        }
        text.push('\n');
    }
    let confirmed = claims.iter().filter(|claim| claim.verdict == Verdict::Confirmed).count();
    let refuted = claims.iter().filter(|claim| claim.control_refuted).count();
    let _ = writeln!(
        text,
        "{confirmed} of {} claims confirmed, the controls of {refuted} refuted as they must be",
        claims.len()
    );
    text
}

fn digits(value: f64) -> String {
    if value != 0.0 && value.abs() < 1e-3 { format!("{value:.2e}") } else { format!("{value:.6}") }
}
