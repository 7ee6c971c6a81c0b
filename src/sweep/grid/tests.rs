use std::path::Path;

use super::*;
use crate::sweep::AxisScale;

const SPEC: &str = "seed = 5\n[network]\ninput = 8\nwidth = 8\ndepth = 2\nactivation = \"tanh\"\nweights = { ensemble = \"gaussian\", std = 0.5 }\n\
                    [measure]\ntrials = 4\n";

fn parsed(base: &str, sweep: &str) -> Result<Grid, GridError> {
    Grid::parse(format!("{base}[sweep]\n{sweep}\n"), Path::new("grid.toml"))
}

fn grid(sweep: &str) -> Grid {
    parsed(SPEC, sweep).expect("valid")
}

fn refused(sweep: &str) -> String {
    parsed(SPEC, sweep).expect_err(sweep).to_string()
}

fn key(grid: &Grid, index: usize) -> PointKey {
    grid.point(index).expect("valid").key
}

#[test]
fn the_last_axis_is_fastest_and_repeats_stay_together() {
    let grid = grid(
        "axes = { \"network.depth\" = [3, 4], \"network.width\" = { from = 8, to = 16, points = 3 } }\nrepeats = 2",
    );
    assert_eq!((grid.len(), grid.places(), grid.name()), (12, 6, "grid"));
    let point = grid.point(9).expect("valid");
    assert_eq!((point.place, point.repeat), (4, 1));
    assert_eq!(point.coordinates, [AxisValue::Integer(4), AxisValue::Integer(12)]);
    assert_eq!(point.spec.network.blocks.len(), 4);
    assert_eq!(point.spec.network.blocks[1].fan_in, 12);
    assert_ne!(point.spec.seed, grid.point(8).expect("valid").spec.seed);
    let axes = grid.axes();
    assert_eq!(axes.iter().map(|axis| axis.key.as_str()).collect::<Vec<_>>(), ["network.depth", "network.width"]);
}

#[test]
fn axes_may_be_linked_listed_nested_and_of_any_type() {
    let linked = grid(
        "axes = { \"network.depth\" = [3, 4, 5], \"data.batch\" = [1, 2, 3] }\nlinked = [[\"network.depth\", \"data.batch\"]]",
    );
    assert_eq!(linked.len(), 3);
    assert_eq!(linked.point(2).expect("valid").spec.data.batch, 3);
    assert_eq!(linked.axes().iter().map(|axis| axis.linked).collect::<Vec<_>>(), [Some(0), Some(0)]);
    let listed = grid(
        "list = [{ \"network.depth\" = 3, \"network.weights\" = { preset = \"he\" } }, { network.depth = 4, network.weights = { std = 1.0 } }]\n\
                       [sweep.axes]\nnetwork.activation = [\"relu\", \"tanh\"]\ndata.batch = { from = 1, to = 2, points = 2 }",
    );
    assert_eq!(listed.len(), 8);
    let last = listed.point(7).expect("valid");
    assert_eq!(last.spec.network.blocks.len(), 4);
    assert_eq!(last.spec.network.blocks[0].weights.std, 1.0);
    assert_eq!(last.coordinates[1], AxisValue::Text("{ std = 1.0 }".to_owned()));
    assert_eq!(listed.axes()[1].scale, AxisScale::Category);
    let scales = grid(
        "axes = { \"network.depth\" = [4, 8, 16], \"network.weights.std\" = { from = 0.01, to = 1, points = 3, scale = \"log\" } }",
    );
    assert_eq!(scales.axes().iter().map(|axis| axis.scale).collect::<Vec<_>>(), [AxisScale::Log, AxisScale::Log]);
    assert_eq!(scales.axes()[1].values, [AxisValue::Float(0.01), AxisValue::Float(0.1), AxisValue::Float(1.0)]);
}

