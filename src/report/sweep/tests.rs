//! The page on real sweeps, and on what is hardly one.

use super::sample;
use super::*;
use crate::sweep::{AxisScale, Outcome, PointResult, Row, Side, Statistic};

fn names(files: &[ReportFile]) -> Vec<&str> {
    files.iter().map(|file| file.name.as_str()).collect()
}

/// Every file is whole: no NaN in a drawing, every figure on the page.
fn sound(results: &SweepResults) -> Vec<ReportFile> {
    let files = render_sweep(results).expect("drawn");
    look(results, &files);
    let page = &files[0].text;
    for file in files.iter().filter(|file| file.name.ends_with(".svg")) {
        assert!(!file.text.contains("NaN") && !file.text.contains("inf\""), "{}", file.name);
        assert!(page.contains(&format!("href=\"{}\"", file.name)), "{}", file.name);
        assert!(file.text.ends_with("</svg>\n"), "{}", file.name);
    }
    assert_eq!(&SweepResults::from_json(&files[1].text).expect("data.json"), results);
    assert_eq!(page.matches("<figure").count() + 2, files.len());
    files
}

/// Leaves the pages where an eye can see them.
fn look(results: &SweepResults, files: &[ReportFile]) {
    if let Some(directory) = std::env::var_os("GRADSPECTRA_LOOK") {
        let directory = std::path::Path::new(&directory).join(&results.name);
        std::fs::create_dir_all(&directory).expect("writable");
        for file in files {
            std::fs::write(directory.join(&file.name), &file.text).expect("writable");
        }
    }
}

fn fail(point: &mut PointResult) {
    point.outcome = Outcome::Error("the networks do not fit into memory: reduce width".to_owned());
}

#[test]
fn a_phase_diagram() {
    let results = sample::phase(8, 6, 1);
    let files = sound(&results);
    assert_eq!(names(&files), ["sweep.html", "data.json", "heat_map.svg", "curves.svg", "disagreement.svg"]);
    // Theory at initialisation is right about most of the plane.
    let finding = sweep_finding(&results);
    assert!(finding.starts_with("The predicted edge"), "{finding}");
}

#[test]
fn a_running_sweep_says_how_far_it_is() {
    let mut results = sample::phase(8, 6, 2);
    results.name = "running".to_owned();
    results.points.truncate(55);
    fail(&mut results.points[20]);
    fail(&mut results.points[21]);
    let files = sound(&results);
    assert!(files[0].text.contains("53 of 96 points done, 2 failed"), "{}", files[0].text);
    assert!(files[2].text.contains("not done") && files[2].text.contains("failed"));
}

#[test]
fn small_multiples_by_depth() {
    let axes = format!("axes = {{ \"network.depth\" = [5, 10, 20, 40], {} }}", sample::plane(7, 5));
    let files = sound(&sample::run("depths", 10, &axes));
    assert!(names(&files).contains(&"multiples.svg"));
}

#[test]
fn depth_against_width() {
    let axes = "axes = { \"network.depth\" = [5, 10, 20, 40], \"network.width\" = [16, 32, 64], \"network.weights.sigma_w\" = [1.2] }";
    let files = sound(&sample::run("depth-width", 60, axes));
    assert!(names(&files).contains(&"depth_width.svg"), "{:?}", names(&files));
}

#[test]
fn a_zoo_of_initialisations() {
    let axes = "[sweep.axes]\n\"network.weights.preset\" = [\"he\", \"xavier\", \"lecun\", \"torch\", \"critical\"]\n\
                \"network.activation\" = [\"tanh\", \"relu\", \"sigmoid\", \"gelu\"]\n\"network.depth\" = [5, 10, 20, 40]";
    let files = sound(&sample::run("init-zoo", 10, axes));
    assert!(names(&files).contains(&"zoo.svg") && names(&files).contains(&"multiples.svg"), "{:?}", names(&files));
}

#[test]
fn samples_of_a_box_are_dots() {
    let sampled = format!(
        "axes = {{ {} }}\nsample = {{ kind = \"sobol\", points = 32 }}",
        sample::plane(2, 2).replace(", points = 2", "")
    );
    let files = sound(&sample::run("sampled", 10, &sampled));
    assert!(names(&files).contains(&"heat_map.svg") && !names(&files).contains(&"curves.svg"), "{:?}", names(&files));
}

