//! The BLAS and LAPACK kernels: GEMM (the machine's rate), singular values, Haar matrices. One BLAS thread.

use std::hint::black_box;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use gradspectra::ensemble::{Ensemble, Gaussian, Orthogonal, bartlett_factor};
use gradspectra::linalg::{Chain, Transpose, TriangularChain, gemm, single_threaded_blas, singular_values};
use gradspectra::stats::Stream;
use nalgebra::DMatrix;

const SIZES: [usize; 3] = [50, 200, 400];

fn gaussian(size: usize) -> DMatrix<f64> {
    Gaussian.sample(size, size, 1.0, &mut Stream::new(1, "bench").layer(0)).expect("independent entries")
}

fn kernels(criterion: &mut Criterion) {
    let _guard = single_threaded_blas();
    let mut group = criterion.benchmark_group("gemm_f64");
    for size in SIZES {
        let (a, b) = (gaussian(size), gaussian(size));
        let mut c = a.clone();
        group.throughput(Throughput::Elements(2 * (size as u64).pow(3)));
        group.bench_function(BenchmarkId::from_parameter(size), |bencher| {
            bencher.iter(|| gemm(1.0, (Transpose::No, &a), (Transpose::No, &b), 0.0, black_box(&mut c)));
        });
    }
    group.finish();

    let mut group = criterion.benchmark_group("singular_values");
    for size in SIZES {
        let a = gaussian(size);
        group.throughput(Throughput::Elements(8 * (size as u64).pow(3) / 3));
        group.bench_function(BenchmarkId::from_parameter(size), |bencher| {
            bencher.iter(|| singular_values(black_box(a.clone())).expect("finite"));
        });
    }
    group.finish();

    // All singular values of a product of ten matrices, against one decomposition above.
    let mut group = criterion.benchmark_group("chain_of_10");
    for size in SIZES {
        group.throughput(Throughput::Elements(9 * 2 * (size as u64).pow(3)));
        let factors: Vec<DMatrix<f64>> = (0..10)
            .map(|layer| {
                let mut generator = Stream::new(1, "chain").layer(layer);
                Gaussian.sample(size, size, 1.0, &mut generator).expect("independent entries")
            })
            .collect();
        group.bench_function(BenchmarkId::from_parameter(size), |bencher| {
            bencher.iter(|| {
                let mut chain = Chain::new(size);
                factors.iter().for_each(|factor| chain.push(factor).expect("square and finite"));
                black_box(chain.log_singular_values().expect("finite"))
            });
        });
    }
    group.finish();

    // The same law without decompositions, sampling included. Throughput in operations of a dense product, as for `gemm` above: the
    // ratio of the two is the fraction of the machine's GEMM rate.
    let mut group = criterion.benchmark_group("triangular_chain_of_10");
    for size in SIZES {
        group.throughput(Throughput::Elements(9 * 2 * (size as u64).pow(3)));
        group.bench_function(BenchmarkId::from_parameter(size), |bencher| {
            bencher.iter(|| {
                let mut chain = TriangularChain::new(size);
                for layer in 0..10 {
                    let r = bartlett_factor(size, size, 1.0, &mut Stream::new(1, "bartlett").layer(layer));
                    chain.push(size, r).expect("square and regular");
                }
                black_box(chain.log_singular_values().expect("finite"))
            });
        });
    }
    group.finish();

    let mut group = criterion.benchmark_group("haar_orthogonal");
    for size in SIZES {
        let mut generator = Stream::new(1, "bench").layer(0);
        group.throughput(Throughput::Elements(8 * (size as u64).pow(3) / 3));
        group.bench_function(BenchmarkId::from_parameter(size), |bencher| {
            bencher.iter(|| Orthogonal.sample(size, size, 1.0, &mut generator).expect("square"));
        });
    }
    group.finish();
}

criterion_group!(benches, kernels);
criterion_main!(benches);
