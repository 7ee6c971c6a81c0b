//! `gradspectra report`: the whole story of one network, of a training by its log, or of the spectra of random products.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use serde::Serialize;

use super::Overrides;
use super::console::Console;
use super::failure::Failure;
use super::files::OutputDirectory;
use crate::claims::{ProfileVerdict, Verdict};
use crate::names::canonical;
use crate::report::{ReportFile, render, render_atlas, render_log, render_sweep, sweep_finding, training_finding};
use crate::spec::{BUILTIN_SPECS, Quantity, Spec};
use crate::study::{Atlas, Judgement, Study, StudyError};
use crate::sweep::{OpenSweep, SWEEP_FILE, SweepResults};
use crate::watch::{AlertRecord, Log};

/// The whole story of one network: prediction, measurement, verdict, figures
///
/// Writes index.html (self-contained; opens from disk), its figures as SVG, and data.json, from which the same page renders
/// again without recomputing: `gradspectra report DIR/data.json`. `gradspectra report laws` is the page about spectra of random products: every
/// law beside matrices that were drawn, and what eigenvalues do not tell. `gradspectra report RUN/log.jsonl`, or the directory that holds it, draws
/// a training from its log, whoever wrote it: docs/log_schema.md says what stands in one, docs/pytorch_watch.py writes one from PyTorch.
/// `gradspectra report DIR` of a sweep's directory draws what the sweep has found, finished or running.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// A TOML file, a built-in specification by name, `laws`, the data.json of an earlier report, the log of a training (.jsonl, or a
    /// directory with a log.jsonl), or the directory of a sweep
    #[arg(value_name = "SPEC | laws | data.json | LOG.jsonl | DIR", default_value = "lesson")]
    source: String,

    /// Directory of the report [default: reports/NAME; for a data.json its own directory; for RUN/log.jsonl RUN/report, for a sweep's DIR DIR/report, for any other
    /// NAME.jsonl NAME-report beside it]
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,

    #[command(flatten)]
    overrides: Overrides,
}

#[derive(Serialize)]
struct Document {
    files: Vec<PathBuf>,
    verdicts: Vec<VerdictDocument>,
    /// Of a training.
    #[serde(skip_serializing_if = "Option::is_none")]
    alerts: Option<Vec<AlertRecord>>,
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
    Training(Box<Log>),
    Sweep(Box<SweepResults>),
}

impl Story {
    fn render(&self) -> Result<Vec<ReportFile>, Failure> {
        match self {
            Self::Network(study) => render(study),
            Self::Laws(atlas) => render_atlas(atlas),
            Self::Training(log) => render_log(log),
            Self::Sweep(results) => render_sweep(results),
        }
        .map_err(Failure::numerical)
    }
}

/// The page about spectra, as the command line names it.
const LAWS: &str = "laws";

pub(super) fn run(arguments: &Arguments, console: &Console) -> Result<ExitCode, Failure> {
    let saved =
        Path::new(&arguments.source).extension().is_some_and(|extension| extension.eq_ignore_ascii_case("json"));
    let (story, directory) = match (sweep_directory(&arguments.source), log_file(&arguments.source)) {
        (Some(sweep), _) => read_sweep(&sweep, arguments, console)?,
        (None, Some(file)) => read_log(&file, arguments, console)?,
        (None, None) if saved => load(arguments, console)?,
        (None, None) => compute(arguments, console)?,
    };
    let files = story.render()?;
    let files = console
        .writing(|| directory.write(files.iter().map(|file| (file.name.as_str(), file.text.as_str()))), Result::is_ok)
        .map_err(Failure::Input)?;
    let verdicts = match &story {
        Story::Network(study) => vec![VerdictDocument::of(&study.gradient_verdict)],
        Story::Laws(_) | Story::Training(_) | Story::Sweep(_) => Vec::new(),
    };
    let alerts = match &story {
        Story::Training(log) => Some(log.alerts.clone()),
        Story::Network(_) | Story::Laws(_) | Story::Sweep(_) => None,
    };
    let document = Document { files, verdicts, alerts };
    console.result(&document, || match &story {
        Story::Network(study) => text(study, &document.files),
        Story::Laws(_) => format!("spectra of random products\nopen {}\n", page(&document.files)),
        Story::Training(log) => training_text(log, &document.files),
        Story::Sweep(results) => {
            format!("{}\nopen {}\n", sweep_finding(results), page(&document.files))
        }
    })?;
    Ok(ExitCode::SUCCESS)
}

/// What a training's log is called inside its directory.
const LOG: &str = "log.jsonl";