/// A finer or larger grid, in another file, finds the points of a coarser one.
#[test]
fn a_point_has_the_same_key_in_every_grid() {
    let coarse = grid("axes = { \"network.weights.std\" = { from = 0.5, to = 4.0, points = 8 } }\nrepeats = 2");
    let fine = grid(
        "repeats = 3\naxes = { \"network.depth\" = [1, 2], \"network.weights.std\" = { from = 0.5, to = 4.0, points = 15 } }",
    );
    let fine: Vec<PointKey> = (0..fine.len()).map(|index| key(&fine, index)).collect();
    for index in 0..coarse.len() {
        assert!(fine.contains(&key(&coarse, index)), "point {index}");
    }
    // The name does not count; the seed, and what is run, do.
    let named =
        parsed(&format!("name = \"other\"\n{SPEC}"), "axes = { \"network.weights.std\" = [0.5] }").expect("valid");
    assert_eq!(key(&named, 0), key(&coarse, 0));
    let seeded =
        parsed(&SPEC.replace("seed = 5", "seed = 6"), "axes = { \"network.weights.std\" = [0.5] }").expect("valid");
    assert_ne!(key(&seeded, 0), key(&coarse, 0));
    assert_ne!(key(&grid("axes = { \"network.weights.std\" = [0.5] }\nrun = [\"measure\"]"), 0), key(&coarse, 0));
    // Theory has no seed.
    let theory = grid("axes = { \"network.weights.std\" = [0.5] }\nrun = [\"predict\"]\nrepeats = 2");
    assert_eq!(key(&theory, 0), key(&theory, 1));
}

/// Changes when the canonical text or the hash does: then [`NUMBERS_VERSION`](crate::sweep::NUMBERS_VERSION) has to be raised, and this with it.
#[test]
fn a_key_is_pinned() {
    let point = grid("axes = { \"network.weights.std\" = [0.5] }").point(0).expect("valid");
    assert_eq!((point.spec.seed, point.key.to_string().as_str()), PINNED);
}

const PINNED: (u64, &str) = (6_842_149_352_308_108, "d588ccc8b0d5869bf77892f6397afb21");

/// Whole numbers that a short range gives twice stay where something moves with them, in either order.
#[test]
fn links_survive_rounding() {
    let scale = "\"network.weights.std\" = { from = 0.1, to = 1.0, points = 10 }";
    let depth = "\"network.depth\" = { from = 1, to = 4, points = 10 }";
    for (first, second) in [(scale, depth), (depth, scale)] {
        let grid =
            grid(&format!("axes = {{ {first}, {second} }}\nlinked = [[\"network.weights.std\", \"network.depth\"]]"));
        assert_eq!(grid.len(), 10);
        assert!((0..10).all(|index| grid.point(index).is_ok()));
    }
    assert_eq!(grid(&format!("axes = {{ {depth} }}")).len(), 4);
}

#[test]
fn what_cannot_be_counted_is_refused() {
    let whole = |key: &str| format!("\"{key}\" = {{ from = 1.0, to = 2.0, points = 4611686018427387904 }}");
    let axes =
        format!("axes = {{ {}, {}, seed = [1, 2, 3, 4] }}", whole("network.weights.std"), whole("train.learning_rate"));
    assert!(refused(&axes).contains("points"), "{}", refused(&axes));
    let quantities = "axes = { \"measure.quantities\" = [[\"gradient_norms\"], [\"product_spectrum\"]] }";
    assert!(refused(quantities).contains("product_spectrum"));
}

#[test]
fn an_axis_of_seeds_gives_the_seeds() {
    let grid = grid("axes = { seed = [7, 8] }");
    assert_eq!(grid.point(1).expect("valid").spec.seed, 8);
    assert!(refused("axes = { seed = [7, 8] }\nrepeats = 2").contains("seeds are given"));
}

#[test]
fn samples_fill_the_ranges_and_can_be_extended() {
    let sweep = |points: usize| {
        grid(&format!(
            "axes = {{ \"network.weights.std\" = {{ from = 0.01, to = 1.0, scale = \"log\" }}, \"network.depth\" = {{ from = 1, to = 20 }}, \
             \"data.batch\" = [1, 2] }}\nsample = {{ kind = \"sobol\", points = {points} }}"
        ))
    };
    let (small, large) = (sweep(16), sweep(64));
    assert_eq!((small.len(), large.len()), (32, 128));
    for index in 0..small.len() {
        assert_eq!(key(&small, index), key(&large, index));
    }
    let depths: Vec<usize> =
        (0..128).map(|index| large.point(index).expect("valid").spec.network.blocks.len()).collect();
    assert!(depths.iter().all(|depth| (1..=20).contains(depth)) && depths.contains(&2) && depths.contains(&19));
    let below =
        (0..128).filter(|&index| large.point(index).expect("valid").spec.network.blocks[0].weights.std < 0.1).count();
    assert_eq!(below, 64, "half of the sample in each half of the range");
}

