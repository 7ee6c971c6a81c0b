//! Data tables with files beside them.

use std::path::PathBuf;

use nalgebra::dmatrix;

use crate::data::Targets;
use crate::spec::{DataSource, Spec};

/// A directory with a specification and its data.
struct Case {
    directory: tempfile::TempDir,
}

impl Case {
    fn new() -> Self {
        Self { directory: tempfile::tempdir().expect("a temporary directory") }
    }

    fn with(self, name: &str, bytes: &[u8]) -> Self {
        std::fs::write(self.directory.path().join(name), bytes).expect("writable");
        self
    }

    /// Two features, an output each for `outputs`, the rest as given.
    fn parse(&self, outputs: usize, rest: &str) -> Result<Spec, String> {
        let text = format!(
            "[network]\ninput = 2\ndepth = 1\nwidth = 3\noutput = {outputs}\nactivation = \"tanh\"\nweights = {{ sigma_w = 1.0 }}\n{rest}"
        );
        let file: PathBuf = self.directory.path().join("spec.toml");
        Spec::parse(&text, &file).map_err(|error| error.to_string())
    }

    fn refused(&self, outputs: usize, rest: &str, expected: &str) {
        let error = self.parse(outputs, rest).map(|_| ()).expect_err(expected);
        assert!(error.contains(expected) && error.lines().count() == 1, "{error}\nexpected: {expected}");
        assert!(error.contains("spec.toml:"), "{error}");
    }
}

fn npy(shape: &str, values: &[f64]) -> Vec<u8> {
    let header = format!("{{'descr': '<f8', 'fortran_order': False, 'shape': {shape}, }}\n");
    let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
    bytes.extend((header.len() as u16).to_le_bytes());
    bytes.extend(header.bytes());
    values.iter().for_each(|value| bytes.extend(value.to_le_bytes()));
    bytes
}

fn tensors(list: &[(&str, &[usize], &[f64])]) -> Vec<u8> {
    use safetensors::{Dtype, tensor::TensorView};
    let bytes: Vec<Vec<u8>> =
        list.iter().map(|(_, _, values)| values.iter().flat_map(|value| value.to_le_bytes()).collect()).collect();
    let views = list.iter().zip(&bytes).map(|((name, shape, _), bytes)| {
        (*name, TensorView::new(Dtype::F64, shape.to_vec(), bytes).expect("the shape fits the values"))
    });
    safetensors::serialize(views, None).expect("valid")
}

const TABLE: &[u8] = b"a;b;label\n1;2;0\n3;4;2\n5;6;1\n";
const TRAIN: &str = "[train]\nlearning_rate = 0.1\nsteps = 3\n";

/// The same three samples from a table, arrays and tensors.
#[test]
fn one_set_from_three_formats() {
    let features = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0];
    let labels = [0.0, 2.0, 1.0];
    let case = Case::new()
        .with("t.csv", TABLE)
        .with("x.npy", &npy("(3, 2)", &features))
        .with("y.npy", &npy("(3,)", &labels))
        .with("t.safetensors", &tensors(&[("x", &[3, 2], &features), ("y", &[3, 1], &labels)]));
    for data in ["path = \"t.csv\"", "path = \"x.npy\"\ntargets = \"y.npy\"", "path = \"t.safetensors\""] {
        let rest = format!("[data]\n{data}\nbatch = 2\n[loss]\nkind = \"cross_entropy\"\n{TRAIN}");
        let spec = case.parse(3, &rest).expect(data);
        let DataSource::Given { inputs, labels, targets, .. } = &spec.data.source else { panic!("given") };
        assert_eq!(**inputs, dmatrix![1.0, 3.0; 2.0, 4.0], "{data}");
        assert_eq!((labels.as_deref(), targets), (Some(&vec![0, 2]), &None), "{data}");
        let set = &spec.train.expect("a [train] table").data;
        assert_eq!((spec.data.batch, set.len()), (2, 3));
        assert_eq!(set.targets, Targets::Classes { labels: vec![0, 2, 1], classes: 3 });
        // The same column as numbers.
        let spec = case.parse(1, &rest.replace("cross_entropy", "mse")).expect(data);
        let DataSource::Given { labels, targets, .. } = &spec.data.source else { panic!("given") };
        assert_eq!((labels, targets.as_deref()), (&None, Some(&dmatrix![0.0, 2.0])), "{data}");
        // Left out, a mini-batch has up to 32 samples, of those that are trained on; without [train] a batch is all samples.
        let all = rest.replace("batch = 2\n", "");
        let fraction = all.replace("steps = 3", "steps = 3\ntest_fraction = 0.4");
        assert_eq!(case.parse(3, &fraction).expect(data).data.batch, 2);
        assert_eq!(case.parse(3, all.trim_end_matches(TRAIN)).expect(data).data.batch, 3);
    }
}