/// The directory of a sweep that a source names.
fn sweep_directory(source: &str) -> Option<PathBuf> {
    let path = Path::new(source);
    path.join(SWEEP_FILE).is_file().then(|| path.to_owned())
}

fn read_sweep(sweep: &Path, arguments: &Arguments, console: &Console) -> Result<(Story, OutputDirectory), Failure> {
    if arguments.overrides.trials.is_some() || arguments.overrides.seed.is_some() {
        let message = format!("{}: --trials and --seed do not apply to a sweep", sweep.display());
        return Err(Failure::input(anyhow::anyhow!(message)));
    }
    let results = OpenSweep::open(sweep).map_err(Failure::input)?.results();
    let target = arguments.out.clone().unwrap_or_else(|| sweep.join("report"));
    let directory = console.writing(|| OutputDirectory::prepare(&target), |_| false).map_err(Failure::Input)?;
    Ok((Story::Sweep(Box::new(results)), directory))
}

/// The log that a source names, itself or by its directory.
fn log_file(source: &str) -> Option<PathBuf> {
    let path = Path::new(source);
    if path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("jsonl")) {
        return Some(path.to_owned());
    }
    // A directory that happens to be called like something built in does not hide it.
    let built_in = canonical(source) == LAWS || BUILTIN_SPECS.iter().any(|spec| spec.name == source);
    Some(path.join(LOG)).filter(|log| !built_in && log.is_file())
}

/// Where the report of a log goes unless --out says otherwise.
fn beside_log(file: &Path) -> PathBuf {
    match file.file_stem() {
        Some(stem) if file.file_name().is_some_and(|name| name != LOG) => {
            file.with_file_name(format!("{}-report", stem.to_string_lossy()))
        }
        _ => file.with_file_name("report"),
    }
}

fn read_log(file: &Path, arguments: &Arguments, console: &Console) -> Result<(Story, OutputDirectory), Failure> {
    if arguments.overrides.trials.is_some() || arguments.overrides.seed.is_some() {
        let message = format!("{}: --trials and --seed do not apply to the log of a training", file.display());
        return Err(Failure::input(anyhow::anyhow!(message)));
    }
    let log = Log::read(file).map_err(Failure::input)?;
    let target = arguments.out.clone().unwrap_or_else(|| beside_log(file));
    let directory = console.writing(|| OutputDirectory::prepare(&target), |_| false).map_err(Failure::Input)?;
    Ok((Story::Training(Box::new(log)), directory))
}

fn training_text(log: &Log, files: &[PathBuf]) -> String {
    let alerts = match log.alerts.len() {
        0 => "no alerts".to_owned(),
        1 => "1 alert".to_owned(),
        count => format!("{count} alerts"),
    };
    format!("{}\n{alerts}\nopen {}\n", training_finding(log), page(files))
}

fn load(arguments: &Arguments, console: &Console) -> Result<(Story, OutputDirectory), Failure> {
    let file = Path::new(&arguments.source);
    if arguments.overrides.trials.is_some() || arguments.overrides.seed.is_some() {
        let message = format!("{}: --trials and --seed do not apply to saved results", file.display());
        return Err(Failure::input(anyhow::anyhow!(message)));
    }
    let named = |error: anyhow::Error| Failure::Input(error.context(file.display().to_string()));
    let text = std::fs::read_to_string(file).map_err(|error| named(error.into()))?;
    let story = match Study::from_json(&text) {
        Err(StudyError::Format { found, .. }) if Atlas::is_format(&found) => {
            Story::Laws(Box::new(Atlas::from_json(&text).map_err(|error| named(error.into()))?))
        }
        Err(StudyError::Format { found, .. }) if SweepResults::is_format(&found) => {
            Story::Sweep(Box::new(SweepResults::from_json(&text).map_err(|error| named(error.into()))?))
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
    let page = files.iter().find(|file| file.ends_with("index.html") || file.ends_with("sweep.html"));
    page.map_or_else(String::new, |file| file.display().to_string())
}

fn text(study: &Study, files: &[PathBuf]) -> String {
    let verdict = match &study.gradient_verdict {
        Judgement::Judged(profile) => profile.to_string(),
        Judgement::Withheld(reason) => format!("no verdict: {reason}"),
    };
    format!("{}\n{verdict}\nopen {}\n", crate::report::finding(study), page(files))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reports_of_logs_stand_beside_them() {
        assert_eq!(beside_log(Path::new("runs/x/log.jsonl")), Path::new("runs/x/report"));
        assert_eq!(beside_log(Path::new("log.jsonl")), Path::new("report"));
        assert_eq!(beside_log(Path::new("runs/torch.jsonl")), Path::new("runs/torch-report"));
    }
}