#[test]
fn whole_numbers_of_a_range_are_rounded_and_count_once() {
    let grid = grid("axes = { \"network.depth\" = { from = 1, to = 4, points = 100, scale = \"log\" } }");
    assert_eq!(grid.axes()[0].values, (1..=4).map(AxisValue::Integer).collect::<Vec<_>>());
}

/// Every key that is rounded wants whole numbers, as the parser says.
#[test]
fn keys_of_whole_numbers_refuse_others() {
    for key in axis::WHOLE_KEYS {
        let base = match *key {
            key if key.starts_with("train.schedule") => {
                "[loss]\nkind = \"mse\"\n[data]\nkind = \"regression\"\n[train]\nlearning_rate = 0.1\nsteps = 3\nschedule = { kind = \"step\", every = 1, gamma = 0.5 }\n"
            }
            "data.samples" => "[loss]\nkind = \"mse\"\n[data]\nkind = \"regression\"\n",
            key if key.starts_with("train") => {
                "[loss]\nkind = \"mse\"\n[data]\nkind = \"regression\"\n[train]\nlearning_rate = 0.1\nsteps = 3\n"
            }
            _ => "",
        };
        let base = if *key == "train.epochs" { base.replace("steps = 3\n", "") } else { base.to_owned() };
        let error =
            parsed(&format!("{SPEC}{base}"), &format!("axes = {{ \"{key}\" = [2.5] }}")).expect_err(key).to_string();
        assert!(error.contains("must be an integer"), "{key}: {error}");
    }
}

#[test]
fn mistakes_are_told_with_the_axis() {
    let cases = [
        (
            "axes = { \"network.weights.sigma_ww\" = [1.0] }",
            "grid.toml:11: sweep axis \"network.weights.sigma_ww\": unknown key `sigma_ww`: did you mean `sigma_w`?",
        ),
        (
            "axes = { \"netwrok.depth\" = [1] }",
            "sweep axis \"netwrok.depth\": unknown key `netwrok`: did you mean `network`?",
        ),
        (
            "axes = { \"network.weights\" = [{ std = 1.0 }, { stdd = 1.0 }] }",
            "sweep axis \"network.weights\": unknown key `stdd`: did you mean `std`?",
        ),
        ("axes = { \"network.depth\" = [] }", "sweep axis \"network.depth\": the list is empty"),
        ("axes = { \"network.depth\" = 3 }", "takes a list of values, or a range"),
        ("axes = { \"network.depth\" = [3, 3] }", "value 2 of the list is there twice"),
        ("axes = { \"network.depth\" = [3], network.depth = [4] }", "is an axis twice"),
        (
            "axes = { \"network.weights\" = [{ std = 1.0 }], \"network.weights.std\" = [1.0] }",
            "a part of what the axis",
        ),
        (
            "axes = { \"network.widths\" = [[8, 8]], \"network.width\" = [8] }",
            "contradicts the axis \"network.widths\"",
        ),
        ("axes = { \"network.widths\" = [[8, 8]] }", "`network.width` and `widths` are both given"),
        ("axes = { \"network.weights.std\" = { from = 2.0, to = 1.0, points = 3 } }", "it is empty"),
        (
            "axes = { \"network.weights.std\" = { from = 0.0, to = 1.0, points = 3, scale = \"log\" } }",
            "both ends must be above 0",
        ),
        ("axes = { \"network.weights.std\" = { from = 0.5, to = 1.0, points = 0 } }", "is 0; it must be from 1"),
        ("axes = { \"network.weights.std\" = { from = 0.5, to = 1.0 } }", "needs the key `points`"),
        ("axes = { \"network.weights.std\" = { from = 0.5, to = 1.0, pionts = 3 } }", "did you mean `points`?"),
        (
            "axes = { \"network.depth\" = [3, 4], \"data.batch\" = [1] }\nlinked = [[\"network.depth\", \"data.batch\"]]",
            "make them equally many",
        ),
        ("axes = { \"network.depth\" = [3, 4] }\nlinked = [[\"network.depth\", \"data.bacth\"]]", "which is no axis"),
        ("axes = { \"network.depth\" = [3] }\nrun = [\"train\"]", "a sweep that trains needs the key `train`"),
        ("axes = { \"network.depth\" = [3] }\nrun = [\"mesure\"]", "did you mean `measure`?"),
        ("axes = { \"network.depth\" = [3] }\nsample = { points = 8 }", "no axis is one"),
        ("axes = { name = [\"a\"] }", "no number depends on it"),
        ("axes = {}", "needs the key `axes`"),
        ("list = [{ \"network.depth\" = 3 }, { \"data.batch\" = 3 }]", "place 2 must set network.depth"),
        ("axes = { \"network.depth\" = [3] }\nreapeats = 2", "did you mean `repeats`?"),
        ("axes = { \"network.depth.x\" = [3] }", "not a table"),
    ];
    for (sweep, expected) in cases {
        let error = refused(sweep);
        assert!(error.contains(expected), "{sweep}\n  {error}");
    }
    let error = refused("axes = { \"network.weights.std\" = { from = 0.5, to = 1.0, points = 1000000000 } }");
    assert!(
        error.contains("1000000000 points") && error.contains("at least") && error.contains("of numbers"),
        "{error}"
    );
    let none = Grid::parse(SPEC.to_owned(), Path::new("grid.toml")).expect_err("no sweep").to_string();
    assert!(none.contains("there is no [sweep] table"), "{none}");
    let other =
        Spec::parse(&format!("{SPEC}[sweep]\naxes = {{}}"), Path::new("grid.toml")).expect_err("a sweep").to_string();
    assert!(other.contains("this is a sweep: run it with `gradspectra sweep`"), "{other}");
    assert!(Grid::load("phase-tahn").expect_err("unknown").to_string().contains("did you mean `phase-tanh`?"));
}

