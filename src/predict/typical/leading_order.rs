//! Variance of ln of a gradient norm to leading order in 1/width, for any batch and activation.
//!
//! Given the layers below, the n_k units of layer k are independent; so are, to leading order, the gradients that arrive at them.
//! The kernels of a layer are averages over its units and fluctuate by O(n_k^(-1/2)); everything above answers linearly. Hence
//!
//! ```text
//! Var ln |G_l|^2 = sum_k Var f_k(h, g) / n_k
//! f_k = sum_ab S^k_ab phi(h_a) phi(h_b) + [k >= l] sum_ab w_ab phi'(h_a) g_a phi'(h_b) g_b / E(phi'(h_a) g_a phi'(h_b) g_b)
//! ```
//!
//! over the batch's pre-activations h ~ N(0, Q_k) of one unit and the gradients g ~ N(0, G_k) that arrive at it. `w_ab` is the share of
//! the pair (a, b) in the norm; S^k = d ln |G_l|^2 / dK_k is the adjoint of the linearised maps, carried from the top down. For one
//! sample this is the variance recursion of Hanin and Nica and of Roberts, Yaida and Hanin; for a batch it is derived here. An
//! orthogonal W moves no norm and no angle: the part of f_k that is quadratic in h (or in g) is then left out.

use nalgebra::{DMatrix, DVector};
use rayon::prelude::*;

use super::super::backward::BackwardKernels;
use super::super::forward::{ForwardKernels, LayerKernels};

use super::LogMoments;
use super::sensitivity::Sensitivity;
use super::units::{Points, Units};

use crate::linalg::{Transpose, gemm};
use crate::mean_field::{BiasNode, Kernel};
use crate::spec::{BlockSpec, DataSource, Loss, Quantity, Spec};

/// Floating-point operations that a prediction may take: some seconds.
const BUDGET: f64 = 6e9;
/// Deviations are then good to some percent for the most saturated activations, better for the others.
const MOST_POINTS: usize = 1 << 15;
const LEAST_POINTS: usize = 1 << 11;

/// Points per quadratic form that an orthogonal matrix leaves out: fewer would fit noise.
const POINTS_PER_FORM: usize = 16;

/// Pairs of samples whose response to a kinked activation under an averaged bias has to be integrated one by one.
const MOST_SLOW_PAIRS: usize = 40;

/// Variance of ln |G|^2 that one layer may contribute: beyond, the expansion in 1/width is off by tens of percent.
const LARGEST_SHARE: f64 = 0.3;

/// Relative to the largest variance of the batch.
const SMALLEST_VARIANCE: f64 = 1e-12;

/// ln |G_l|^2 as a function of the kernels.
struct Functional {
    layer: usize,
    /// Share of every pair of samples.
    weights: DMatrix<f64>,
    /// Gradient with respect to the normalised kernel of the layer's input; zero where the norm does not contain it.
    on_input: Option<DMatrix<f64>>,
    /// Gradient with respect to the normalised kernel that the recursion stands at.
    carried: DMatrix<f64>,
    variance: f64,
    with_last: f64,
}