#[test]
fn theory_alone_and_one_axis_alone() {
    let axes = "axes = { \"network.weights.sigma_w\" = { from = 0.5, to = 3.0, points = 11 } }";
    let theory = sample::run("theory", 10, &format!("{axes}\nrun = [\"predict\"]"));
    assert_eq!(names(&sound(&theory)), ["sweep.html", "data.json", "curves.svg"]);
    let repeated = sample::run("repeated", 5, &format!("{axes}\nrepeats = 3"));
    assert!(names(&sound(&repeated)).contains(&"curves.svg"));
}

/// Rows of trainings, made by hand: their figures need no training to be tried.
#[test]
fn trainings_have_their_own_figures() {
    let (w, rates) = ([0.5, 1.0, 1.5, 2.0, 2.5, 3.0], [1e-3, 1e-2, 1e-1, 1.0]);
    let axes = [
        sample::numbers("network.weights.sigma_w", &w, AxisScale::Linear),
        sample::numbers("train.learning_rate", &rates, AxisScale::Log),
    ];
    let row = |quantity: &str, value: Option<f64>| Row {
        side: Side::Trained,
        quantity: quantity.to_owned(),
        statistic: Statistic::Value,
        layer: None,
        value,
        standard_error: None,
        stated_error: None,
        trials: None,
        zeros: None,
        non_finite: None,
    };
    let results = sample::by_hand("trainings", axes, 2, |at, index| {
        let (w, rate) = (w[at[0]], f64::from(at[1] as u32));
        let accuracy = 0.1 + 0.85 * (-(w - 1.5).powi(2) - 0.5 * (rate - 2.0).powi(2)).exp() + 0.01 * (index % 2) as f64;
        let lost = at == [5, 3];
        Outcome::Rows(vec![row("test_accuracy", (!lost).then_some(accuracy)), row("alerts", Some(0.0))])
    });
    let files = sound(&results);
    let names = names(&files);
    assert!(names.contains(&"training_map.svg") && names.contains(&"training_curves.svg"), "{names:?}");
    assert!(!names.contains(&"heat_map.svg"));
}

#[test]
fn hardly_a_sweep_is_an_honest_page() {
    let full = sample::phase(3, 3, 1);
    let with = |name: &str, points: Vec<PointResult>| SweepResults { name: name.to_owned(), points, ..full.clone() };
    let page = |results: &SweepResults| sound(results)[0].text.clone();
    assert!(page(&with("nothing", vec![])).contains("No point is done yet"));
    assert!(page(&with("one", full.points[4..5].to_vec())).contains("1 of 9 points done"));
    let mut failed = full.points.clone();
    failed.iter_mut().for_each(fail);
    let text = page(&with("failed", failed));
    assert!(text.contains("Every point failed: 9 of 9") && text.contains("do not fit into memory"));
    let mut lost = full.points.clone();
    for point in &mut lost {
        if let Outcome::Rows(rows) = &mut point.outcome {
            rows.iter_mut().for_each(|row| row.value = None);
        }
    }
    page(&with("lost", lost));
    let mut empty = full.points.clone();
    empty.iter_mut().for_each(|point| point.outcome = Outcome::Rows(vec![]));
    page(&with("empty", empty));
    // No axis at all, and a name that is markup.
    let lone = SweepResults { axes: vec![], planned: 1, ..with("<b>&", full.points[..1].to_vec()) };
    let lone = SweepResults { points: vec![PointResult { coordinates: vec![], ..lone.points[0].clone() }], ..lone };
    assert!(page(&lone).contains("&lt;b&gt;&amp;"));
    // Equal numbers everywhere, and numbers beyond any.
    for value in [0.0, 1e300, -1e300] {
        let mut same = full.points.clone();
        for point in &mut same {
            if let Outcome::Rows(rows) = &mut point.outcome {
                rows.iter_mut().for_each(|row| row.value = Some(value));
            }
        }
        page(&with("same", same));
    }
}
