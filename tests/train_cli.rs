//! `gradspectra train` as a user meets it: the JSON contract, resuming to the bit after Ctrl-C and after a kill, bad input.

use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use gradspectra::watch::{Ending, Log};

const SPEC: &str = "name = \"small\"\nseed = 3\n[network]\ninput = 64\ndepth = 4\nwidth = 24\noutput = 10\nactivation = \"tanh\"\n\
                    weights = { preset = \"critical\" }\nbiases = { sigma_b = 0.05 }\nprecision = \"f32\"\n[data]\nkind = \"digits\"\nbatch = 8\n\
                    [loss]\nkind = \"cross_entropy\"\n[train]\noptimizer = \"adam\"\nlearning_rate = 0.002\nsteps = 400\n\
                    test_fraction = 0.2\nevaluate_every = 100\nclip_norm = 0.5\n";

fn command(directory: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_gradspectra"));
    command.arg("train").args(arguments).current_dir(directory);
    command
}

fn run(directory: &Path, arguments: &[&str]) -> Output {
    command(directory, arguments).output().expect("the program was built for this test")
}

fn directory_with(spec: &str) -> tempfile::TempDir {
    let directory = tempfile::tempdir().expect("a temporary directory");
    std::fs::write(directory.path().join("small.toml"), spec).expect("writable");
    directory
}

fn log(directory: &Path, out: &str) -> Log {
    Log::read(&directory.join(out).join("log.jsonl")).expect("a log")
}

/// What was measured, without the times, as text.
fn numbers(log: &Log) -> Vec<String> {
    let steps =
        log.steps.iter().map(|s| format!("{} {:?} {:?} {:?}", s.step, s.loss, s.grad_norm, s.weight_grad_norms));
    let layers = log.layers.iter().map(|layer| format!("{layer:?}"));
    steps.chain(layers).chain(log.predictions.iter().map(|prediction| format!("{prediction:?}"))).collect()
}

fn file(directory: &Path, name: &str) -> Vec<u8> {
    std::fs::read(directory.join(name)).expect("written")
}