/// What is impossible at some points is their failure alone.
#[test]
fn an_impossible_point_fails_alone() {
    let grid = grid("axes = { \"network.activation\" = [\"sigmoid\", \"tanh\", \"nonsense\"] }");
    assert!(grid.point(1).is_ok());
    assert!(grid.point(2).expect_err("unknown").to_string().contains("nonsense"));
    assert_ne!(grid.failed_key(2, "reason"), grid.failed_key(1, "reason"));
}

#[test]
fn builtin_sweeps_are_valid_as_they_are_named() {
    for builtin in BUILTIN_SWEEPS {
        let grid = Grid::load(builtin.name).expect(builtin.name);
        assert_eq!(grid.name(), builtin.name);
        assert!(grid.question().is_some());
    }
}

/// A copy of a sweep in another directory, with another name of the file, is the same sweep.
#[test]
fn a_self_contained_text_reads_the_same_data() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let (here, there) = (directory.path().join("a \"b"), directory.path().join("c"));
    std::fs::create_dir_all(&here).expect("writable");
    std::fs::create_dir_all(&there).expect("writable");
    for name in ["x.csv", "y.csv"] {
        std::fs::write(here.join(name), "1,2\n3,4\n5,6\n").expect("writable");
    }
    let base = "[network]\ninput = 2\nwidth = 4\nactivation = \"tanh\"\nweights = { std = 0.5 }\ndepth = 1\n[data]\npath = \"x.csv\"\n";
    for sweep in [
        "axes = { \"network.depth\" = [1, 2] }",
        "axes = { \"data.path\" = [\"x.csv\", \"y.csv\"] }",
        "list = [{ data = { path = \"y.csv\" } }, { data.path = \"x.csv\" }]",
    ] {
        let file = here.join("grid.toml");
        std::fs::write(&file, format!("{base}[sweep]\n{sweep}\n")).expect("writable");
        let grid = Grid::load(&file.to_string_lossy()).expect(sweep);
        let copy = there.join("sweep.toml");
        std::fs::write(&copy, grid.self_contained_text()).expect("writable");
        let copy = Grid::load(&copy.to_string_lossy()).expect("valid");
        assert_eq!(copy.name(), "grid");
        for index in 0..grid.len() {
            assert_eq!(key(&copy, index), key(&grid, index), "{sweep}");
        }
        assert_eq!(copy.self_contained_text(), grid.self_contained_text().as_str());
    }
}
