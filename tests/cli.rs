//! The command line as a user meets it: JSON contract, texts (snapshots), bad input, exit codes, interruption.

use std::path::Path;
use std::process::{Command, Output};

fn gradspectra(arguments: &[&str], directory: &Path) -> Output {
    Command::new(env!("CARGO_BIN_EXE_gradspectra"))
        .args(arguments)
        .current_dir(directory)
        .output()
        .expect("the program was built for this test")
}

fn here() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).expect("text")
}

fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).expect("text")
}

/// Runs with `--json` and parses standard output as exactly one document.
fn json(arguments: &[&str]) -> serde_json::Value {
    let arguments: Vec<&str> = arguments.iter().copied().chain(["--json"]).collect();
    let output = gradspectra(&arguments, here());
    assert!(output.status.success(), "{arguments:?}: {}", stderr(&output));
    assert!(output.stderr.is_empty(), "{arguments:?} is not silent: {}", stderr(&output));
    serde_json::from_slice(&output.stdout).expect("one JSON document")
}

/// The keys of an object hold the contract's.
fn assert_fields(value: &serde_json::Value, fields: &[&str]) {
    let object = value.as_object().expect("an object");
    for field in fields {
        assert!(object.contains_key(*field), "no field `{field}` in {value}");
    }
}

#[test]
fn backprop_reproduces_pytorch_through_the_command_line() {
    let data = here().join("tests/data");
    let output = gradspectra(
        &[
            "backprop",
            "lesson_pytorch.safetensors",
            "--activation",
            "sigmoid",
            "--inputs",
            "lesson_pytorch_x.safetensors",
            "--loss",
            "sum",
            "--json",
        ],
        &data,
    );
    let got: serde_json::Value = serde_json::from_slice(&output.stdout).expect("one JSON document");
    let text = std::fs::read_to_string(data.join("lesson_pytorch.json")).expect("in the repository");
    let expected: serde_json::Value = serde_json::from_str(&text).expect("valid JSON");
    let close = |got: &serde_json::Value, expected: &serde_json::Value| {
        let (got, expected) = (got.as_f64().expect("a number"), expected.as_f64().expect("a number"));
        assert!((got / expected - 1.0).abs() < 1e-12, "{got} not {expected}");
    };
    close(&got["loss"], &expected["loss"]);
    // ln |det J| is the sum over layers of ln |det W| and the slopes' logarithms: here only that all 50 are there, and in order.
    let jacobian: Vec<f64> = numbers(&got["jacobian_log10_singular_values"]).into_iter().flatten().collect();
    assert_eq!((jacobian.len(), &got["jacobian_note"]), (50, &serde_json::Value::Null));
    assert!(jacobian.is_sorted_by(|a, b| a >= b) && jacobian[0] < 0.0, "{jacobian:?}");
    let layers = got["layers"].as_array().expect("a list");
    assert_eq!(layers.len(), 10);
    for (index, layer) in layers.iter().enumerate() {
        assert_fields(
            layer,
            &["name", "weight_grad_norm", "bias_grad_norm", "saturated_fraction", "inactive_fraction"],
        );
        close(&layer["weight_grad_norm"], &expected["weight_grad_norm"][index]);
        close(&layer["bias_grad_norm"], &expected["bias_grad_norm"][index]);
    }
}

#[test]
fn backprop_draws_inputs_and_takes_every_loss_and_format() {
    let model = "tests/data/lesson_pytorch.safetensors";
    for loss in ["sum", "random", "mse"] {
        for precision in ["f64", "f32"] {
            let got = json(&["backprop", model, "--activation", "sigmoid", "--loss", loss, "--precision", precision]);
            assert!(got["layers"][0]["weight_grad_norm"].as_f64().expect("finite") > 0.0);
        }
    }
}

/// A list of numbers, `None` for `null`.
fn numbers(value: &serde_json::Value) -> Vec<Option<f64>> {
    value.as_array().expect("a list").iter().map(serde_json::Value::as_f64).collect()
}

/// Through linear layers the Jacobian is the product of the weights, whatever the input; with slopes that are zero it is zero, and where the
/// pass overflows there is a reason instead.
#[test]
fn the_jacobian_of_backprop_is_that_of_the_first_sample() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let path = directory.path().join("m.safetensors");
    let file = path.to_str().expect("a text path");
    let weights = [("0.weight", &[2, 2][..], &[2.0, 1.0, 0.0, 0.5][..]), ("1.weight", &[2, 2], &[1.0, -1.0, 1.0, 1.0])];
    std::fs::write(&path, tensors(&weights)).expect("writable");
    let chain = numbers(&json(&["chain", file])["log10_singular_values"]);
    for precision in ["f64", "f32"] {
        let got = json(&["backprop", file, "--activation", "linear", "--precision", precision]);
        for (got, expected) in numbers(&got["jacobian_log10_singular_values"]).into_iter().zip(&chain) {
            assert!((got.expect("regular") - expected.expect("regular")).abs() < 1e-14);
        }
    }
    // Both units are off for every input: their biases are far below any pre-activation.
    let dead = [weights[0], ("0.bias", &[2], &[-1e6, -1e6])];
    std::fs::write(&path, tensors(&dead)).expect("writable");
    let got = json(&["backprop", file, "--activation", "relu"]);
    assert_eq!(numbers(&got["jacobian_log10_singular_values"]), [None, None]);
    assert!(stdout(&gradspectra(&["backprop", file, "--activation", "relu"], here())).contains("exactly zero"));
    let huge =
        [("0.weight", &[1, 1][..], &[1e300][..]), ("1.weight", &[1, 1], &[1e300]), ("2.weight", &[1, 1], &[1.0])];
    std::fs::write(&path, tensors(&huge)).expect("writable");
    let output = gradspectra(&["backprop", file, "--activation", "tanh", "--loss", "sum", "--json"], here());
    let got: serde_json::Value = serde_json::from_slice(&output.stdout).expect("one JSON document");
    assert_fields(&got, &["jacobian_log10_singular_values", "jacobian_note"]);
}