pub(super) fn log_moments(
    spec: &Spec,
    forward: &ForwardKernels,
    backward: &BackwardKernels,
    norms: &[(Quantity, usize)],
) -> Result<Vec<LogMoments>, String> {
    if spec.loss == Loss::CrossEntropy {
        return Err("a softmax over few outputs does not average over units: its spread is not O(1/width)".to_owned());
    }
    if !backward.is_independent() {
        return Err("the gradient is aligned with the activations, and the fluctuations of the aligned part are not derived (loss \
                    `random`, or a linear `output` layer under `sum`, is)"
            .to_owned());
    }
    let blocks = &spec.network.blocks;
    let laws = blocks.iter().flat_map(|block| std::iter::once(&block.weights).chain(&block.biases));
    if let Some(law) = laws.into_iter().find(|law| law.ensemble.excess_kurtosis().is_infinite()) {
        return Err(format!("{} entries have no fourth moment: the spread is not O(1/width)", law.ensemble.spelling()));
    }
    let (depth, batch) = (blocks.len(), spec.data.batch);
    let products = products_of(batch) as f64;
    let a_point = (depth + 1) as f64
        * if products_of(batch) <= MOST_PRODUCTS {
            // The covariance of the products, and the layer's own units.
            2.0 * products * products + 100.0 * batch as f64
        } else {
            norms.len() as f64 * 4.0 * (batch * batch + 8 * batch) as f64
        };
    let points = ((BUDGET / a_point) as usize).min(MOST_POINTS);
    if points < LEAST_POINTS {
        return Err(format!(
            "the spread of {depth} layers for a batch of {batch} takes more than the {BUDGET:.0e} operations that are allowed: a smaller \
             batch or depth is predicted"
        ));
    }
    let orthogonal = blocks.iter().any(|block| !block.weights.ensemble.independent_entries());
    if orthogonal && (products_of(batch) > MOST_PRODUCTS || points < POINTS_PER_FORM * products_of(batch)) {
        return Err(format!(
            "the spread under orthogonal weights is predicted for smaller batches than {batch} at this depth"
        ));
    }
    if forward.layers.iter().any(|layer| layer.gaussian.kernel.per_sample(|q| q).iter().any(|&q| q < SMALLEST_VARIANCE))
    {
        return Err("a sample has pre-activations without variance of their own: a vanishing input".to_owned());
    }
    let slow = |(block, layer): (&BlockSpec, &LayerKernels)| {
        layer.biases != BiasNode::NONE
            && !block.activation.kinks().is_empty()
            && matches!(layer.gaussian.kernel, Kernel::Full(_))
    };
    if batch * batch > 2 * MOST_SLOW_PAIRS && blocks.iter().zip(&forward.layers).any(slow) {
        return Err(format!(
            "the response of {} pairs of samples to a kinked activation under biases that are not Gaussian takes too long",
            batch * batch / 2
        ));
    }
    let mut functionals = norms
        .iter()
        .map(|&(quantity, layer)| functional(quantity, layer, forward, backward))
        .collect::<Option<Vec<Functional>>>()
        .ok_or("the weights of the pairs of samples leave the range of f64")?;
    // The last layer that has the same quantity, for ratios.
    let last: Vec<usize> =
        norms.iter().map(|(quantity, _)| norms.iter().rposition(|(other, _)| other == quantity).unwrap_or(0)).collect();
    let points = Points::new(points, batch);
    for index in (0..depth).rev() {
        let (block, kernels) = (&blocks[index], &forward.layers[index]);
        let layer = index + 1;
        let Ok(maps) = &kernels.maps else { return Err("a layer has no maps".to_owned()) };
        let units = Units::of(spec, index, forward, backward, &points);
        for functional in functionals.iter_mut().filter(|functional| functional.layer == layer + 1) {
            functional.carried += functional.on_input.take().unwrap_or_else(|| DMatrix::zeros(batch, batch));
        }
        let slope = maps.slope.to_matrix();
        let arriving = backward.layers[index].arriving.kernel.to_matrix();
        let coefficients = |functional: &Functional| {
            (functional.layer <= layer).then(|| {
                DMatrix::from_fn(batch, batch, |a, b| {
                    let expected = slope[(a, b)] * arriving[(a, b)];
                    if expected == 0.0 { 0.0 } else { functional.weights[(a, b)] / expected }
                })
            })
        };
        // An orthogonal W_k keeps Q_k, an orthogonal W_{k+1} keeps G_k, in the smaller of its two dimensions.
        let kept_forward = orthogonal_share(block, block.fan_out, block.fan_in);
        let kept_backward =
            blocks.get(index + 1).map_or(0.0, |above| orthogonal_share(above, above.fan_in, above.fan_out));
        let gradients: Vec<(&DMatrix<f64>, Option<DMatrix<f64>>)> =
            functionals.iter().map(|functional| (&functional.carried, coefficients(functional))).collect();
        let kept = [kept_forward, kept_backward];
        let moments = if products_of(batch) <= MOST_PRODUCTS {
            by_products(&units, &points, kept, &gradients, &last)
        } else {
            by_functionals(&units, &gradients, &last)
        };
        for (functional, [variance, with_last]) in functionals.iter_mut().zip(moments) {
            let units = block.fan_out as f64;
            if variance / units > LARGEST_SHARE {
                return Err(format!(
                    "in layer {layer} the {} units do not average: the logarithm varies by {:.1} there alone, and an expansion in 1/width \
                     is for less than {LARGEST_SHARE}",
                    block.fan_out,
                    variance / units
                ));
            }
            functional.variance += variance / units;
            functional.with_last += with_last / units;
        }
        let sensitivity = Sensitivity::of(&*block.activation, kernels, maps).map_err(|error| error.to_string())?;
        let ln_factor = 2.0 * block.sigma_w().ln() + kernels.input.ln_scale - kernels.gaussian.ln_scale;
        let factor = ln_factor.exp();
        for functional in &mut functionals {
            let direct = (functional.layer <= layer).then_some(&functional.weights);
            functional.carried = factor * sensitivity.adjoint(&functional.carried, direct);
        }
    }
    // Random inputs are a layer of their own, with x ~ N(0, I): Var sum_ab S_ab x_a x_b = 2 tr S^2.
    for functional in functionals.iter_mut().filter(|functional| functional.layer == 1) {
        functional.carried += functional.on_input.take().unwrap_or_else(|| DMatrix::zeros(batch, batch));
    }
    if matches!(spec.data.source, DataSource::Gaussian) {
        let input = spec.network.input as f64;
        let carried: Vec<DMatrix<f64>> = functionals.iter().map(|functional| functional.carried.clone()).collect();
        for (functional, &last) in functionals.iter_mut().zip(&last) {
            functional.variance += 2.0 * functional.carried.dot(&functional.carried) / input;
            functional.with_last += 2.0 * functional.carried.dot(&carried[last]) / input;
        }
    }
    let moments = |(functional, &last): (&Functional, &usize)| LogMoments {
        mean: None,
        variance: functional.variance,
        ratio_variance: functional.variance + functionals[last].variance - 2.0 * functional.with_last,
    };
    Ok(functionals.iter().zip(&last).map(moments).collect())
}

