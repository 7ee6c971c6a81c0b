//! The backprop engine against PyTorch, against itself in the other format, and under any number of threads.

use std::path::Path;

use gradspectra::activation::by_name;
use gradspectra::data::given_inputs;
use gradspectra::linalg::Real;
use gradspectra::measure::{MeasureError, Progress, Silent, measure};
use gradspectra::network::{BoundLoss, Hooks, Network, load_state_dict};
use gradspectra::spec::{Quantity, Spec};

struct Norms {
    loss: f64,
    weights: Vec<f64>,
    biases: Vec<f64>,
}

fn lesson_norms<T: Real>() -> Norms {
    let sigmoid = by_name("sigmoid").expect("registered");
    let network = load_state_dict(Path::new("tests/data/lesson_pytorch.safetensors"), &sigmoid).expect("valid").cast();
    let inputs = given_inputs(Path::new("tests/data/lesson_pytorch_x.safetensors")).expect("valid").map(T::from_f64);
    run(&network, &inputs)
}

fn run<T: Real>(network: &Network<T>, inputs: &nalgebra::DMatrix<T>) -> Norms {
    let tape = network.forward(inputs, 0, &mut Hooks::new()).expect("shapes fit");
    let loss = BoundLoss::Sum.evaluate(tape.output()).expect("any shape");
    let gradients = network.backward(&tape, &loss.gradient, 0, &mut Hooks::new()).expect("shapes fit");
    let norm = |entries: &[T]| entries.iter().map(|g| g.to_f64().powi(2)).sum::<f64>().sqrt();
    Norms {
        loss: loss.value,
        weights: gradients.weights.iter().map(|gradient| norm(gradient.as_slice())).collect(),
        biases: gradients.biases.iter().flatten().map(|gradient| norm(gradient.as_slice())).collect(),
    }
}

fn reference(key: &str) -> Vec<f64> {
    let text = std::fs::read_to_string("tests/data/lesson_pytorch.json").expect("in the repository");
    let json: serde_json::Value = serde_json::from_str(&text).expect("valid JSON");
    match &json[key] {
        serde_json::Value::Array(values) => values.iter().filter_map(|value| value.as_f64()).collect(),
        value => value.as_f64().into_iter().collect(),
    }
}

fn assert_relative(got: &[f64], expected: &[f64], tolerance: f64) {
    assert_eq!(got.len(), expected.len());
    for (layer, (got, expected)) in got.iter().zip(expected).enumerate() {
        assert!((got - expected).abs() <= tolerance * expected.abs(), "layer {}: {got} against {expected}", layer + 1);
    }
}

/// PyTorch 2.15 autograd in f64 on the same weights and inputs.
#[test]
fn loss_and_gradients_are_pytorchs_to_1e_12() {
    let ours = lesson_norms::<f64>();
    assert_relative(&[ours.loss], &reference("loss"), 1e-12);
    assert_relative(&ours.weights, &reference("weight_grad_norm"), 1e-12);
    assert_relative(&ours.biases, &reference("bias_grad_norm"), 1e-12);
}

/// The same network in single precision: right to its rounding, and measurably not better.
#[test]
fn single_precision_agrees_to_its_own_rounding() {
    let (single, double) = (lesson_norms::<f32>(), lesson_norms::<f64>());
    assert_relative(&single.weights, &double.weights, 2e-5);
    let largest = single.weights.iter().zip(&double.weights).map(|(s, d)| ((s - d) / d).abs()).fold(0.0, f64::max);
    assert!(largest > 1e-9, "single precision was not used: {largest}");
}

/// Bit-identical for one thread and for four.
#[test]
fn measurements_do_not_depend_on_the_threads() {
    let mut spec = Spec::load("lesson").expect("built in");
    spec.measure.trials = 64;
    let with = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("a small pool");
        pool.install(|| measure(&spec, "threads", &Silent)).expect("the lesson can be measured")
    };
    assert_eq!(with(1), with(4));
    let other = measure(&spec, "another experiment", &Silent).expect("the lesson can be measured");
    assert_ne!(with(1), other, "control: other streams give other numbers");
}

/// Same seed, same network in both formats: the measured norms agree to single precision.
#[test]
fn both_formats_draw_the_same_networks() {
    let lesson = include_str!("../src/spec/builtin/lesson.toml").replace("trials = 2000", "trials = 10");
    let single = lesson.replace("width = 50", "width = 50\nprecision = \"f32\"");
    let first = |text: &str| {
        let spec = Spec::parse(text, Path::new("lesson.toml")).expect("valid");
        let measured = measure(&spec, "formats", &Silent).expect("the lesson can be measured");
        measured.get(Quantity::GradientNorms, 1).and_then(|m| m.log10_rms).expect("ten survivors")
    };
    let (single, double) = (first(&single), first(&lesson));
    assert!((single - double).abs() < 1e-4 && single != double, "{single} against {double}");
}