#[test]
fn a_training_writes_its_log_its_checkpoint_and_its_weights() {
    let directory = directory_with(SPEC);
    let output = run(directory.path(), &["small.toml", "--json"]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(output.stderr.is_empty(), "quiet where standard error is no terminal");
    let document: serde_json::Value = serde_json::from_slice(&output.stdout).expect("one JSON document");
    for field in ["steps", "alerts", "final_loss", "seconds_per_step"] {
        assert!(document.get(field).is_some(), "no {field} in {document}");
    }
    assert_eq!((document["steps"].as_u64(), document["ending"].as_str()), (Some(400), Some("finished")));
    assert!(document["evaluation"]["test_accuracy"].as_f64().expect("digits have classes") > 0.8, "{document}");
    let log = log(directory.path(), "runs/small");
    // Norms at every step; all of a layer at the first steps, at every twentieth, and where something looked wrong.
    assert!(log.steps.len() == 400 && log.steps.iter().all(|step| step.weight_grad_norms.len() == 5));
    let full = log.by_step();
    assert!(full.values().all(|layers| layers.len() == 5) && full.len() < 100, "{} steps in full", full.len());
    assert!((0..5).chain((0..20).map(|k| 20 * k)).all(|step| full.contains_key(&step)));
    for (step, layers) in &full {
        let listed = &log.steps[*step as usize].weight_grad_norms;
        assert!(layers.values().all(|layer| layer.weight_grad_norm == listed[layer.layer - 1]), "step {step}");
    }
    assert_eq!(log.evaluations.iter().map(|e| e.step).collect::<Vec<_>>(), [100, 200, 300, 400]);
    assert_eq!(log.ended, Some((400, Ending::Finished)));
    assert!(log.steps.iter().any(|step| step.clipped == Some(true)));
    // The weights are a state dict that other commands read.
    let chain = Command::new(env!("CARGO_BIN_EXE_gradspectra"))
        .args(["chain", "runs/small/model.safetensors", "--json"])
        .current_dir(directory.path())
        .output()
        .expect("built");
    assert!(chain.status.success(), "{}", String::from_utf8_lossy(&chain.stderr));

    let again = run(directory.path(), &["small.toml"]);
    let message = String::from_utf8_lossy(&again.stderr).into_owned();
    assert!(again.status.code() == Some(2) && message.contains("--resume"), "{message}");
}

/// One sample in forty overflows f32: at the step that meets it nothing was to be recorded of the layers, and still the alert says where it began.
#[test]
fn numbers_that_are_lost_at_once_are_traced_to_their_layer() {
    let table: String = (0..40)
        .map(|k| format!("{},{},{}\n", if k == 17 { "1e30".to_owned() } else { (k % 5).to_string() }, k % 3, k % 7))
        .collect();
    let spec = "name = \"small\"\nseed = 2\n[network]\ninput = 2\ndepth = 3\nwidth = 16\noutput = 1\nactivation = \"relu\"\n\
                weights = { preset = \"he\" }\nprecision = \"f32\"\n[data]\npath = \"table.csv\"\ntarget_columns = [\"y\"]\nbatch = 4\n\
                [loss]\nkind = \"mse\"\n[train]\nlearning_rate = 0.0001\nsteps = 50\n";
    let mut seen = 0;
    for seed in 1..9 {
        let directory = directory_with(&spec.replace("seed = 2", &format!("seed = {seed}")));
        std::fs::write(directory.path().join("table.csv"), format!("a,b,y\n{table}")).expect("writable");
        let output = run(directory.path(), &["small.toml", "--json"]);
        assert_eq!(output.status.code(), Some(3), "{}", String::from_utf8_lossy(&output.stderr));
        let log = log(directory.path(), "runs/small");
        let alert = log.alerts.last().expect("an alert");
        // Sums of squares of 1e30 are beyond f32; the pre-activations themselves are not.
        assert!(
            alert.layer.is_some() && alert.cause.contains("way back") && alert.cause.contains("one batch"),
            "{alert:?}"
        );
        // What is found out afterwards lacks the weights.
        let layers = &log.by_step()[&alert.step];
        seen += usize::from(layers.values().all(|layer| layer.weight_norm.is_none()));
    }
    assert!(seen > 0, "no run met the sample at a step that was not to be recorded");
}

/// Infinite gradients that clipping by value makes numbers of: the alert names the layer, recorded in full or not.
#[test]
fn clipped_infinities_are_told_alike_at_every_schedule() {
    let table: String = (0..40).map(|k| format!("{},{},{}\n", 1000 + k % 5, k % 3, 20_000 * (k % 2))).collect();
    let spec = "name = \"small\"\nseed = 2\n[network]\ninput = 2\ndepth = 3\nwidth = 16\noutput = 1\nactivation = \"relu\"\n\
                weights = { preset = \"he\" }\nprecision = \"f16\"\n[data]\npath = \"table.csv\"\ntarget_columns = [\"y\"]\nbatch = 4\n\
                [loss]\nkind = \"mse\"\n[train]\nlearning_rate = 0.0000001\nsteps = 12\nclip_value = 1\n[train.watch]\n";
    let told = ["every = 1", "every = 1000"].map(|watch| {
        let directory = directory_with(&format!("{spec}{watch}\n"));
        std::fs::write(directory.path().join("table.csv"), format!("a,b,y\n{table}")).expect("writable");
        run(directory.path(), &["small.toml", "--json"]);
        let log = log(directory.path(), "runs/small");
        let alert = log.alerts.iter().find(|alert| alert.quantity == "non_finite").cloned();
        let alert = alert.unwrap_or_else(|| panic!("no alert among {:?}", log.alerts));
        assert!(alert.layer.is_some() && alert.cause.contains("way back"), "{alert:?}");
        (alert.step, alert.layer)
    });
    assert_eq!(told[0], told[1]);
}

/// Waits until the log has so many lines.
fn wait_for_lines(child: &mut Child, file: &Path, count: usize) {
    let begun = Instant::now();
    loop {
        let lines = std::fs::read(file).map_or(0, |bytes| bytes.iter().filter(|byte| **byte == b'\n').count());
        if lines >= count {
            return;
        }
        assert!(child.try_wait().expect("running").is_none(), "it ended before it was interrupted");
        assert!(begun.elapsed() < Duration::from_secs(120), "no progress");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// A longer run, so that there is time to break it off.
fn long() -> String {
    SPEC.replace("steps = 400", "steps = 3000")
}

fn interrupted(directory: &Path, out: &str, signal: &str, lines: usize) {
    let arguments = ["small.toml", "--out", out, "--checkpoint-every", "0"];
    let mut child = command(directory, &arguments).stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("built");
    wait_for_lines(&mut child, &directory.join(out).join("log.jsonl"), lines);
    let killed = Command::new("kill").args([signal, &child.id().to_string()]).status().expect("kill exists");
    assert!(killed.success());
    let status = child.wait().expect("it ends");
    assert_eq!(status.code(), if signal == "-INT" { Some(130) } else { None });
}

/// Ctrl-C ends with a checkpoint and a readable log, `kill -9` in the middle leaves both usable; what follows is the same to the bit as if
/// nothing had happened, in the log and in the weights.
#[test]
fn resumed_trainings_are_the_same_to_the_bit() {
    let directory = directory_with(&long());
    let here = directory.path();
    assert!(run(here, &["small.toml", "--out", "whole"]).status.success());
    interrupted(here, "broken", "-INT", 500);
    assert_eq!(log(here, "broken").ended.map(|(_, reason)| reason), Some(Ending::Interrupted));
    for lines in [1500, 3000] {
        let arguments = ["small.toml", "--out", "broken", "--checkpoint-every", "0", "--resume"];
        let mut child = command(here, &arguments).stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("built");
        wait_for_lines(&mut child, &here.join("broken/log.jsonl"), lines);
        child.kill().expect("alive");
        child.wait().expect("it ends");
    }
    // A line that was cut short in the middle of a number.
    let torn = here.join("broken/log.jsonl");
    let mut text = std::fs::read(&torn).expect("a log");
    text.extend_from_slice(b"{\"kind\":\"layer\",\"step\":99999,\"lay");
    std::fs::write(&torn, text).expect("writable");
    let output = run(here, &["small.toml", "--out", "broken", "--resume"]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let (whole, broken) = (log(here, "whole"), log(here, "broken"));
    assert_eq!(broken.resumed.len(), 3);
    assert!(numbers(&whole) == numbers(&broken), "the logs differ");
    assert_eq!(whole.evaluations, broken.evaluations);
    assert_eq!(whole.alerts, broken.alerts);
    assert_eq!(file(here, "whole/model.safetensors"), file(here, "broken/model.safetensors"));
}

#[test]
fn a_checkpoint_of_another_training_is_refused() {
    let directory = directory_with(SPEC);
    let here = directory.path();
    assert!(run(here, &["small.toml", "--steps", "20"]).status.success());
    std::fs::write(here.join("small.toml"), SPEC.replace("0.002", "0.003")).expect("writable");
    let output = run(here, &["small.toml", "--resume"]);
    let message = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.code() == Some(2) && message.contains("train.learning_rate"), "{message}");
    std::fs::write(here.join("runs/small/checkpoint.safetensors"), b"not a checkpoint").expect("writable");
    let output = run(here, &["small.toml", "--resume"]);
    let message = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.code() == Some(2) && message.contains("checkpoint.safetensors"), "{message}");
}

/// A rate that is far too large: warned of before the loss is not finite, exit code 3; with `on_alert = "stop"` it ends with a checkpoint instead.
#[test]
fn a_diverging_training_is_told_and_stopped() {
    let diverging = "name = \"small\"\n[network]\ninput = 16\ndepth = 5\nwidth = 48\noutput = 4\nactivation = \"relu\"\nweights = { preset = \"he\" }\n\
                     precision = \"f32\"\n[data]\nkind = \"regression\"\nbatch = 32\n[loss]\nkind = \"mse\"\n[train]\nlearning_rate = 2.0\nsteps = 100\n";
    let directory = directory_with(diverging);
    let output = run(directory.path(), &["small.toml"]);
    let message = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(3), "{message}");
    let first = message.lines().next().expect("an alert");
    assert!(first.contains("diverging") && first.contains("learning rate") && first.contains("Try:"), "{first}");
    assert!(message.contains("non_finite"), "{message}");

    let directory = directory_with(&format!("{diverging}[train.watch]\non_alert = \"stop\"\n"));
    let output = run(directory.path(), &["small.toml", "--json"]);
    let document: serde_json::Value = serde_json::from_slice(&output.stdout).expect("one JSON document");
    assert_eq!((output.status.code(), document["ending"].as_str()), (Some(0), Some("stopped")));
    assert!(document["checkpoint"].is_string() && document["final_loss"].is_number());

    let directory = directory_with(&format!("{diverging}[train.watch]\non_alert = \"clip\"\n"));
    let output = run(directory.path(), &["small.toml", "--json"]);
    let document: serde_json::Value = serde_json::from_slice(&output.stdout).expect("one JSON document");
    assert_eq!(document["alerts"][0]["action"].as_str(), Some("clip"), "{document}");
    assert!(log(directory.path(), "runs/small").steps.iter().any(|step| step.clipped == Some(true)));
}

/// Every mistake is one line on standard error with the key or the file, exit code 2, and no directory is left behind.
#[test]
fn bad_input_is_told_in_one_line() {
    let train = |text: &str| SPEC.replace("learning_rate = 0.002\nsteps = 400\n", text);
    let cases = [
        (SPEC.split("[train]").next().expect("before it").to_owned(), "no [train] table"),
        (train("steps = 400\n"), "learning_rate"),
        (train("learning_rate = -1\nsteps = 400\n"), "train.learning_rate"),
        (train("learning_rate = 0.1\nsteps = 400\nepochs = 3\n"), "train.epochs"),
        (train("learning_rate = 0.1\nstep = 400\n"), "did you mean `steps`"),
        (SPEC.replace("\"adam\"", "\"adan\""), "did you mean `adam`"),
        (SPEC.replace("\"adam\"", "{ kind = \"adam\", beta1 = 1.5 }"), "train.optimizer.beta1"),
        (SPEC.replace("clip_norm = 0.5", "clip_norm = 0.5\nclip_value = 1.0"), "clip_norm"),
        (SPEC.replace("clip_norm = 0.5", "schedule = \"cosin\""), "did you mean `cosine`"),
        (SPEC.replace("cross_entropy", "mse"), "cross_entropy"),
        (SPEC.replace("output = 10\n", "").replace("width = 24", "width = 8"), "network.output"),
        (SPEC.replace("batch = 8", "batch = 1700"), "batch"),
        (format!("{SPEC}[train.watch]\non_alert = \"panic\"\n"), "on_alert"),
        (format!("{SPEC}[train.watch]\nevery = 0\n"), "every"),
    ];
    for (spec, expected) in cases {
        let directory = directory_with(&spec);
        let output = run(directory.path(), &["small.toml"]);
        let message = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(2), "{expected}: {message}");
        assert!(message.trim_end().lines().count() == 1 && message.contains(expected), "{expected}: {message}");
        assert!(!directory.path().join("runs").exists());
    }
}