#[test]
fn chain_keeps_the_contract() {
    let got = json(&["chain", "tests/data/lesson_pytorch.safetensors"]);
    let fields = [
        "log10_singular_values",
        "rank",
        "lyapunov_exponents",
        "skipped",
        "factors",
        "rows",
        "columns",
        "conditioning",
        "determined",
        "plain_log10_singular_values",
        "plain_overflows",
        "lost",
        "log10_spectral_radius",
    ];
    assert_fields(&got, &fields);
    let skipped: Vec<String> = (0..10).map(|layer| format!("{layer}.0.bias")).collect();
    assert_eq!(got["skipped"], serde_json::json!(skipped));
    assert_eq!(got["factors"][9], serde_json::json!({"name": "9.0.weight", "shape": [50, 50]}));
    assert_eq!((&got["rank"], &got["rows"], &got["columns"]), (&50.into(), &50.into(), &50.into()));
    let values = numbers(&got["log10_singular_values"]);
    for list in ["lyapunov_exponents", "conditioning", "plain_log10_singular_values"] {
        assert_eq!(numbers(&got[list]).len(), values.len());
    }
    for (log10, exponent) in values.iter().zip(numbers(&got["lyapunov_exponents"])) {
        let expected = log10.expect("regular") * std::f64::consts::LN_10 / 10.0;
        assert!((exponent.expect("regular") - expected).abs() < 1e-12);
    }
}

/// Upper and lower triangular factors in turn: the determinant of the product is that of their diagonals, 10^-120. The chain has it, the explicit
/// product has lost it; names are in natural order, or the shapes would not chain; the files say what was printed.
#[test]
fn chain_keeps_what_an_explicit_product_loses() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let names: Vec<String> = (0..40).map(|index| format!("layers.{index}.weight")).collect();
    let triangles = [[1.0, 0.7, 0.3, 0.0, 0.1, 0.9, 0.0, 0.0, 0.01], [1.0, 0.0, 0.0, 0.7, 0.1, 0.0, 0.3, 0.9, 0.01]];
    let mut list: Vec<(&str, &[usize], &[f64])> = names
        .iter()
        .zip(triangles.iter().cycle())
        .map(|(name, entries)| (name.as_str(), &[3, 3][..], &entries[..]))
        .collect();
    list.push(("layers.7.bias", &[3], &[0.0; 3]));
    std::fs::write(directory.path().join("t.safetensors"), tensors(&list)).expect("writable");
    let output = gradspectra(&["chain", "t.safetensors", "--out", "a/b", "--json"], directory.path());
    assert!(output.status.success(), "{}", stderr(&output));
    let mut got: serde_json::Value = serde_json::from_slice(&output.stdout).expect("one JSON document");
    let total = |list: &str| numbers(&got[list]).iter().map(|value| value.unwrap_or(-400.0)).sum::<f64>();
    assert!((total("log10_singular_values") + 120.0).abs() < 1e-10, "{}", total("log10_singular_values"));
    assert!((total("plain_log10_singular_values") + 120.0).abs() > 1.0);
    assert_eq!((&got["rank"], &got["skipped"]), (&3.into(), &serde_json::json!(["layers.7.bias"])));
    assert!(got["lost"].as_u64().expect("a count") >= 1);
    let largest = got["log10_singular_values"][0].as_f64().expect("regular");
    assert!(got["log10_spectral_radius"].as_f64().expect("square") <= largest + 1e-12);
    let files = got.as_object_mut().expect("an object").remove("files").expect("with --out");
    assert_eq!(files, serde_json::json!(["a/b/chain.svg", "a/b/chain.json"]));
    let saved = std::fs::read_to_string(directory.path().join("a/b/chain.json")).expect("written");
    assert_eq!(serde_json::from_str::<serde_json::Value>(&saved).expect("one JSON document"), got);
    let figure = std::fs::read_to_string(directory.path().join("a/b/chain.svg")).expect("written");
    assert!(figure.contains("40 factors") && figure.contains("multiplied out"), "the title says the finding");
    let text = stdout(&gradspectra(&["chain", "t.safetensors"], directory.path()));
    assert!(text.contains("rank 3 of 3") && text.contains("skipped, not matrices: layers.7.bias"), "{text}");
}

/// Factors in half and single precision are taken exactly; rows, columns and zeros are products like any other.
#[test]
fn chain_takes_every_format_and_shape() {
    use safetensors::{Dtype, tensor::TensorView};
    let directory = tempfile::tempdir().expect("a temporary directory");
    let run = |bytes: &[u8]| {
        let path = directory.path().join("c.safetensors");
        std::fs::write(&path, bytes).expect("writable");
        let out = directory.path().join("out");
        let (path, out) = (path.to_str().expect("a text path"), out.to_str().expect("a text path"));
        let text = gradspectra(&["chain", path], here());
        assert!(text.status.success(), "{}", stderr(&text));
        let got = json(&["chain", path, "--out", out]);
        let figure = std::fs::read_to_string(directory.path().join("out/chain.svg")).expect("written");
        assert!(!figure.contains("NaN") && !figure.contains(">inf"), "{figure}");
        got
    };
    let bf16s: Vec<u8> = [3.0_f32, 0.0, 0.0, 0.5].iter().flat_map(|v| half::bf16::from_f32(*v).to_le_bytes()).collect();
    let f32s: Vec<u8> = [0.0_f32, 1e-40, 1e30, 0.0].iter().flat_map(|v| v.to_le_bytes()).collect();
    let view = |dtype, data| TensorView::new(dtype, vec![2, 2], data).expect("four values");
    let views = [("1", view(Dtype::BF16, &bf16s)), ("2", view(Dtype::F32, &f32s))];
    let got = run(&safetensors::serialize(views, None).expect("valid"));
    let subnormal = f64::from(1e-40_f32);
    let expected = [(3.0 * f64::from(1e30_f32)).log10(), (0.5 * subnormal).log10()];
    for (got, expected) in numbers(&got["log10_singular_values"]).iter().zip(expected) {
        assert!((got.expect("regular") - expected).abs() < 1e-13);
    }
    let row = run(&tensors(&[("0", &[1, 3], &[3.0, 0.0, 4.0]), ("1", &[4, 1], &[1.0, 1.0, 1.0, 1.0])]));
    assert_eq!((&row["rank"], &row["rows"], &row["columns"]), (&1.into(), &4.into(), &3.into()));
    let values = numbers(&row["log10_singular_values"]);
    assert!((values[0].expect("10") - 1.0).abs() < 1e-14 && values[1..] == [None, None], "{values:?}");
    assert_eq!(row["log10_spectral_radius"], serde_json::Value::Null);
    let column = run(&tensors(&[("0", &[3, 1], &[3.0, 0.0, 4.0]), ("1", &[1, 3], &[3.0, 0.0, 4.0])]));
    assert!((numbers(&column["log10_singular_values"])[0].expect("25") - 25f64.log10()).abs() < 1e-14);
    let zero = run(&tensors(&[("0", &[2, 2], &[1.0; 4]), ("1", &[2, 2], &[0.0; 4]), ("2", &[3, 2], &[1.0; 6])]));
    assert_eq!((&zero["rank"], &zero["lost"]), (&0.into(), &0.into()));
    for list in ["log10_singular_values", "lyapunov_exponents", "conditioning", "plain_log10_singular_values"] {
        assert_eq!(numbers(&zero[list]), [None, None], "{list}");
    }
    let one = run(&tensors(&[("w", &[1, 1], &[-0.1])]));
    assert!((numbers(&one["log10_singular_values"])[0].expect("0.1") + 1.0).abs() < 1e-14);
}