/// Weights of the pairs; `None` if they are not finite.
fn functional(
    quantity: Quantity,
    layer: usize,
    forward: &ForwardKernels,
    backward: &BackwardKernels,
) -> Option<Functional> {
    let delta = backward.layers[layer - 1].delta.kernel.to_matrix();
    let input = forward.layers[layer - 1].input.kernel.to_matrix();
    let batch = delta.nrows();
    let products = match quantity {
        Quantity::GradientNorms => delta.component_mul(&input),
        Quantity::PreActivationGradientNorms => DMatrix::from_diagonal(&delta.diagonal()),
        _ => delta.clone(),
    };
    let total = products.sum();
    let on_input = (quantity == Quantity::GradientNorms).then(|| &delta / total);
    let carried = DMatrix::zeros(batch, batch);
    let finite = total.is_finite() && total > 0.0;
    finite.then(|| Functional { layer, weights: products / total, on_input, carried, variance: 0.0, with_last: 0.0 })
}

/// Share of the fluctuation of a norm that an orthogonal matrix of `dimensions` x `from` (in the direction it is applied) suppresses.
fn orthogonal_share(block: &BlockSpec, dimensions: usize, from: usize) -> f64 {
    if block.weights.ensemble.independent_entries() { 0.0 } else { (dimensions as f64 / from as f64).min(1.0) }
}

/// Products of two samples' outputs, and of their gradients, in one unit.
fn products_of(batch: usize) -> usize {
    batch * (batch + 1)
}

/// Up to this many products their covariance is taken once and serves every functional.
const MOST_PRODUCTS: usize = 300;

