//! Logs of trainings: drawn from any program, whatever stands in them; the documented schema is the one that is written.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

use gradspectra::report::{ReportFile, TRAINING_FIGURES, render_log, training_finding};
use gradspectra::watch::{
    AlertKind, AlertRecord, Basis, Ending, EvaluationRecord, Header, LayerHeader, LayerRecord, Log, PredictionRecord,
    Record, SCHEMA, StepRecord, line,
};
use serde_json::Value;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn read(file: &str) -> String {
    std::fs::read_to_string(root().join(file)).expect("in the repository")
}

/// One record of every kind with every field, at a step.
fn full(step: u64, layer: usize) -> Vec<Record> {
    let some = |value: f64| Some(value * (1.0 + layer as f64) / (1.0 + step as f64));
    let layer_header = LayerHeader { layer, name: "fc".into(), activation: "tanh".into(), fan_in: 8, fan_out: 8 };
    let text = || Some("text".to_owned());
    vec![
        Record::Header(Header {
            schema: SCHEMA.to_owned(),
            name: "full".into(),
            source: "a test".into(),
            layers: vec![layer_header],
            steps: Some(50),
            seed: Some(1),
            batch: Some(4),
            precision: text(),
            loss: text(),
            optimizer: text(),
            data: text(),
            blas: text(),
        }),
        Record::Step(StepRecord {
            step,
            loss: some(2.0),
            learning_rate: some(0.1),
            grad_norm: some(1.0),
            weight_grad_norms: vec![some(0.1)],
            clipped: Some(step.is_multiple_of(3)),
            non_finite: Some(0),
            seconds: some(1.0),
        }),
        Record::Layer(LayerRecord {
            step,
            layer,
            weight_grad_norm: some(0.1),
            bias_grad_norm: some(0.1),
            activation_grad_norm: some(0.1),
            pre_activation_grad_norm: some(0.1),
            weight_norm: some(5.0),
            bias_norm: some(0.5),
            update_norm: some(0.01),
            update_ratio: some(0.002),
            update_cosine: Some(0.3),
            saturated_fraction: some(0.1),
            inactive_fraction: some(0.1),
            dead_fraction: some(0.05),
            pre_activation_mean: some(0.1),
            pre_activation_rms: some(0.1),
            activation_mean: some(0.1),
            activation_rms: some(0.1),
            non_finite: Some(0),
        }),
        Record::Prediction(PredictionRecord {
            step,
            layer,
            from: if step == 0 { Basis::Specification } else { Basis::LayerStatistics },
            log10_weight_grad_norm: some(-1.0),
            log10_bias_grad_norm: some(-1.0),
            log10_pre_activation_grad_norm: some(-1.0),
            log10_standard_deviation: some(0.1),
            pre_activation_rms: some(1.0),
            saturated_fraction: some(0.1),
            inactive_fraction: some(0.1),
        }),
        Record::Alert(AlertRecord {
            step,
            layer: Some(layer),
            alert: AlertKind::ALL[step as usize % AlertKind::ALL.len()],
            quantity: "weight_grad_norm".into(),
            value: some(1e-9),
            expected: some(1e-3),
            cause: "<slopes> & scales".into(),
            advice: "something else".into(),
            action: ["warn", "clip", "stop"][step as usize % 3].into(),
        }),
        Record::Evaluation(EvaluationRecord {
            step,
            train_loss: some(2.0),
            train_accuracy: Some(0.5),
            test_loss: some(2.0),
            test_accuracy: Some(0.5),
        }),
        Record::Resume { step },
        Record::End { step, reason: Ending::Finished },
    ]
}

/// A small log with every kind of line; resumed once.
fn small() -> Vec<String> {
    let mut lines = vec![line(&full(0, 1)[0])];
    for step in [0, 1, 2, 5, 9] {
        if step == 5 {
            lines.push(line(&Record::Resume { step }));
        }
        for layer in 1..=3 {
            let records = full(step, layer);
            lines.extend(records[2..4].iter().map(line));
            if layer == 1 {
                lines.extend([&records[1], &records[4], &records[5]].map(line));
            }
        }
    }
    lines.push(line(&full(10, 1)[7]));
    lines
}

fn draw(text: &str) -> Result<Vec<ReportFile>, String> {
    let log = Log::parse(text, Path::new("test.jsonl")).map_err(|error| error.to_string())?;
    let finding = training_finding(&log);
    assert!(!finding.is_empty() && finding.len() < 400, "{finding}");
    let files = render_log(&log).expect("what is read can be drawn");
    for file in &files {
        assert!(file.text.len() < 1_000_000, "{} has {} bytes", file.name, file.text.len());
        assert!(!file.text.contains("NaN"), "{} says NaN", file.name);
    }
    Ok(files)
}