/// Zeros by structure and by cancellation, values that one ulp decides, an overflow, and a name that would give orders to the terminal.
#[test]
fn chain_tells_zeros_noise_and_overflow_apart() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let run = |list: &[(&str, &[usize], &[f64])]| {
        std::fs::write(directory.path().join("c.safetensors"), tensors(list)).expect("writable");
        let text = stdout(&gradspectra(&["chain", "c.safetensors", "--out", "o"], directory.path()));
        let figure = std::fs::read_to_string(directory.path().join("o/chain.svg")).expect("written");
        (text, figure)
    };
    let hall = [0.3, 0.7, 0.0, 0.9, -0.2, 0.0, -1.1, 0.4, 0.0];
    let (text, _) = run(&[("0", &[3, 3], &hall)]);
    assert!(text.contains("rank 2 of 3") && !text.contains("not determined"), "{text}");
    let nine = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0];
    let (text, figure) = run(&[("0", &[3, 3], &nine), ("1", &[3, 3], &nine)]);
    assert!(text.contains("rank 2 of 3") && text.contains("becomes nonzero"), "{text}");
    assert!(text.contains("zero for these entries, but not for all an ulp off"), "{text}");
    assert!(text.contains("none of the 2 determined singular values is off"), "{text}");
    assert!(figure.contains("(1 not determined); multiplied out, f64 loses none"), "the title says it too");
    let (text, figure) = run(&[("0", &[2, 2], &[0.1, 0.3, 0.1, 0.3_f64.next_up()])]);
    assert!(text.contains("1 of 2 are not determined by the file: one ulp in the entries moves them"), "{text}");
    assert!(text.contains("rank 2 of 2, over 0.00 decades"), "{text}");
    assert!(figure.contains("not determined: one ulp moves it"), "the legend of the hollow point");
    let large = [1.7e308, 1.7e308, 1.7e308, -1.7e308];
    let list: [(&str, &[usize], &[f64]); 3] =
        [("0", &[2, 2], &large), ("1", &[2, 2], &large), ("bias\u{1b}[31m", &[1], &[0.0])];
    let (text, figure) = run(&list);
    assert!(text.contains("the product overflows") && text.contains("overflow\n") && !text.contains("zero"), "{text}");
    assert!(figure.contains("multiplied out, f64 overflows"), "{text}");
    assert!(text.contains("skipped, not matrices: bias[31m\n") && !text.contains('\u{1b}'), "{text:?}");
}

/// A specification that asks for the product's spectrum alone, and one that asks for it among others.
#[test]
fn the_product_spectrum_is_measured_drawn_and_saved() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let ask = |quantities: &str| SMALL.replace("trials = 30", &format!("trials = 30\nquantities = [{quantities}]"));
    let write = |name: &str, text: String| std::fs::write(directory.path().join(name), text).expect("writable");
    write("only.toml", ask("\"Product_Spectrum\""));
    write("both.toml", ask("\"gradient_norms\", \"product_spectrum\""));
    write("small.toml", SMALL.to_owned());
    let measure = |name: &str, threads: &str| -> serde_json::Value {
        let output = gradspectra(&["measure", name, "--json", "--threads", threads], directory.path());
        assert!(output.status.success(), "{}", stderr(&output));
        serde_json::from_slice(&output.stdout).expect("one JSON document")
    };
    let only = measure("only.toml", "1");
    assert_eq!(only["measurements"], serde_json::json!([]));
    let depths: Vec<u64> = only["product_spectrum"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|spectrum| {
            assert_fields(spectrum, &["depth", "log10_singular_values", "trials", "seed"]);
            let values = spectrum["log10_singular_values"].as_array().expect("a list");
            values.iter().for_each(|value| assert_fields(value, &["mean", "standard_error", "zeros"]));
            assert_eq!(values.len(), 6);
            spectrum["depth"].as_u64().expect("a count")
        })
        .collect();
    assert_eq!(depths, [1, 2, 3]);
    let both = measure("both.toml", "2");
    assert_eq!(only["product_spectrum"], both["product_spectrum"], "whatever the threads and the other quantities");
    assert_eq!(both["measurements"].as_array().expect("a list").len(), 3);
    assert!(stdout(&gradspectra(&["measure", "only.toml"], directory.path())).contains("product_spectrum"));
    assert!(measure("small.toml", "1")["product_spectrum"].is_null(), "only where it is asked for");
    for name in ["only", "both"] {
        let output = gradspectra(&["report", &format!("{name}.toml"), "--out", name], directory.path());
        assert!(output.status.success(), "{name}: {}", stderr(&output));
        assert!(directory.path().join(name).join("product_spectrum.svg").exists());
        // Figures and tables of what was not asked for are left out, not empty.
        let page = std::fs::read_to_string(directory.path().join(name).join("index.html")).expect("written");
        for part in ["id=\"gradient_norms\"", "Layer by layer", ": measured (rms)"] {
            assert_eq!(page.contains(part), name == "both", "{name}: {part}");
        }
        let again = gradspectra(&["report", &format!("{name}/data.json"), "--out", "again"], directory.path());
        assert!(again.status.success(), "{name}: {}", stderr(&again));
        let file = |place: &str, file: &str| std::fs::read(directory.path().join(place).join(file)).expect("written");
        for kept in ["index.html", "data.json", "product_spectrum.svg"] {
            assert!(file(name, kept) == file("again", kept), "{name}: another {kept} from the same data");
        }
    }
}

