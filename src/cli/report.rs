//! `gradspectra report`: the whole story of one network, or of the spectra of random products.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use serde::Serialize;

use super::Overrides;
use super::console::Console;
use super::failure::Failure;
use super::files::OutputDirectory;
use crate::claims::{ProfileVerdict, Verdict};
use crate::names::canonical;
use crate::report::{ReportFile, render, render_atlas};
use crate::spec::{Quantity, Spec};
use crate::study::{Atlas, Judgement, Study, StudyError};

/// The whole story of one network: prediction, measurement, verdict, figures
///
/// Writes index.html (self-contained; opens from disk), its figures as SVG, and data.json, from which the same page renders
/// again without recomputing: `gradspectra report DIR/data.json`. `gradspectra report laws` is the page about spectra of random products: every
/// law beside matrices that were drawn, and what eigenvalues do not tell.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// A TOML file, a built-in specification by name, `laws`, or the data.json of an earlier report
    #[arg(value_name = "SPEC | laws | data.json", default_value = "lesson")]
    source: String,

    /// Directory of the report [default: reports/NAME, for a data.json its own directory]
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,

    #[command(flatten)]
    overrides: Overrides,
}

#[derive(Serialize)]
struct Document {
    files: Vec<PathBuf>,
    verdicts: Vec<VerdictDocument>,
}

#[derive(Serialize)]
struct VerdictDocument {
    quantity: Quantity,
    verdict: Option<Verdict>,
    /// Why there is none.
    reason: Option<String>,
    stated_error: Option<f64>,
    control_refuted: Option<bool>,
}

impl VerdictDocument {
    fn of(judgement: &Judgement) -> Self {
        let profile = match judgement {
            Judgement::Judged(profile) => Some(profile),
            Judgement::Withheld(_) => None,
        };
        Self {
            quantity: Quantity::GradientNorms,
            verdict: profile.map(|profile| profile.verdict),
            reason: match judgement {
                Judgement::Judged(_) => None,
                Judgement::Withheld(reason) => Some(reason.clone()),
            },
            stated_error: profile.map(|profile| profile.stated_error),
            control_refuted: profile.map(ProfileVerdict::controls_refuted),
        }
    }
}

/// What a report is about.
enum Story {
    Network(Box<Study>),
    Laws(Box<Atlas>),
}

impl Story {
    fn render(&self) -> Result<Vec<ReportFile>, Failure> {
        match self {
            Self::Network(study) => render(study),
            Self::Laws(atlas) => render_atlas(atlas),
        }
        .map_err(Failure::numerical)
    }
}

/// The page about spectra, as the command line names it.
const LAWS: &str = "laws";

pub(super) fn run(arguments: &Arguments, console: &Console) -> Result<ExitCode, Failure> {
    let saved =
        Path::new(&arguments.source).extension().is_some_and(|extension| extension.eq_ignore_ascii_case("json"));
    let (story, directory) = if saved { load(arguments, console)? } else { compute(arguments, console)? };
    let files = story.render()?;
    let files = console
        .writing(|| directory.write(files.iter().map(|file| (file.name.as_str(), file.text.as_str()))), Result::is_ok)
        .map_err(Failure::Input)?;
    let verdicts = match &story {
        Story::Network(study) => vec![VerdictDocument::of(&study.gradient_verdict)],
        Story::Laws(_) => Vec::new(),
    };
    let document = Document { files, verdicts };
    console.result(&document, || match &story {
        Story::Network(study) => text(study, &document.files),
        Story::Laws(_) => format!("spectra of random products\nopen {}\n", page(&document.files)),
    })?;
    Ok(ExitCode::SUCCESS)
}

fn load(arguments: &Arguments, console: &Console) -> Result<(Story, OutputDirectory), Failure> {
    let file = Path::new(&arguments.source);
    if arguments.overrides.trials.is_some() || arguments.overrides.seed.is_some() {
        let message = format!("{}: --trials and --seed do not apply to a saved study", file.display());
        return Err(Failure::input(anyhow::anyhow!(message)));
    }
    let named = |error: anyhow::Error| Failure::Input(error.context(file.display().to_string()));
    let text = std::fs::read_to_string(file).map_err(|error| named(error.into()))?;
    let story = match Study::from_json(&text) {
        Err(StudyError::Format { found, .. }) if Atlas::is_format(&found) => {
            Story::Laws(Box::new(Atlas::from_json(&text).map_err(|error| named(error.into()))?))
        }
        study => Story::Network(Box::new(study.map_err(|error| named(error.into()))?)),
    };
    let beside = file.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let target = arguments.out.as_deref().unwrap_or(beside);
    Ok((story, console.writing(|| OutputDirectory::prepare(target), |_| false).map_err(Failure::Input)?))
}

fn compute(arguments: &Arguments, console: &Console) -> Result<(Story, OutputDirectory), Failure> {
    let prepare = |name: &str| {
        let target = arguments.out.clone().unwrap_or_else(|| Path::new("reports").join(name));
        // Before the work, not after it.
        console.writing(|| OutputDirectory::prepare(&target), |_| false).map_err(Failure::Input)
    };
    if canonical(&arguments.source) == LAWS {
        if arguments.overrides.trials.is_some() {
            return Err(Failure::input(anyhow::anyhow!("--trials does not apply to the page `{LAWS}`; --seed does")));
        }
        let directory = prepare(LAWS)?;
        let atlas = Atlas::run(arguments.overrides.seed.unwrap_or(1), console)?;
        return Ok((Story::Laws(Box::new(atlas)), directory));
    }
    let mut spec = Spec::load(&arguments.source).map_err(Failure::input)?;
    arguments.overrides.apply(&mut spec);
    let directory = prepare(&spec.name)?;
    Ok((Story::Network(Box::new(Study::run(&spec, console)?)), directory))
}

fn page(files: &[PathBuf]) -> String {
    let page = files.iter().find(|file| file.ends_with("index.html"));
    page.map_or_else(String::new, |file| file.display().to_string())
}

fn text(study: &Study, files: &[PathBuf]) -> String {
    let verdict = match &study.gradient_verdict {
        Judgement::Judged(profile) => profile.to_string(),
        Judgement::Withheld(reason) => format!("no verdict: {reason}"),
    };
    format!("{}\n{verdict}\nopen {}\n", crate::report::finding(study), page(files))
}
