//! Which part of a sweep this process computes.

use anyhow::{Context, bail, ensure};

use crate::sweep::Shard;

/// A shard, and why it is this one if nobody has said so on the command line.
#[derive(Debug, PartialEq)]
pub(super) struct Chosen {
    pub shard: Shard,
    pub reason: Option<String>,
}

/// Parts of a sweep at most.
const MOST: usize = 1_000_000;

impl Chosen {
    /// That of `--shard`, else of the task of a job array (Slurm, Kubernetes), else all.
    pub fn new(given: Option<&str>, variable: impl Fn(&str) -> Option<String>) -> anyhow::Result<Self> {
        if let Some(given) = given {
            return Ok(Self { shard: parse(given)?, reason: None });
        }
        let number = |name: &str| -> anyhow::Result<Option<usize>> {
            let Some(text) = variable(name) else { return Ok(None) };
            let number = text
                .trim()
                .parse()
                .with_context(|| format!("{name} is `{text}`, not a whole number: give --shard I/N"))?;
            Ok(Some(number))
        };
        if let Some(task) = number("SLURM_ARRAY_TASK_ID")? {
            let (Some(low), Some(high), Some(count)) =
                (number("SLURM_ARRAY_TASK_MIN")?, number("SLURM_ARRAY_TASK_MAX")?, number("SLURM_ARRAY_TASK_COUNT")?)
            else {
                bail!("SLURM_ARRAY_TASK_ID is set without SLURM_ARRAY_TASK_MIN, _MAX and _COUNT: give --shard I/N");
            };
            let step = number("SLURM_ARRAY_TASK_STEP")?.unwrap_or(1).max(1);
            // Of an array of chosen tasks (--array=1,3,7) the variables do not tell which one this is.
            let whole = high >= low && (high - low) / step + 1 == count && task >= low && task <= high;
            ensure!(
                whole,
                "the Slurm array has {count} tasks of {low} to {high}, not all of them: give --shard \"$SLURM_ARRAY_TASK_ID/N\""
            );
            let shard = Shard { index: (task - low) / step, count };
            let reason = format!("this is task {task} of a Slurm array (--shard 0/1 computes all)");
            return Ok(Self { shard, reason: Some(reason) });
        }
        if let Some(index) = number("JOB_COMPLETION_INDEX")? {
            let Some(count) = number("JOB_COMPLETIONS")? else {
                bail!(
                    "JOB_COMPLETION_INDEX is set without JOB_COMPLETIONS: set it to the job's completions, or give --shard I/N"
                );
            };
            ensure!(index < count, "JOB_COMPLETION_INDEX is {index}, and JOB_COMPLETIONS is {count}: give --shard I/N");
            let reason = format!("this is index {index} of an indexed job (--shard 0/1 computes all)");
            return Ok(Self { shard: Shard { index, count }, reason: Some(reason) });
        }
        Ok(Self { shard: Shard::WHOLE, reason: None })
    }

    /// As on the command line.
    pub fn words(&self) -> String {
        format!("{}/{}", self.shard.index, self.shard.count)
    }
}

fn parse(given: &str) -> anyhow::Result<Shard> {
    let number = |text: &str| text.trim().parse::<usize>().ok();
    let parts = given.split_once('/').and_then(|(index, count)| Some((number(index)?, number(count)?)));
    match parts {
        Some((index, count)) if index < count && count <= MOST => Ok(Shard { index, count }),
        _ => bail!("--shard {given}: it must be I/N with I from 0 to N - 1, for example 0/8"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chosen(given: Option<&str>, variables: &[(&str, &str)]) -> Result<(usize, usize), String> {
        let variable =
            |name: &str| variables.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned());
        let chosen = Chosen::new(given, variable).map_err(|error| format!("{error:#}"))?;
        Ok((chosen.shard.index, chosen.shard.count))
    }

    fn slurm(
        id: &'static str,
        low: &'static str,
        high: &'static str,
        step: &'static str,
        count: &'static str,
    ) -> Vec<(&'static str, &'static str)> {
        vec![
            ("SLURM_ARRAY_TASK_ID", id),
            ("SLURM_ARRAY_TASK_MIN", low),
            ("SLURM_ARRAY_TASK_MAX", high),
            ("SLURM_ARRAY_TASK_STEP", step),
            ("SLURM_ARRAY_TASK_COUNT", count),
        ]
    }

    #[test]
    fn shards_come_from_the_command_line_or_from_the_job() {
        assert_eq!(chosen(None, &[]), Ok((0, 1)));
        assert_eq!(chosen(Some("3/8"), &slurm("1", "0", "3", "1", "4")), Ok((3, 8)));
        assert_eq!(chosen(None, &slurm("2", "0", "7", "1", "8")), Ok((2, 8)));
        assert_eq!(chosen(None, &slurm("7", "3", "9", "2", "4")), Ok((2, 4)));
        let job = [("JOB_COMPLETION_INDEX", "5"), ("JOB_COMPLETIONS", "6")];
        assert_eq!(chosen(None, &job), Ok((5, 6)));
    }

    #[test]
    fn what_does_not_tell_the_shard_is_refused() {
        for given in ["8/8", "-1/8", "1", "a/b", "0/0"] {
            assert!(chosen(Some(given), &[]).expect_err(given).contains("I from 0 to N - 1"));
        }
        let list = chosen(None, &slurm("7", "1", "7", "1", "3")).expect_err("a list of tasks");
        assert!(list.contains("--shard"), "{list}");
        assert!(chosen(None, &slurm("x", "1", "7", "1", "3")).expect_err("no number").contains("`x`"));
        assert!(chosen(None, &[("JOB_COMPLETION_INDEX", "0")]).expect_err("no count").contains("JOB_COMPLETIONS"));
    }
}