#[test]
fn predict_and_measure_keep_the_contract() {
    let predicted = json(&["predict", "lesson"]);
    let fields = ["quantity", "layer", "value", "log10_rms", "log10_mean", "error", "hypotheses", "source"];
    assert_fields(&predicted["predictions"][0], &fields);
    let model = "name = \"m\"\n[network]\ninput = 3\ndepth = 2\nwidth = 3\nactivation = \"tanh\"\nweights = { std = 1.0 }\n\
                 [loss]\nkind = \"mse\"";
    let directory = tempfile::tempdir().expect("a temporary directory");
    let file = directory.path().join("m.toml");
    std::fs::write(&file, model).expect("writable");
    let withheld = json(&["predict", file.to_str().expect("a text path")]);
    assert_fields(&withheld["not_predicted"][0], &["quantity", "layers", "reason"]);
    let measured = json(&["measure", "lesson", "--trials", "20"]);
    let fields =
        ["quantity", "layer", "log10_rms", "log10_mean", "standard_error", "trials", "zeros", "non_finite", "seed"];
    for measurement in measured["measurements"].as_array().expect("a list") {
        assert_fields(measurement, &fields);
        assert_eq!(measurement["trials"], 20);
    }
}

#[test]
fn the_numbers_do_not_depend_on_the_threads() {
    let with = |threads| {
        stdout(&gradspectra(&["measure", "lesson", "--trials", "30", "--json", "--threads", threads], here()))
    };
    assert_eq!(with("1"), with("3"));
}

#[test]
fn verify_keeps_the_contract_and_lists_its_claims() {
    let verified = json(&["verify", "--only", "derivative-sup"]);
    let claims = verified["claims"].as_array().expect("a list");
    let bounded = gradspectra::activation::ACTIVATIONS
        .iter()
        .filter(|entry| entry.activation().derivative_bounds().sup_abs.is_finite());
    assert_eq!(claims.len(), bounded.count());
    let fields =
        ["id", "statement", "verdict", "predicted", "measured", "standard_error", "stated_error", "control_refuted"];
    for claim in claims {
        assert_fields(claim, &fields);
        assert_eq!((&claim["verdict"], &claim["control_refuted"]), (&"confirmed".into(), &true.into()));
    }
    let sigmoid = claims.iter().find(|claim| claim["id"] == "derivative-sup-sigmoid").expect("registered");
    assert_eq!(sigmoid["predicted"], 0.25);
    insta::assert_snapshot!("verify_list", stdout(&gradspectra(&["verify", "--list"], here())));
}

#[test]
fn activation_keeps_the_contract() {
    for entry in gradspectra::activation::ACTIVATIONS {
        let got = json(&["activation", entry.name, "--q", "2"]);
        let fields = [
            "derivative_sup",
            "derivative_sup_at",
            "derivative_inf",
            "derivative_inf_at",
            "second_derivative_sup",
            "second_derivative_sup_at",
            "regions",
            "moments",
        ];
        assert_fields(&got, &fields);
        assert_fields(&got["moments"], &["q", "phi", "phi2", "dphi", "dphi2", "dphi4"]);
        assert_eq!(got["moments"]["q"], 2.0);
    }
    let tied = json(&["activation", "gaussian"]);
    let place = std::f64::consts::FRAC_1_SQRT_2;
    assert_eq!(tied["derivative_sup_at"], serde_json::json!([-place, place]));
    assert_eq!(json(&["activation", "softplus"])["derivative_sup_at"], serde_json::Value::Null);
    let composed = json(&["activation", "-2*tanh(0.5*x)"]);
    assert_eq!((&composed["derivative_sup"], &composed["derivative_inf"]), (&1.0.into(), &(-1.0).into()));
    insta::assert_snapshot!("activation_tanh_composed", stdout(&gradspectra(&["activation", "2*tanh(0.5*x)"], here())));
    insta::assert_snapshot!("activation_relu", stdout(&gradspectra(&["activation", "relu"], here())));
}

#[test]
fn phase_keeps_the_contract() {
    let point = json(&["phase", "tanh", "--sigma-w", "1.5811388300841898", "--sigma-b", "0.2236067977499790"]);
    assert_fields(&point, &["q_star", "chi_1", "c_star", "xi_q", "xi_c", "phase", "sigma_w", "sigma_b", "stable"]);
    assert_eq!(point["phase"], "chaotic");
    for (field, expected) in
        [("q_star", 1.063_958_377_416_81), ("c_star", 0.446_804_232_344_41), ("xi_c", 11.795_597_515_885_1)]
    {
        assert!((point[field].as_f64().expect("a number") / expected - 1.0).abs() < 1e-11, "{field}: {point}");
    }
    let critical = json(&["phase", "tanh", "--critical", "--sigma-b", "0.2236067977499790"]);
    assert_eq!((&critical["phase"], &critical["stable"]), (&"critical".into(), &true.into()));
    assert!((critical["sigma_w"].as_f64().expect("a number").powi(2) - 1.760_954_639_606_739).abs() < 1e-11);
    // The edge of GELU at these biases is there, but no network stays on it.
    let unstable = json(&["phase", "gelu", "--critical", "--sigma-b", "0.2236067977499790"]);
    assert_eq!((&unstable["phase"], &unstable["stable"]), (&"critical".into(), &false.into()));
    assert!((unstable["sigma_w"].as_f64().expect("a number").powi(2) - 2.302_519_511_692_814).abs() < 1e-10);
    let unbounded = json(&["phase", "relu", "--sigma-w", "1.5"]);
    assert_eq!((&unbounded["phase"], &unbounded["q_star"]), (&"unbounded".into(), &serde_json::Value::Null));
    // sigma_w^2 = 103.0 is where the edge of the sigmoid begins.
    let sigmoid = json(&["phase", "sigmoid", "--critical"]);
    assert!((sigmoid["sigma_w"].as_f64().expect("a number").powi(2) - 103.007_553_855_519).abs() < 1e-9);
}

