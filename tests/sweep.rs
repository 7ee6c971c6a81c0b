//! `gradspectra sweep` as a user meets it: running, resuming, sharing, failing points, bad axes, Ctrl-C and `kill -9`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use gradspectra::sweep::{PointKey, store::Store};

const SPEC: &str = "[network]\ninput = 16\nwidth = 16\nactivation = \"tanh\"\nweights = { ensemble = \"gaussian\" }\n[data]\nbatch = 2\n\
                    [loss]\nkind = \"random\"\n[measure]\nquantities = [\"gradient_norms\"]\ntrials = 20\n[sweep]\n";
const AXES: &str = "axes = { \"network.weights.sigma_w\" = { from = 0.5, to = 2.0, points = 4 }, \"network.depth\" = [2, 4] }\nrepeats = 2\n";

struct Sandbox(tempfile::TempDir);

impl Sandbox {
    fn new(sweep: &str) -> Self {
        let sandbox = Self(tempfile::tempdir().expect("a temporary directory"));
        sandbox.write("grid.toml", &format!("{SPEC}{sweep}"));
        sandbox
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn write(&self, name: &str, text: &str) {
        std::fs::write(self.path(name), text).expect("writable");
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_gradspectra"));
        command.arg("sweep").args(arguments).current_dir(self.0.path());
        for variable in ["SLURM_ARRAY_TASK_ID", "JOB_COMPLETION_INDEX"] {
            command.env_remove(variable);
        }
        command
    }

    fn run(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().expect("the program was built for this test")
    }

    fn json(&self, arguments: &[&str]) -> serde_json::Value {
        let output = self.run(&[arguments, &["--json"]].concat());
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        serde_json::from_slice(&output.stdout).expect("one JSON document")
    }

    fn table(&self, out: &str) -> String {
        std::fs::read_to_string(self.path(out).join("table.csv")).expect("written")
    }

    fn rows(&self, out: &str) -> BTreeMap<PointKey, String> {
        let store = Store::open(&self.path(out)).expect("readable");
        store.keys().map(|key| (key, store.get(key).expect("of this store").to_owned())).collect()
    }
}

fn counts(document: &serde_json::Value) -> [u64; 4] {
    ["points", "done", "failed", "computed"].map(|field| document[field].as_u64().unwrap_or(u64::MAX))
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn a_sweep_runs_once_and_reuses_what_it_finds() {
    let sandbox = Sandbox::new(AXES);
    let first = sandbox.json(&["grid.toml", "--out", "a"]);
    assert_eq!(counts(&first), [16, 16, 0, 16]);
    let table = sandbox.table("a");
    let jsonl = std::fs::read_to_string(sandbox.path("a/table.jsonl")).expect("written");
    assert_eq!(jsonl.lines().count(), table.lines().count() - 1);
    // Again: nothing is computed, the table is the same to the byte.
    let again = sandbox.json(&["grid.toml", "--out", "a"]);
    assert_eq!((counts(&again), again["reused"].as_u64()), ([16, 16, 0, 0], Some(16)));
    assert_eq!(sandbox.table("a"), table);
    // A larger grid computes what is new.
    sandbox.write(
        "finer.toml",
        &format!(
            "name = \"grid\"\n{SPEC}{}",
            AXES.replace("points = 4", "points = 7").replace("repeats = 2", "repeats = 3")
        ),
    );
    let finer = sandbox.json(&["finer.toml", "--out", "a"]);
    assert_eq!((counts(&finer), finer["reused"].as_u64()), ([42, 42, 0, 26], Some(16)));
    assert!(std::fs::read_to_string(sandbox.path("a/sweep.toml")).expect("written").contains("points = 7"));
    // And the first one finds all of its points again.
    assert_eq!(counts(&sandbox.json(&["grid.toml", "--out", "a"])), [16, 16, 0, 0]);
    assert_eq!(sandbox.table("a"), table);
}

#[test]
fn shards_and_thread_counts_give_the_same_table() {
    let sandbox = Sandbox::new(AXES);
    sandbox.json(&["grid.toml", "--out", "whole", "--threads", "1"]);
    for shard in ["2/3", "0/3"] {
        let document = sandbox.json(&["grid.toml", "--out", "parts", "--shard", shard, "--threads", "3"]);
        assert_eq!(document["shard"], *shard);
        assert!(document["missing"].as_u64() > Some(0) && document["tables"] == serde_json::json!([]));
    }
    let status = sandbox.json(&["status", "parts"]);
    assert_eq!((status["points"].as_u64(), status["missing"].as_u64()), (Some(16), Some(5)));
    // The last one through the variables of a job array, out of which the tables come.
    let variables = [("ID", "1"), ("MIN", "0"), ("MAX", "2"), ("STEP", "1"), ("COUNT", "3")];
    let variables = variables.map(|(name, value)| (format!("SLURM_ARRAY_TASK_{name}"), value));
    let last = sandbox.command(&["grid.toml", "--out", "parts"]).envs(variables).output().expect("built");
    assert!(last.status.success() && stderr(&last).contains("shard 1/3"), "{}", stderr(&last));
    assert_eq!(sandbox.table("parts"), sandbox.table("whole"));
    let merged = sandbox.json(&["merge", "parts"]);
    assert_eq!(merged["done"].as_u64(), Some(16));
    assert_eq!(std::fs::read_dir(sandbox.path("parts/rows")).expect("readable").count(), 1);
    assert_eq!(sandbox.table("parts"), sandbox.table("whole"));
    assert_eq!(sandbox.rows("parts"), sandbox.rows("whole"));
}

/// Impossible specifications, and points that are too large, are told with their error; the others are done; exit code 0.
#[test]
fn failing_points_are_recorded() {
    let sandbox = Sandbox::new(
        "axes = { \"network.weights.std\" = [0.3], \"network.activation\" = [\"tanh\", \"nonsense\"], \"network.depth\" = [2, 3] }\n",
    );
    let document = sandbox.json(&["grid.toml", "--out", "a"]);
    assert_eq!(counts(&document), [4, 2, 2, 2]);
    let text = sandbox.run(&["grid.toml", "--out", "a"]);
    let text = String::from_utf8_lossy(&text.stdout).into_owned();
    assert!(text.contains("2 failed") && text.contains("point 2:") && text.contains("nonsense"), "{text}");
    assert!(sandbox.table("a").contains("nonsense"));
    let status = sandbox.json(&["status", "a"]);
    assert!(status["failures"][0]["error"].as_str().is_some_and(|error| error.contains("nonsense")), "{status}");
    // Too little memory: recorded, not tried again as long as it is too little.
    let tight = Sandbox::new("axes = { \"network.weights.std\" = [0.3], \"network.depth\" = [2, 3] }\n");
    assert_eq!(counts(&tight.json(&["grid.toml", "--out", "a", "--memory", "0.0001"])), [2, 0, 2, 2]);
    assert_eq!(counts(&tight.json(&["grid.toml", "--out", "a", "--memory", "0.0002"])), [2, 0, 2, 0]);
    assert_eq!(counts(&tight.json(&["grid.toml", "--out", "a"])), [2, 2, 0, 2]);
}

#[test]
fn bad_sweeps_are_refused_with_the_axis() {
    let cases = [
        (
            AXES.replace("sigma_w", "sigma_ww"),
            "grid.toml:14: sweep axis \"network.weights.sigma_ww\": unknown key `sigma_ww`: did you mean `sigma_w`?",
        ),
        (
            AXES.replace("points = 4", "points = 500000000"),
            "the sweep has 2000000000 points, more than 1000000: at least",
        ),
        (AXES.replace("to = 2.0", "to = 0.1"), "it is empty"),
    ];
    for (sweep, expected) in cases {
        let sandbox = Sandbox::new(&sweep);
        let output = sandbox.run(&["grid.toml", "--out", "a"]);
        assert_eq!(output.status.code(), Some(2));
        assert!(stderr(&output).contains(expected) && stderr(&output).lines().count() == 1, "{}", stderr(&output));
        assert!(!sandbox.path("a").exists(), "nothing is left behind");
    }
    let sandbox = Sandbox::new(AXES);
    for (arguments, expected) in [
        (&["grid.toml", "--out", "a", "--shard", "3/3"][..], "--shard 3/3"),
        (&["grid.toml"], "--out"),
        (&["status", "nowhere"], "not the directory of a sweep"),
        (&["lesson.toml", "--out", "a"], "lesson.toml"),
        (&["grid.toml", "--out", "a", "--slurm"], "--tasks"),
        (&["phase-tahn", "--out", "a"], "did you mean `phase-tanh`?"),
    ] {
        let output = sandbox.run(arguments);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        assert!(stderr(&output).contains(expected), "{arguments:?}: {}", stderr(&output));
    }
    let other = Command::new(env!("CARGO_BIN_EXE_gradspectra")).arg("measure").arg(sandbox.path("grid.toml")).output();
    assert!(stderr(&other.expect("built")).contains("this is a sweep: run it with `gradspectra sweep`"));
}

#[test]
fn the_script_of_a_job_array_is_printed() {
    let sandbox = Sandbox::new(AXES);
    let output = sandbox.run(&["grid.toml", "--out", "my sweep", "--slurm", "--tasks", "8"]);
    let script = String::from_utf8_lossy(&output.stdout).into_owned();
    let here = sandbox.0.path().canonicalize().expect("there");
    assert!(output.status.success() && script.starts_with("#!/bin/sh\n"), "{script}");
    assert!(
        script.contains("#SBATCH --array=0-7\n") && script.contains("--shard \"$SLURM_ARRAY_TASK_ID/8\""),
        "{script}"
    );
    assert!(script.contains(&format!("sweep '{}'", here.join("grid.toml").display())), "{script}");
    assert!(sandbox.path("my sweep").is_dir(), "Slurm wants the directory of the output");
}

/// Data beside the sweep's file is found from the directory's own copy too.
#[test]
fn the_copy_in_the_directory_stands_for_the_sweep() {
    let sandbox = Sandbox::new("");
    sandbox.write("x.csv", "1,2\n3,-4\n-5,6\n");
    let text = SPEC.replace("input = 16", "input = 2").replace("batch = 2", "path = \"x.csv\"");
    sandbox.write(
        "grid.toml",
        &format!("{text}axes = {{ \"network.weights.std\" = [0.3], \"network.depth\" = [2, 3] }}\nrepeats = 2\n"),
    );
    assert_eq!(counts(&sandbox.json(&["grid.toml", "--out", "deep/a"])), [4, 4, 0, 4]);
    let table = sandbox.table("deep/a");
    assert_eq!(counts(&sandbox.json(&["deep/a/sweep.toml", "--out", "deep/a"])), [4, 4, 0, 0]);
    assert_eq!(sandbox.json(&["merge", "deep/a"])["done"].as_u64(), Some(4));
    assert_eq!(sandbox.table("deep/a"), table);
}

/// A sweep that takes a while.
const LONG: &str = "axes = { \"network.weights.sigma_w\" = { from = 0.5, to = 2.0, points = 40 }, \"network.depth\" = [8] }\nrepeats = 3\nrun = [\"measure\"]\n";

fn long() -> Sandbox {
    let sandbox = Sandbox::new("");
    sandbox.write("grid.toml", &format!("{}{LONG}", SPEC.replace("trials = 20", "trials = 200")));
    sandbox
}

/// Waits until so many points are in the store, and gives what is there then.
fn wait_for_points(sandbox: &Sandbox, out: &str, count: usize) -> BTreeMap<PointKey, String> {
    let begun = Instant::now();
    loop {
        let rows = sandbox.rows(out);
        if rows.len() >= count {
            return rows;
        }
        assert!(begun.elapsed() < Duration::from_secs(120), "no progress");
        std::thread::sleep(Duration::from_millis(2));
    }
}

#[test]
fn ctrl_c_ends_with_what_is_done() {
    let sandbox = long();
    let child =
        sandbox.command(&["grid.toml", "--out", "a", "--json"]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
    let child = child.expect("built");
    wait_for_points(&sandbox, "a", 5);
    let running = sandbox.json(&["status", "a"]);
    assert!(running["done"].as_u64() >= Some(5), "{running}");
    let killed = Command::new("kill").args(["-INT", &child.id().to_string()]).status().expect("kill exists");
    assert!(killed.success());
    let output = child.wait_with_output().expect("it ends");
    assert_eq!(output.status.code(), Some(130), "{}", stderr(&output));
    let document: serde_json::Value = serde_json::from_slice(&output.stdout).expect("one JSON document");
    let done = document["done"].as_u64().expect("a number");
    assert!(document["interrupted"] == true && (5..120).contains(&done) && document["failed"] == 0, "{document}");
    let rest = sandbox.json(&["grid.toml", "--out", "a"]);
    assert_eq!((counts(&rest), rest["reused"].as_u64()), ([120, 120, 0, 120 - done], Some(done)));
}

/// What the store had before a kill is there after it, to the byte; nothing is computed twice; the table at the end is that of a run that nobody
/// disturbed.
fn survives(kills: usize, seed: u64) {
    let undisturbed = long();
    undisturbed.json(&["grid.toml", "--out", "a"]);
    let expected = undisturbed.rows("a");
    let (mut killed, mut round) = (0, 0);
    let mut random = seed;
    while killed < kills {
        round += 1;
        let sandbox = long();
        let mut before = BTreeMap::new();
        // One sweep is killed again and again until it is over.
        for attempt in 0.. {
            let mut child = sandbox
                .command(&["grid.toml", "--out", "a"])
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .spawn()
                .expect("built");
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            std::thread::sleep(Duration::from_micros((random >> 33) % 250_000));
            // Seen by a reader while it is written: from here on it must never be lost.
            let seen = sandbox.rows("a");
            child.kill().expect("it can be killed, or has ended");
            let status = child.wait().expect("it ends");
            let after = sandbox.rows("a");
            for (key, row) in before.iter().chain(&seen) {
                assert_eq!(after.get(key), Some(row), "round {round}, attempt {attempt}: a row was lost or changed");
            }
            before = after;
            if status.success() {
                break;
            }
            killed += 1;
            assert!(attempt < 1000, "a sweep that is killed at every time has to get on");
        }
        assert_eq!(before, expected, "round {round}");
        let conflicts = Store::open(&sandbox.path("a")).expect("readable").conflicts().len();
        assert_eq!(conflicts, 0, "round {round}");
        assert_eq!(lines(&sandbox.path("a/rows")), 120, "round {round}: a row is there twice");
        let last = sandbox.json(&["grid.toml", "--out", "a"]);
        assert_eq!(counts(&last), [120, 120, 0, 0]);
        assert_eq!(sandbox.table("a"), undisturbed.table("a"), "round {round}");
    }
    eprintln!("{killed} kills in {round} sweeps: no row lost, none doubled");
}

/// Whole records in all files of rows.
fn lines(directory: &Path) -> usize {
    let files = std::fs::read_dir(directory).expect("readable");
    let records = |path: PathBuf| {
        let bytes = std::fs::read(path).expect("readable");
        let whole = bytes.split_inclusive(|byte| *byte == b'\n').filter(|line| line.ends_with(b"\n")).count();
        whole.saturating_sub(1)
    };
    files.map(|file| records(file.expect("readable").path())).sum()
}

#[test]
fn kill_9_loses_no_row() {
    survives(10, 1);
}

/// `.ci/kill-test` runs it.
#[test]
#[ignore = "minutes: .ci/kill-test"]
fn two_hundred_kills_lose_no_row() {
    survives(200, 2);
}