#[test]
fn targets_are_optional_where_no_loss_needs_them() {
    let case = Case::new().with("x.csv", b"1,2\n3,4\n").with("t.csv", TABLE);
    for loss in ["sum", "random", "mse", "cross_entropy"] {
        let spec = case.parse(2, &format!("[data]\npath = \"x.csv\"\n[loss]\nkind = \"{loss}\"")).expect(loss);
        assert!(matches!(spec.data.source, DataSource::Given { labels: None, targets: None, .. }), "{loss}");
    }
    // And left alone where the loss does not look at them.
    let spec = case.parse(1, &format!("[data]\npath = \"t.csv\"\n[loss]\nkind = \"sum\"\n{TRAIN}")).expect("valid");
    assert_eq!(spec.train.expect("a [train] table").data.targets, Targets::None);
    case.refused(
        1,
        &format!("[data]\npath = \"x.csv\"\n[loss]\nkind = \"mse\"\n{TRAIN}"),
        "has no targets to train on",
    );
}

#[test]
fn features_are_standardised_by_the_samples_that_are_trained_on() {
    let case = Case::new().with("t.csv", b"1,7,0\n3,7,0\n5,7,0\n1000,8,0\n");
    let rest = "[data]\npath = \"t.csv\"\nstandardize = true\n[loss]\nkind = \"mse\"\n";
    let train = "[train]\nlearning_rate = 0.1\nsteps = 1\ntest_fraction = 0.25\n";
    let spec = case.parse(1, &format!("{rest}{train}")).expect("valid");
    let set = &spec.train.as_ref().expect("a [train] table").data;
    let kept = set.inputs.select_columns(&set.split(0.25, spec.seed).train);
    for (feature, variance) in [(0, 1.0), (1, 1.0)] {
        let row = kept.row(feature);
        // The second feature is constant, or has its one other value among the samples.
        let constant = row.iter().all(|value| *value == 0.0);
        assert!(row.mean().abs() < 1e-12 && (constant || (row.norm_squared() / 3.0 - variance).abs() < 1e-12));
    }
    let DataSource::Given { inputs, .. } = &spec.data.source else { panic!("given") };
    assert_eq!(inputs.column(0), set.inputs.column(0), "prediction and training see the same numbers");
}

#[test]
fn a_regression_is_the_same_in_prediction_and_training() {
    let case = Case::new();
    let rest = "[data]\nkind = \"regression\"\nbatch = 5\nsamples = 20\n[loss]\nkind = \"mse\"\n";
    let alone = case.parse(2, rest).expect("valid");
    let trained = case.parse(2, &format!("{rest}{TRAIN}")).expect("valid");
    let batch = |spec: &Spec| match &spec.data.source {
        DataSource::Given { inputs, targets: Some(targets), .. } => (inputs.clone(), targets.clone()),
        _ => panic!("given with targets"),
    };
    assert_eq!(batch(&alone), batch(&trained));
    assert_eq!((batch(&alone).0.shape(), batch(&alone).1.shape()), ((2, 5), (2, 5)));
    assert_eq!(trained.train.expect("a [train] table").data.len(), 20);
    case.refused(
        2,
        "[data]\nkind = \"regression\"\nbatch = 30\nsamples = 20\n[loss]\nkind = \"mse\"",
        "is 30, but there are 20 samples",
    );
    case.refused(2, "[data]\nkind = \"regression\"\n[loss]\nkind = \"cross_entropy\"", "needs loss.kind = \"mse\"");
    // Widening the network leaves the targets as they are.
    let wide = alone.resized(4.0);
    assert_eq!((wide.network.blocks[0].fan_out, wide.network.blocks[1].fan_out, wide.network.input), (12, 2, 2));
}