#[test]
fn a_phase_grid_is_a_table_and_a_figure() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let arguments =
        ["phase", "gelu", "--sigma-w", "0.5:2.5:9", "--sigma-b", "0:1:5", "--out", "grid.csv", "--figure", "grid.svg"];
    let output = gradspectra(&arguments, directory.path());
    assert!(output.status.success(), "{}", stderr(&output));
    let table = std::fs::read_to_string(directory.path().join("grid.csv")).expect("written");
    assert_eq!(table.lines().count(), 1 + 9 * 5);
    let header: Vec<&str> = table.lines().next().expect("a header").split(',').collect();
    for (k, line) in table.lines().skip(1).enumerate() {
        let cells: Vec<&str> = line.split(',').collect();
        assert_eq!(cells.len(), header.len(), "{line}");
        // Each row again, alone.
        let point = json(&["phase", "gelu", "--sigma-w", cells[0], "--sigma-b", cells[1]]);
        assert_eq!(point["phase"], cells[2], "row {k}");
        for (name, cell) in header.iter().zip(&cells).skip(3).take(7) {
            let alone = point[*name].as_f64();
            let row = cell.parse::<f64>().ok();
            let near = alone.zip(row).is_some_and(|(a, b)| (a - b).abs() <= 1e-10 * (1.0 + a.abs()));
            assert!(near || alone == row, "{name} of {line}: {alone:?}");
        }
    }
    let figure = std::fs::read_to_string(directory.path().join("grid.svg")).expect("written");
    assert!(figure.starts_with("<svg") && figure.contains("gelu"));
    let edges = gradspectra(&["phase", "all", "--critical", "--figure", "edges.svg"], directory.path());
    assert!(edges.status.success() && stdout(&edges).contains("softplus             none"), "{}", stdout(&edges));
}

#[test]
fn activations_are_proved_tailored_and_drawn() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let mish = json(&["activation", "expr: x*tanh(log(1+exp(x)))"]);
    let bound = |end: &str| mish["enclosure"][end].as_f64().expect("a number");
    assert!(bound("low") <= 1.088_498_161_251_728 && 1.088_498_161_251_727 <= bound("high"), "{mish}");
    assert!((mish["derivative_sup"].as_f64().expect("a number") - 1.088_498_161_251_728).abs() < 1e-13);
    let arguments = ["activation", "tanh", "--tailor", "dks(50, 1.5)", "--figure", "tanh.svg", "--json"];
    let output = gradspectra(&arguments, directory.path());
    assert!(output.status.success(), "{}", stderr(&output));
    let document: serde_json::Value = serde_json::from_str(&stdout(&output)).expect("one document");
    // The spelling is that of an activation whose q-map keeps 1.
    let shaped = document["tailored"].as_str().expect("a spelling");
    let point = json(&["phase", shaped, "--sigma-w", "1"]);
    assert!((point["q_star"].as_f64().expect("bounded") - 1.0).abs() < 1e-4, "{shaped}: {point}");
    assert!(std::fs::read_to_string(directory.path().join("tanh.svg")).expect("written").starts_with("<svg"));
}

#[test]
fn texts_for_people() {
    insta::assert_snapshot!("help", stdout(&gradspectra(&["--help"], here())));
    for command in ["report", "predict", "measure", "verify", "backprop", "chain", "activation"] {
        let help = gradspectra(&[command, "--help"], here());
        insta::assert_snapshot!(format!("help_{command}"), stdout(&help));
    }
    insta::assert_snapshot!("predict_lesson", stdout(&gradspectra(&["predict", "lesson"], here())));
}

/// A small specification, so that a report takes a moment.
const SMALL: &str = "name = \"small\"\n[network]\ninput = 6\ndepth = 3\nwidth = 6\nactivation = \"tanh\"\n\
                     weights = { sigma_w = 1.2 }\n[loss]\nkind = \"random\"\n[measure]\ntrials = 30\n";

#[test]
fn a_report_is_written_and_renders_again_to_the_same_page() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    std::fs::write(directory.path().join("small.toml"), SMALL).expect("writable");
    let output = gradspectra(&["report", "small.toml", "--json"], directory.path());
    assert!(output.status.success(), "{}", stderr(&output));
    let document: serde_json::Value = serde_json::from_slice(&output.stdout).expect("one JSON document");
    assert_fields(&document, &["files", "verdicts"]);
    for file in document["files"].as_array().expect("a list") {
        assert!(directory.path().join(file.as_str().expect("a path")).exists());
    }
    let page = |name: &str| std::fs::read_to_string(directory.path().join(name).join("index.html")).expect("written");
    let first = page("reports/small");
    assert!(first.contains("<svg") && !first.contains("<script") && !first.contains("=\"http"), "self-contained");
    let again = gradspectra(&["report", "reports/small/data.json", "--out", "again"], directory.path());
    assert!(again.status.success(), "{}", stderr(&again));
    assert_eq!(first, page("again"));
    let data = |name: &str| std::fs::read(directory.path().join(name).join("data.json")).expect("written");
    assert!(data("reports/small") == data("again"), "what is saved is what was loaded");
    let left: Vec<_> = std::fs::read_dir(directory.path().join("again")).expect("readable").collect();
    assert_eq!(left.len(), document["files"].as_array().expect("a list").len(), "no temporary file stays behind");
}