#[test]
fn every_figure_is_drawn_from_a_full_log() {
    let files = draw(&small().concat()).expect("a log");
    let names: Vec<&str> = files.iter().map(|file| file.name.as_str()).collect();
    assert_eq!(names[0], "index.html");
    for figure in TRAINING_FIGURES {
        assert!(names.contains(&format!("{}.svg", figure.name).as_str()), "{} is missing: {names:?}", figure.name);
    }
    let page = &files[0].text;
    for words in [
        "<td>weight grad norm</td>",
        "&lt;slopes&gt; &amp; scales",
        "finished after 10 steps",
        "at step 5",
        "something else",
    ] {
        assert!(page.contains(words), "the page does not say: {words}");
    }
    assert!(!page.contains("<script") && !page.contains("http://") && !page.contains("https://"), "not self-contained");
}

/// Every number of every line, one at a time, replaced by ones that are too large, negative, zero, null or of the wrong kind; every line left
/// out, doubled, cut in the middle: no panic, no hang.
#[test]
fn edited_logs_are_drawn_or_refused() {
    let lines = small();
    let replacements =
        [Value::from(1e300), Value::from(1u64 << 62), Value::from(-3.5), Value::from(0), Value::Null, Value::from("x")];
    let (mut drawn, mut refused, mut turn) = (0, 0, 0);
    let mut try_it = |lines: &[String]| match draw(&lines.concat()) {
        Ok(_) => drawn += 1,
        Err(_) => refused += 1,
    };
    // Kinds of lines are alike at every step: the last of each kind and the first.
    let kind = |line: &String| serde_json::from_str::<Value>(line).expect("JSON")["kind"].as_str().map(str::to_owned);
    let mut seen = BTreeSet::new();
    let ends = (0..lines.len()).filter(|k| seen.insert(kind(&lines[*k]))).collect::<Vec<_>>();
    for k in ends.into_iter().chain([lines.len() - 6, lines.len() - 2]) {
        let document: Value = serde_json::from_str(&lines[k]).expect("JSON");
        for key in document.as_object().expect("an object").keys() {
            for replacement in &replacements {
                turn += 1;
                // A number a turn for most, all of them for what places are made of.
                if turn % 2 == 0 && !["step", "layer"].contains(&key.as_str()) {
                    continue;
                }
                let mut edited = lines.clone();
                let mut line = document.clone();
                line[key.as_str()] = replacement.clone();
                edited[k] = format!("{line}\n");
                try_it(&edited);
            }
        }
        let mut left_out = lines.clone();
        left_out.remove(k);
        try_it(&left_out);
        let mut doubled = lines.clone();
        doubled.push(lines[k].clone());
        try_it(&doubled);
        let mut cut = lines[..=k].to_vec();
        let half = cut[k].len() / 2;
        cut[k].truncate(half);
        try_it(&cut);
    }
    assert!(drawn > 100 && refused > 20, "{drawn} drawn, {refused} refused");
}

/// One key everywhere replaced by one value: all zero, all null, all far too large.
#[test]
fn quantities_that_are_alike_everywhere_are_drawn() {
    let keys: Vec<String> = match serde_json::to_value(&full(0, 1)[2]).expect("JSON") {
        Value::Object(map) => {
            map.keys().filter(|key| !["kind", "step", "layer"].contains(&key.as_str())).cloned().collect()
        }
        other => panic!("{other}"),
    };
    for replacement in [Value::from(0), Value::Null, Value::from(1e300), Value::from(1e-320)] {
        let edit = |line: &String, keys: &[String]| {
            let mut value: Value = serde_json::from_str(line).expect("JSON");
            for key in keys.iter().filter(|key| *key != "non_finite") {
                if value.get(key.as_str()).is_some() {
                    value[key.as_str()] = replacement.clone();
                }
            }
            format!("{value}\n")
        };
        let all: Vec<String> = small().iter().map(|line| edit(line, &keys)).collect();
        draw(&all.concat()).expect("a log");
        let one = |key: &String| small().iter().map(|line| edit(line, std::slice::from_ref(key))).collect::<String>();
        draw(&one(&"weight_grad_norm".to_owned())).expect("a log");
        draw(&one(&"saturated_fraction".to_owned())).expect("a log");
    }
}