/// Exact zeros and overflow are counted, never dropped: a deep linear network explodes out of f32, a tiny one dies in it.
#[test]
fn overflow_and_underflow_are_seen_and_counted() {
    let measured = |std: f64| {
        let text = format!(
            "[network]\ninput = 20\ndepth = 60\nwidth = 20\nactivation = \"linear\"\nweights = {{ std = {std} }}\n\
             precision = \"f32\"\n[measure]\ntrials = 8"
        );
        let spec = Spec::parse(&text, Path::new("deep.toml")).expect("valid");
        measure(&spec, "range", &Silent).expect("measurable")
    };
    let large = measured(10.0);
    let first = large.get(Quantity::GradientNorms, 1).expect("measured");
    assert_eq!((first.trials, first.non_finite, first.log10_rms), (8, 8, None));
    let small = measured(0.005);
    let first = small.get(Quantity::GradientNorms, 1).expect("measured");
    assert_eq!((first.zeros, first.non_finite, first.log10_mean), (8, 0, None));
}

/// One engine for arbitrary chains: widths that change, a linear readout, given inputs.
#[test]
fn widths_readout_and_given_inputs_run() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let inputs = std::fs::read("tests/data/lesson_pytorch_x.safetensors").expect("in the repository");
    std::fs::write(directory.path().join("x.safetensors"), inputs).expect("writable");
    let text = "[network]\ninput = 50\nwidths = [40, 1, 30]\nactivation = \"tanh\"\nweights = { ensemble = \"orthogonal\", \
                sigma_w = 1.0 }\noutput = 7\n[data]\npath = \"x.safetensors\"\n[loss]\nkind = \"mse\"\n[measure]\ntrials = 5";
    let spec = Spec::parse(text, &directory.path().join("spec.toml")).expect("valid");
    assert_eq!(spec.data.batch, 5);
    let measured = measure(&spec, "shapes", &Silent).expect("measurable");
    assert_eq!(measured.of(Quantity::GradientNorms).count(), 4);
    assert!(measured.of(Quantity::GradientNorms).all(|m| m.non_finite == 0 && m.zeros == 0));
}

/// A library user's own progress can stop a measurement: no partial result, and control: the same one runs on if it does not.
#[test]
fn a_measurement_can_be_interrupted() {
    struct StopAfter {
        done: std::sync::atomic::AtomicU64,
        limit: u64,
    }
    impl Progress for StopAfter {
        fn begin(&self, _stage: &str, _total: u64) {}

        fn advance(&self, units: u64) {
            self.done.fetch_add(units, std::sync::atomic::Ordering::Relaxed);
        }

        fn end(&self) {}

        fn interrupted(&self) -> bool {
            self.done.load(std::sync::atomic::Ordering::Relaxed) >= self.limit
        }
    }
    let mut spec = Spec::load("lesson").expect("built in");
    spec.measure.trials = 50;
    let run = |limit| measure(&spec, "interrupt", &StopAfter { done: 0.into(), limit });
    assert_eq!(run(5), Err(MeasureError::Interrupted));
    assert!(run(1000).is_ok());
}

/// N(0, 1) weights multiply a gradient by seven in every layer: after eight it is beyond 65,520, where half precision ends, and far from
/// the end of bfloat16.
#[test]
fn gradients_overflow_in_half_precision_and_not_in_bfloat16() {
    let gradients = |precision: &str| {
        let text = format!(
            "[network]\ninput = 50\ndepth = 8\nwidth = 50\nactivation = \"linear\"\nweights = {{ std = 1.0 }}\nprecision = \"{precision}\"\n\
             [measure]\ntrials = 20\nquantities = [\"gradient_norms\"]"
        );
        let spec = Spec::parse(&text, Path::new("overflow.toml")).expect("valid");
        measure(&spec, "formats", &Silent).expect("measured")
    };
    let [double, bfloat, half] = ["f64", "bf16", "f16"].map(gradients);
    for layer in 1..=8 {
        let of = |measured: &gradspectra::measure::Measurements| {
            measured.of(Quantity::GradientNorms).find(|m| m.layer == layer).cloned().expect("measured")
        };
        assert_eq!((of(&double).non_finite, of(&bfloat).non_finite, of(&half).non_finite), (0, 0, 20), "layer {layer}");
        let decades = |measured| of(measured).log10_mean.expect("finite");
        // Eight bits of significand, eight layers there and back: well within one per cent.
        assert!((decades(&double) - decades(&bfloat)).abs() < 0.004, "{} {}", decades(&double), decades(&bfloat));
    }
}