/// Degenerate networks get an honest page: one layer, two trials, everything zero, everything infinite.
#[test]
fn degenerate_networks_have_a_report() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let linear = |depth: usize, std: &str| {
        format!(
            "[network]\ninput = 4\ndepth = {depth}\nwidth = 4\nactivation = \"linear\"\nweights = {{ std = {std} }}\n\
             [measure]\ntrials = 2\n"
        )
    };
    let cases = [
        ("one", linear(1, "1.0")),
        ("zero", linear(300, "1e-9")),
        ("overflow", linear(300, "1e9")),
        ("relu", SMALL.replace("tanh", "relu").replace("random", "mse")),
        ("readout", SMALL.replace("[loss]", "output = 3\n[loss]")),
        ("shrinking", SMALL.replace("sigma_w = 1.2", "sigma_w = 0.01").replace("depth = 3", "depth = 40")),
        ("growing", linear(40, "30.0")),
        ("single", linear(40, "30.0").replace("[measure]", "precision = \"f32\"\n[measure]")),
        ("fractions", SMALL.replace("trials = 30", "trials = 2\nquantities = [\"saturated_fraction\"]")),
    ];
    for (name, text) in cases {
        std::fs::write(directory.path().join(format!("{name}.toml")), text).expect("writable");
        let output = gradspectra(&["report", &format!("{name}.toml"), "--out", name], directory.path());
        assert!(output.status.success(), "{name}: {}", stderr(&output));
        let page = std::fs::read_to_string(directory.path().join(name).join("index.html")).expect("written");
        assert!(!page.contains("NaN") && !page.contains(">inf"), "{name}: a NaN or an infinity is on the page");
        // And each renders again from what it saved.
        let again = gradspectra(&["report", &format!("{name}/data.json"), "--out", "again"], directory.path());
        assert!(again.status.success(), "{name}: {}", stderr(&again));
        let rendered = std::fs::read_to_string(directory.path().join("again/index.html")).expect("written");
        assert!(page == rendered, "{name}: another page from the same data");
    }
}

