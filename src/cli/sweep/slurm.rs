//! The batch script of a Slurm job array.

use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context, ensure};
use serde::Serialize;

use super::absolute;
use super::directory::SweepDirectory;
use crate::cli::console::Console;
use crate::cli::failure::Failure;
use crate::sweep::{BUILTIN_SWEEPS, Grid};

/// What the array runs.
pub(super) struct Job<'a> {
    pub spec: &'a str,
    pub out: &'a Path,
    pub tasks: u32,
    pub memory: Option<u64>,
    pub retry: bool,
}

#[derive(Serialize)]
struct Document {
    script: String,
}

pub(super) fn print(job: &Job<'_>, console: &Console) -> Result<ExitCode, Failure> {
    // A mistake in the sweep is told now, and not by every task.
    let grid = Grid::load(job.spec).map_err(Failure::input)?;
    let built_in = BUILTIN_SWEEPS.iter().any(|builtin| builtin.name == job.spec);
    let spec = if built_in { job.spec.into() } else { absolute(Path::new(job.spec))? };
    let out = absolute(job.out)?;
    let program = std::env::current_exe().context("where this program is").map_err(Failure::Input)?;
    let script = script(&program, &spec, &out, grid.name(), job).map_err(Failure::Input)?;
    // Slurm does not start a task whose output has no directory.
    SweepDirectory::create(&out, &grid).map_err(Failure::Input)?;
    let document = Document { script };
    console.result(&document, || document.script.clone())?;
    Ok(ExitCode::SUCCESS)
}

fn script(program: &Path, spec: &Path, out: &Path, name: &str, job: &Job<'_>) -> anyhow::Result<String> {
    let text = |path: &Path| -> anyhow::Result<String> {
        let text =
            path.to_str().with_context(|| format!("{}: Slurm takes no path that is not UTF-8", path.display()))?;
        ensure!(
            !text.contains(['\\', '\n', '\r']),
            "{}: Slurm takes no path with a backslash or a line break",
            path.display()
        );
        Ok(text.to_owned())
    };
    let in_shell = |text: &str| format!("'{}'", text.replace('\'', "'\\''"));
    let log = text(out)?.replace('%', "%%").replace('"', "\\\"");
    let mut more = String::new();
    if let Some(memory) = job.memory {
        more.push_str(&format!(" --memory {}", memory as f64 / f64::from(1 << 30)));
    }
    if job.retry {
        more.push_str(" --retry-failed");
    }
    let name: String =
        name.chars().map(|c| if c.is_ascii_alphanumeric() || "-_.".contains(c) { c } else { '_' }).collect();
    Ok(format!(
        "#!/bin/sh\n\
         # Submit: sbatch THIS_FILE. What is done already is not computed again: after a time limit or a failure, submit it once more,\n\
         # for all tasks or, with --array=2,5, for some.\n\
         #SBATCH --job-name={name}\n\
         #SBATCH --array=0-{last}\n\
         #SBATCH --requeue\n\
         #SBATCH --open-mode=append\n\
         #SBATCH --output=\"{log}/slurm-%A_%a.out\"\n\
         #SBATCH --cpus-per-task=1\n\
         #SBATCH --signal=B:TERM@60\n\
         # Yours to choose; without --time the partition's default holds:\n\
         ##SBATCH --time=04:00:00\n\
         ##SBATCH --partition=NAME\n\
         ##SBATCH --mem-per-cpu=2G\n\
         exec {program} sweep {spec} --out {out} --shard \"$SLURM_ARRAY_TASK_ID/{tasks}\"{more}\n",
        last = job.tasks - 1,
        program = in_shell(&text(program)?),
        spec = in_shell(&text(spec)?),
        out = in_shell(&text(out)?),
        tasks = job.tasks,
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_quoted_for_slurm_and_for_the_shell() {
        let job = Job { spec: "", out: Path::new(""), tasks: 8, memory: Some(3 << 29), retry: true };
        let paths = [Path::new("/bin/it's"), Path::new("/a b/grid.toml"), Path::new("/o\"u %j/t")];
        let script = script(paths[0], paths[1], paths[2], "a b", &job).expect("valid");
        assert!(
            script.contains(
                "#SBATCH --job-name=a_b\n#SBATCH --array=0-7\n#SBATCH --requeue\n#SBATCH --open-mode=append\n"
            )
        );
        assert!(script.contains("--output=\"/o\\\"u %%j/t/slurm-%A_%a.out\"\n"), "{script}");
        let exec = "exec '/bin/it'\\''s' sweep '/a b/grid.toml' --out '/o\"u %j/t' --shard \"$SLURM_ARRAY_TASK_ID/8\" --memory 1.5 --retry-failed\n";
        assert!(script.ends_with(exec), "{script}");
        self::script(paths[0], paths[1], Path::new("/a\\b"), "n", &job).expect_err("a backslash");
    }
}