#[test]
fn sparse_logs_are_drawn_honestly() {
    let line = |step: u64, layer: usize, norm: &str| {
        format!("{{\"kind\":\"layer\",\"step\":{step},\"layer\":{layer},\"weight_grad_norm\":{norm}}}\n")
    };
    let names = |text: &str| draw(text).expect("a log").into_iter().map(|file| file.name).collect::<Vec<_>>();
    // One layer at one step.
    assert_eq!(names(&line(0, 1, "0.5")), ["index.html", "gradient_flow.svg", "norm_fans.svg"]);
    // Places only: nothing to draw, and the page says so.
    let bare = draw("{\"kind\":\"layer\",\"step\":3,\"layer\":2}\n").expect("a log");
    assert_eq!(bare.len(), 1);
    assert!(bare[0].text.contains("none of the quantities"));
    // Layers that are not contiguous, steps as large as they can be, gaps.
    let steps = [0, 1, u64::MAX - 1, u64::MAX];
    let text: String = steps.iter().flat_map(|s| [3, 17, 1_000_000].map(|l| line(*s, l, "1e300"))).collect();
    assert_eq!(names(&text).len(), 3);
    // An alert at a step that was not recorded stands in the table, and the caption says that it is not in the figure.
    let alert = gradspectra::watch::line(&full(40, 1)[4]);
    let page = draw(&(line(0, 1, "1") + &line(4, 1, "1") + &alert)).expect("a log").remove(0).text;
    assert!(page.contains("stand in the table only") && page.contains("<td>40</td>"), "{page}");
}

#[test]
fn the_log_from_pytorch_is_drawn_by_the_command_line() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let run = |arguments: &[&str]| {
        Command::new(env!("CARGO_BIN_EXE_gradspectra"))
            .args(arguments)
            .current_dir(root())
            .output()
            .expect("the program was built for this test")
    };
    let out = directory.path().join("page");
    let log = "tests/data/pytorch_log.jsonl";
    let output = run(&["report", log, "--out", out.to_str().expect("a plain path"), "--json"]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let document: Value = serde_json::from_slice(&output.stdout).expect("one JSON document");
    assert_eq!((&document["verdicts"], &document["alerts"]), (&Value::Array(Vec::new()), &Value::Array(Vec::new())));
    let page = std::fs::read_to_string(out.join("index.html")).expect("written");
    // The numbers of the log's first and last step: 0.000831 / 0.0568 and 4.758 / 0.1376.
    assert!(
        page.contains("Layer 1 gets 1.46 % of layer 12\u{2019}s gradient at step 0, 34.6 times it at step 1999"),
        "{page}"
    );
    for figure in ["course", "gradient_flow", "norm_fans", "updates"] {
        assert!(out.join(format!("{figure}.svg")).is_file(), "{figure}");
    }
    // The directory of a log stands for it; its report is beside it.
    let run_directory = directory.path().join("run");
    std::fs::create_dir(&run_directory).expect("writable");
    std::fs::copy(root().join(log), run_directory.join("log.jsonl")).expect("writable");
    let output = run(&["report", run_directory.to_str().expect("a plain path")]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(run_directory.join("report/index.html").is_file());
    // What applies to networks that are drawn does not apply to a log.
    for arguments in [["report", log, "--trials", "3"], ["report", log, "--seed", "3"]] {
        let output = run(&arguments);
        let error = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(2), "{error}");
        assert!(error.contains("do not apply to the log of a training"), "{error}");
    }
    let empty = directory.path().join("empty.jsonl");
    std::fs::write(&empty, "").expect("writable");
    let output = run(&["report", empty.to_str().expect("a plain path")]);
    let error = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.code() == Some(2) && error.contains("no layer was recorded"), "{error}");
}

/// What the README shows is the file, up to its demo.
#[test]
fn the_readme_shows_the_hook_for_pytorch_as_it_is() {
    let code = read("docs/pytorch_watch.py");
    let hook = code.split("\n\ndef demo(").next().expect("the hook stands before the demo").trim_end();
    assert!(hook.contains("class Watch"));
    assert!(
        read("README.md").contains(&format!("```python\n{hook}\n```\n")),
        "README.md shows another hook than docs/pytorch_watch.py"
    );
}

/// Fields by section of the documented schema: the first column of each table.
fn documented(section: &str) -> BTreeSet<String> {
    let text = read("docs/log_schema.md");
    let (_, rest) = text.split_once(&format!("\n## {section}\n")).unwrap_or_else(|| panic!("no section {section}"));
    let own = rest.split("\n## ").next().unwrap_or_default();
    own.lines().filter_map(|line| line.strip_prefix("| `")?.split('`').next().map(str::to_owned)).collect()
}

#[test]
fn the_documented_fields_are_those_that_are_written() {
    for record in full(0, 1) {
        let Value::Object(mut fields) = serde_json::to_value(&record).expect("JSON") else { panic!("no object") };
        let kind = fields.remove("kind").expect("every line has a kind");
        let kind = kind.as_str().expect("a name");
        let written: BTreeSet<String> = fields.keys().cloned().collect();
        assert_eq!(written, documented(kind), "of `{kind}`");
        if let Some(Value::Object(layer)) = fields.get("layers").map(|list| &list[0]) {
            assert_eq!(layer.keys().cloned().collect::<BTreeSet<_>>(), documented("layers of the header"));
        }
    }
    let text = read("docs/log_schema.md");
    for kind in AlertKind::ALL {
        assert!(text.contains(&format!("`{}`", kind.name())), "{} is not documented", kind.name());
    }
}