/// Every kind of bad input: exit code 2, one line that names file, key or value, nothing on standard output, no file written.
#[test]
fn bad_input_gets_one_clear_line() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let model = here().join("tests/data/lesson_pytorch.safetensors");
    let model = model.to_str().expect("a text path");
    let inputs = here().join("tests/data/lesson_pytorch_x.safetensors");
    let bytes = std::fs::read(model).expect("in the repository");
    let write = |name: &str, text: &[u8]| std::fs::write(directory.path().join(name), text).expect("writable");
    write("truncated.safetensors", &bytes[..bytes.len() / 2]);
    let mut lying = bytes.clone();
    lying[..8].copy_from_slice(&u64::MAX.to_le_bytes());
    write("lying.safetensors", &lying);
    write("nan.safetensors", &tensors(&[("0.weight", &[2, 2], &[1.0, f64::NAN, 0.0, 1.0])]));
    write("unchained.safetensors", &tensors(&[("0.weight", &[2, 2], &[1.0; 4]), ("1.weight", &[1, 3], &[1.0; 3])]));
    write("conv.safetensors", &tensors(&[("conv.weight", &[2, 2, 1], &[1.0; 4])]));
    write("norm.safetensors", &tensors(&[("0.weight", &[2, 2], &[1.0; 4]), ("1.running_mean", &[2], &[1.0; 2])]));
    write("bias.safetensors", &tensors(&[("0.weight", &[2, 2], &[1.0; 4]), ("0.bias", &[3], &[1.0; 3])]));
    write("empty.safetensors", &tensors(&[]));
    write("twice.safetensors", &tensors(&[("weight", &[2, 2], &[1.0; 4]), (".weight", &[3, 3], &[1.0; 9])]));
    write("labels.safetensors", &integers());
    write("hollow.safetensors", &tensors(&[("0.weight", &[2, 2], &[1.0; 4]), ("1.weight", &[0, 2], &[])]));
    write("biases.safetensors", &tensors(&[("0.bias", &[2], &[1.0; 2])]));
    write("nothing.safetensors", b"");
    write("wide.safetensors", &tensors(&[("0", &[1, 20_000], &[0.5; 20_000])]));
    let one = r#""a":{"dtype":"F64","shape":[1,1],"data_offsets":[0,8]}"#;
    let header = format!("{{{one},{one}}}");
    write("double.safetensors", &[&(header.len() as u64).to_le_bytes()[..], header.as_bytes(), &[0; 8]].concat());
    write("stack.npy", b"\x93NUMPY\x01\x00v\x00{'descr': '<f8', 'fortran_order': False, 'shape': (2, 2), }");
    write("ragged.csv", b"a,b,label\n1,2,0\n3,4\n");
    write("words.csv", b"a;b;label\r\n1;2;cat\r\n");
    write("nan.csv", b"1,2\n3,nan\n");
    write("header.csv", b"a,b,label\n");
    write("empty.csv", b"");
    let npy = |descr: &str| {
        let header = format!("{{'descr': '{descr}', 'fortran_order': False, 'shape': (2, 2), }}");
        [&b"\x93NUMPY\x01\x00v\x00"[..], format!("{header:<117}\n1234").as_bytes()].concat()
    };
    write("big.npy", &npy(">f8"));
    write("cut.npy", &npy("<f8"));
    write("object.npy", &npy("|O"));
    write("file", b"in the way");
    let edits = [
        ("widht.toml", "width = 6", "widht = 6"),
        ("depth0.toml", "depth = 3", "depth = 0"),
        ("width0.toml", "width = 6", "width = 0"),
        ("fraction.toml", "width = 6", "width = 6.5"),
        ("activation.toml", "\"tanh\"", "\"thanh\""),
        ("negative.toml", "sigma_w = 1.2", "sigma_w = -1.2"),
        ("nan.toml", "sigma_w = 1.2", "sigma_w = nan"),
        ("two.toml", "sigma_w = 1.2", "sigma_w = 1.2, std = 1.0"),
        ("noscale.toml", "sigma_w = 1.2", "ensemble = \"gaussian\""),
        ("preset.toml", "sigma_w = 1.2", "preset = \"hee\""),
        ("ensemble.toml", "sigma_w = 1.2", "sigma_w = 1.2, ensemble = \"gausian\""),
        ("heavy.toml", "sigma_w = 1.2", "sigma_w = 1.2, ensemble = \"student_t(2)\""),
        ("torch.toml", "sigma_w = 1.2", "sigma_w = 1.2, ensemble = \"trunc_normal(0.02)\""),
        ("cut.toml", "sigma_w = 1.2", "preset = \"truncated_normal(2)\""),
        ("unclosed.toml", "sigma_w = 1.2", "sigma_w = 1.2, ensemble = \"sparse(0.1\""),
        ("scheme.toml", "sigma_w = 1.2", "preset = \"kaiming_normal(rleu)\""),
        ("loss.toml", "\"random\"", "\"cross_entrpy\""),
        ("classes.toml", "\"random\"", "\"cross_entropy\"\n[data]\nkind = \"digits\""),
        ("trials.toml", "trials = 30", "trials = 1"),
        ("quantity.toml", "trials = 30", "quantities = [\"gradient_norm\"]"),
        ("spectrum.toml", "trials = 30", "quantities = [\"product_spectrm\"]"),
        ("depths.toml", "trials = 30", "product_depths = [1]"),
        ("deep.toml", "trials = 30", "quantities = [\"product_spectrum\"]\nproduct_depths = [4]"),
        ("none.toml", "trials = 30", "quantities = []"),
        ("precision.toml", "width = 6", "width = 6\nprecision = \"f8\""),
        ("data.toml", "[loss]", "[data]\npath = \"missing.safetensors\"\n[loss]"),
        ("ragged_csv.toml", "[loss]", "[data]\npath = \"ragged.csv\"\n[loss]"),
        ("words_csv.toml", "[loss]", "[data]\npath = \"words.csv\"\n[loss]"),
        ("nan_csv.toml", "[loss]", "[data]\npath = \"nan.csv\"\n[loss]"),
        ("header_csv.toml", "[loss]", "[data]\npath = \"header.csv\"\n[loss]"),
        ("empty_csv.toml", "[loss]", "[data]\npath = \"empty.csv\"\n[loss]"),
        ("big_npy.toml", "[loss]", "[data]\npath = \"big.npy\"\n[loss]"),
        ("cut_npy.toml", "[loss]", "[data]\npath = \"cut.npy\"\n[loss]"),
        ("object_npy.toml", "[loss]", "[data]\npath = \"object.npy\"\n[loss]"),
        ("noise.toml", "[loss]", "[data]\nnoise = 0.1\n[loss]"),
        ("digits.toml", "[loss]", "[data]\nkind = \"digits\"\n[loss]"),
        ("train.toml", "[loss]", "[train]\nsteps = 4\n[loss]"),
        ("syntax.toml", "depth = 3", "depth = = 3"),
        ("twice.toml", "depth = 3", "depth = 3\ndepth = 4"),
        ("name.toml", "\"small\"", "\"../small\""),
        ("huge.toml", "width = 6", "width = 10000000"),
    ];
    for (name, from, to) in edits {
        assert!(SMALL.contains(from));
        write(name, SMALL.replace(from, to).as_bytes());
    }
    let before = std::fs::read_dir(directory.path()).expect("readable").count();

    let mut cases: Vec<Vec<&str>> = edits.iter().map(|(name, _, _)| vec!["measure", name]).collect();
    let sigmoid = ["--activation", "sigmoid"];
    for file in
        ["truncated", "lying", "nan", "unchained", "conv", "norm", "bias", "empty", "twice", "double", "missing"]
    {
        let name: &'static str = Box::leak(format!("{file}.safetensors").into_boxed_str());
        cases.push([&["backprop", name], &sigmoid[..]].concat());
    }
    for file in [
        "truncated",
        "lying",
        "nan",
        "unchained",
        "conv",
        "labels",
        "hollow",
        "biases",
        "empty",
        "nothing",
        "wide",
        "double",
        "missing",
    ] {
        cases.push(vec!["chain", Box::leak(format!("{file}.safetensors").into_boxed_str())]);
    }
    cases.extend([
        vec!["chain", "stack.npy"],
        vec!["chain", "."],
        vec!["chain", "/dev/null"],
        vec!["chain"],
        vec!["chain", model, "--out", "file/below"],
        vec!["predict", "leson"],
        vec!["predict", "missing.toml"],
        vec!["predict", "."],
        vec!["activation", "sigmiod"],
        vec!["activation", "sigmoid", "--q", "0"],
        vec!["activation", "sigmoid", "--q", "-1"],
        vec!["activation", "sigmoid", "--q", "nan"],
        vec!["activation", "sigmoid", "--q", "1e9"],
        vec!["activation", "expr: x*tahn(x)"],
        vec!["activation", "expr: x*(1+exp(x)"],
        vec!["activation", "expr: log(x)"],
        vec!["activation", "expr: exp(x^2)", "--q", "4"],
        vec!["activation", "leaky_relu(abc)"],
        vec!["activation", "2*tanh(0.5*y)"],
        vec!["activation", "tanh", "--tailor", "dks(50)"],
        vec!["activation", "relu", "--tailor", "dks(50, 1.5)"],
        vec!["activation", "tanh", "--figure", "file/below.svg"],
        vec!["phase", "tanh"],
        vec!["phase", "tanh", "--sigma-w", "4:1:0"],
        vec!["phase", "tanh", "--sigma-w", "1:4:1"],
        vec!["phase", "tanh", "--sigma-w", "-1"],
        vec!["phase", "tanh", "--sigma-w", "inf"],
        vec!["phase", "tanh", "--sigma-w", "1", "--sigma-b", "-0.5"],
        vec!["phase", "tanh", "--sigma-w", "1", "--q0", "0"],
        vec!["phase", "tanh", "--sigma-w", "0:4:10000", "--sigma-b", "0:4:10000"],
        vec!["phase", "tanh", "--sigma-w", "1", "--critical"],
        vec!["phase", "softplus", "--critical"],
        vec!["phase", "sigmoid", "--sigma-w", "1e4"],
        vec!["phase", "expr: exp(x^2)", "--sigma-w", "2"],
        vec!["phase", "all", "--sigma-w", "1"],
        vec!["phase", "tanh", "--sigma-w", "1", "--out", "/dev/null"],
        vec!["phase", "tanh", "--sigma-w", "1", "--out", "x.svg", "--figure", "x.svg"],
        vec!["activation", "selu", "--tailor", "tat(50, 0.3)"],
        vec!["phase", "expr: x/(1+x^2)^0.05", "--sigma-w", "4"],
        vec!["phase", "tanh", "--sigma-w", "1", "--out", "missing/grid.csv"],
        vec!["verify", "--only", "lesson-gradent-profile"],
        vec!["report", "--out", "file/below"],
        vec!["report", "missing.json"],
        vec!["report", "file.json"],
        vec!["backprop", model, "--activation", "sigmoid", "--targets", model],
        vec!["measure", "lesson", "--trials", "1"],
        vec!["measure", "lesson", "--seed", "-1"],
        vec!["measure", "lesson", "--threads", "0"],
        vec!["measure"],
        vec!["predict", "/dev/null"],
        vec!["backprop", model, "--activation", "sigmoid", "--inputs", model],
        vec!["backprop", inputs.to_str().expect("a text path"), "--activation", "sigmoid"],
    ]);
    let mut lines = String::new();
    for case in cases {
        let output = gradspectra(&case, directory.path());
        let message = stderr(&output).replace(model, "MODEL").replace(inputs.to_str().expect("a text path"), "INPUTS");
        assert_eq!(output.status.code(), Some(2), "{case:?}: {message}");
        assert!(output.stdout.is_empty(), "{case:?}");
        assert_eq!(message.lines().count(), 1, "{case:?}: {message}");
        lines.push_str(&message);
    }
    assert_eq!(std::fs::read_dir(directory.path()).expect("readable").count(), before, "nothing is written");
    insta::assert_snapshot!("bad_input", lines);
}