#[test]
fn keys_stand_only_where_they_mean_something() {
    let case = Case::new().with("t.csv", TABLE).with("x.npy", &npy("(1, 2)", &[1.0, 2.0]));
    let cases = [
        ("kind = \"gaussian\"\nsamples = 9", "drawn anew in every trial"),
        ("kind = \"gaussian\"\nnoise = 0.1", "`data.noise` is that of the targets of kind = \"regression\""),
        ("kind = \"gaussian\"\nstandardize = true", "`data.standardize` is for files"),
        ("kind = \"digits\"\nsamples = 9", "all 1797 are used"),
        ("kind = \"digits\"\nstandardize = true", "standardised already"),
        ("path = \"t.csv\"\nsamples = 2", "of which all samples are used"),
        ("path = \"t.csv\"\nnoise = 0.5", "of the targets of kind = \"regression\""),
        ("path = \"t.csv\"\ntargets = \"y.npy\"", "goes with a .npy file"),
        ("path = \"x.npy\"\ntarget_columns = [1]", "goes with a table"),
        ("path = \"t.csv\"\ntarget_columns = [0]", "names of columns in quotes, or their numbers from 1"),
        ("path = \"t.csv\"\ntarget_columns = [\"lable\"]", "did you mean `label`?"),
        ("path = \"t.csv\"\nstandardise = true", "unknown key `standardise`"),
        ("path = \"t.csv\"\nbatch = 4", "is 4, but the file holds 3 samples"),
        (
            "path = \"t.csv\"\ntarget_columns = []",
            "gives 3 features per sample (3 columns, no targets), but network.input is 2",
        ),
        (
            "path = \"t.csv\"\ntarget_columns = [1, 3]",
            "gives 1 features per sample (3 columns, of which 2 are targets)",
        ),
        ("path = \"x.npz\"", "an archive of arrays"),
        ("path = \"t.xlsx\"", "a spreadsheet: save it as CSV"),
        ("path = \"missing.csv\"", "missing.csv: "),
        ("path = \".\"", "not a regular file"),
        ("kind = \"regresion\"", "did you mean `regression`?"),
    ];
    for (data, expected) in cases {
        case.refused(2, &format!("[data]\n{data}\n"), expected);
    }
}

#[test]
fn targets_that_do_not_fit_are_told_with_their_place() {
    let x = npy("(2, 2)", &[1.0, 2.0, 3.0, 4.0]);
    let case = Case::new()
        .with("t.csv", TABLE)
        .with("half.csv", b"1,2,0\n3,4,1.5\n")
        .with("x.npy", &x)
        .with("y3.npy", &npy("(3,)", &[0.0, 1.0, 0.0]))
        .with("y.npy", &npy("(2,)", &[0.0, -1.0]))
        .with("wide.npy", &npy("(2, 3)", &[0.0; 6]))
        .with("t.safetensors", &tensors(&[("x", &[2, 2], &[1.0; 4]), ("y", &[2], &[0.0, 7.0])]));
    let cases = [
        (
            "t.csv\"",
            "cross_entropy",
            "t.csv: line 3, column `label`: class 2 needs 3 outputs, and the network has 2: set network.output = 3",
        ),
        ("half.csv\"", "cross_entropy", "half.csv: line 2, column 3: 1.5 is no class"),
        ("t.csv\"", "mse", "column `label`: 1 target for every sample, and the network has 2 outputs"),
        ("x.npy\"\ntargets = \"y3.npy\"", "mse", "y3.npy: tensor `y3`: 3 targets for the 2 samples of `x`"),
        ("x.npy\"\ntargets = \"y.npy\"", "cross_entropy", "y.npy: tensor `y`, index 1: -1 is no class"),
        ("x.npy\"\ntargets = \"wide.npy\"", "cross_entropy", "tensor `wide`: 3 numbers for every sample"),
        ("t.safetensors\"", "cross_entropy", "tensor `y`, index 1: class 7 needs 8 outputs"),
    ];
    for (path, loss, expected) in cases {
        case.refused(2, &format!("[data]\npath = \"{path}\n[loss]\nkind = \"{loss}\"\n"), expected);
    }
}
