//! Theory: the whole prediction of the lesson, its root mean squares alone, and a batch of digits.

use std::hint::black_box;
use std::path::Path;

use criterion::{Criterion, criterion_group, criterion_main};
use gradspectra::predict::{predict, predict_values};
use gradspectra::spec::Spec;

fn predictions(criterion: &mut Criterion) {
    let lesson = Spec::load("lesson").expect("built in");
    let text = "[network]\ninput = 64\ndepth = 6\nwidth = 64\nactivation = \"tanh\"\nweights = { sigma_w = 1.3 }\n\
                [data]\nkind = \"digits\"\nbatch = 32\n[loss]\nkind = \"random\"";
    let digits = Spec::parse(text, Path::new("digits")).expect("valid");
    let mut group = criterion.benchmark_group("predict");
    group.sample_size(10);
    group.bench_function("lesson", |bencher| bencher.iter(|| predict(black_box(&lesson))));
    group.bench_function("lesson_values", |bencher| bencher.iter(|| predict_values(black_box(&lesson))));
    group.bench_function("digits_32_values", |bencher| bencher.iter(|| predict_values(black_box(&digits))));
    group.finish();
}

criterion_group!(benches, predictions);
criterion_main!(benches);