/// A saved study that somebody edited: refused in one line, never a panic or a loop.
#[test]
fn damaged_studies_are_refused() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    std::fs::write(directory.path().join("small.toml"), SMALL).expect("writable");
    let written = gradspectra(&["report", "small.toml", "--out", "whole"], directory.path());
    assert!(written.status.success(), "{}", stderr(&written));
    let text = std::fs::read_to_string(directory.path().join("whole/data.json")).expect("written");
    let whole: serde_json::Value = serde_json::from_str(&text).expect("one JSON document");
    let edits: [(&str, serde_json::Value); 9] = [
        ("/format", "gradspectra study 99".into()),
        ("/layers", serde_json::json!([])),
        ("/activation/x", serde_json::json!([])),
        ("/activation/x/0", serde_json::json!(1e300)),
        ("/densities/0/density/values", serde_json::json!([])),
        ("/measurements/measurements/0/log10_rms", serde_json::json!(1e20)),
        ("/predictions/predictions/0/log10_rms", serde_json::json!(-1e308)),
        ("/gradient_verdict/judged/layers", serde_json::json!([])),
        ("/gradient_verdict/judged/layers/0/differences", serde_json::json!([])),
    ];
    let mut texts: Vec<String> = edits
        .into_iter()
        .map(|(pointer, value)| {
            let mut edited = whole.clone();
            *edited.pointer_mut(pointer).unwrap_or_else(|| panic!("no {pointer} in a study")) = value;
            edited.to_string()
        })
        .collect();
    texts.extend(["{}".to_owned(), "[]".to_owned(), text[..text.len() / 2].to_owned()]);
    for text in texts {
        std::fs::write(directory.path().join("edited.json"), &text).expect("writable");
        let output = gradspectra(&["report", "edited.json", "--out", "again"], directory.path());
        let message = stderr(&output);
        assert_eq!(output.status.code(), Some(2), "{message}");
        assert!(message.starts_with("error: edited.json: ") && message.lines().count() == 1, "{message}");
        assert!(!directory.path().join("again").exists(), "nothing is written");
    }
}

/// A safetensors file of f64 tensors.
fn tensors(list: &[(&str, &[usize], &[f64])]) -> Vec<u8> {
    use safetensors::{Dtype, tensor::TensorView};
    let bytes: Vec<Vec<u8>> =
        list.iter().map(|(_, _, values)| values.iter().flat_map(|value| value.to_le_bytes()).collect()).collect();
    let views = list.iter().zip(&bytes).map(|((name, shape, _), bytes)| {
        (*name, TensorView::new(Dtype::F64, shape.to_vec(), bytes).expect("the shape fits the values"))
    });
    safetensors::serialize(views, None).expect("valid")
}

/// A safetensors file with a matrix of whole numbers.
fn integers() -> Vec<u8> {
    use safetensors::{Dtype, tensor::TensorView};
    let view = TensorView::new(Dtype::I64, vec![1, 2], &[0; 16]).expect("two values");
    safetensors::serialize([("y", view)], None).expect("valid")
}

/// Waits until the process catches SIGINT, however busy the machine is.
#[cfg(unix)]
fn until_interrupts_are_caught(process: u32) {
    const SIGINT_BIT: u64 = 1 << (2 - 1);
    for _ in 0..600 {
        std::thread::sleep(std::time::Duration::from_millis(50));
        // Only Linux tells; elsewhere a second has to do.
        let Ok(status) = std::fs::read_to_string(format!("/proc/{process}/status")) else {
            return std::thread::sleep(std::time::Duration::from_secs(1));
        };
        let caught = status.lines().find_map(|line| line.strip_prefix("SigCgt:")).expect("a line of every status");
        if u64::from_str_radix(caught.trim(), 16).expect("hexadecimal") & SIGINT_BIT != 0 {
            return;
        }
    }
    panic!("no handler within 30 s");
}

/// Ctrl-C in the middle: exit code 130, one line, and a report that was there before stays as it was.
#[cfg(unix)]
#[test]
fn an_interrupt_leaves_everything_as_it_was() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    std::fs::create_dir(directory.path().join("out")).expect("writable");
    std::fs::write(directory.path().join("out/index.html"), "the old page").expect("writable");
    let child = Command::new(env!("CARGO_BIN_EXE_gradspectra"))
        .args(["report", "lesson", "--trials", "1000000", "--out", "out"])
        .current_dir(directory.path())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .expect("the program was built for this test");
    until_interrupts_are_caught(child.id());
    // In the middle of the first trials.
    std::thread::sleep(std::time::Duration::from_millis(500));
    let killed = Command::new("kill").args(["-INT", &child.id().to_string()]).status().expect("kill exists");
    assert!(killed.success());
    let output = child.wait_with_output().expect("it ends");
    assert_eq!(output.status.code(), Some(130));
    assert_eq!(stderr(&output), "interrupted: nothing was written\n");
    let files: Vec<_> = std::fs::read_dir(directory.path().join("out")).expect("readable").collect();
    assert_eq!(files.len(), 1, "no temporary file stays behind");
    let page = std::fs::read_to_string(directory.path().join("out/index.html")).expect("readable");
    assert_eq!(page, "the old page");
}