/// Variances of f over the units of a layer and covariances with the `last` functional: f is linear in the products of two samples'
/// outputs and gradients, so the covariance of those products is all it takes.
fn by_products(
    units: &Units,
    points: &Points,
    kept: [f64; 2],
    gradients: &[(&DMatrix<f64>, Option<DMatrix<f64>>)],
    last: &[usize],
) -> Vec<[f64; 2]> {
    let features = centred(stacked(&products(&units.phi), &products(&units.delta)));
    let mut covariance = cross(&features, &features);
    for (kept, z) in kept.into_iter().zip([&points.forward, &points.backward]) {
        if kept > 0.0 {
            // Least squares on the quadratic forms of z, so that what is exactly quadratic leaves exactly nothing.
            let forms = centred(products(z));
            let along = cross(&forms, &features);
            if let Some(factor) = cross(&forms, &forms).cholesky() {
                covariance -= kept * along.tr_mul(&factor.solve(&along));
            }
        }
    }
    let batch = units.phi.ncols();
    let packed = |matrix: Option<&DMatrix<f64>>| -> Vec<f64> {
        let entry =
            |(a, b): (usize, usize)| matrix.map_or(0.0, |m| if a == b { m[(a, a)] } else { m[(a, b)] + m[(b, a)] });
        (0..batch).flat_map(|b| (0..=b).map(move |a| (a, b))).map(entry).collect()
    };
    let vectors: Vec<DVector<f64>> = gradients
        .iter()
        .map(|(on_output, on_delta)| {
            let entries = [packed(Some(*on_output)), packed(on_delta.as_ref())].concat();
            DVector::from_vec(entries)
        })
        .collect();
    let images: Vec<DVector<f64>> = vectors.iter().map(|vector| &covariance * vector).collect();
    let moments = |(k, vector): (usize, &DVector<f64>)| [vector.dot(&images[k]), vector.dot(&images[last[k]])];
    vectors.iter().enumerate().map(moments).collect()
}

/// The same from f at every point, for batches whose products are too many.
fn by_functionals(units: &Units, gradients: &[(&DMatrix<f64>, Option<DMatrix<f64>>)], last: &[usize]) -> Vec<[f64; 2]> {
    let responses: Vec<Vec<f64>> = gradients
        .par_iter()
        .map(|(on_output, on_delta)| {
            let mut f = units.respond(on_output, on_delta.as_ref());
            let mean = f.iter().sum::<f64>() / f.len() as f64;
            f.iter_mut().for_each(|f| *f -= mean);
            f
        })
        .collect();
    let covariance = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>() / a.len() as f64;
    let moments = |(f, &last): (&Vec<f64>, &usize)| [covariance(f, f), covariance(f, &responses[last])];
    responses.iter().zip(last).map(moments).collect()
}

/// `x_a x_b`, a <= b, of every row.
fn products(rows: &DMatrix<f64>) -> DMatrix<f64> {
    let columns = (0..rows.ncols()).flat_map(|b| (0..=b).map(move |a| (a, b)));
    let columns: Vec<DVector<f64>> = columns.map(|(a, b)| rows.column(a).component_mul(&rows.column(b))).collect();
    DMatrix::from_columns(&columns)
}

fn stacked(left: &DMatrix<f64>, right: &DMatrix<f64>) -> DMatrix<f64> {
    let columns: Vec<_> = left.column_iter().chain(right.column_iter()).collect();
    DMatrix::from_columns(&columns)
}

fn centred(mut features: DMatrix<f64>) -> DMatrix<f64> {
    for mut column in features.column_iter_mut() {
        let mean = column.mean();
        column.add_scalar_mut(-mean);
    }
    features
}

/// Averages over rows of products of columns.
fn cross(left: &DMatrix<f64>, right: &DMatrix<f64>) -> DMatrix<f64> {
    let mut moments = DMatrix::zeros(left.ncols(), right.ncols());
    gemm(1.0 / left.nrows() as f64, (Transpose::Yes, left), (Transpose::No, right), 0.0, &mut moments);
    moments
}
