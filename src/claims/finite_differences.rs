//! Backprop against finite differences.

use std::sync::Arc;

use nalgebra::DMatrix;

use super::verdict::{exactly, power};
use super::{Claim, ClaimError, ClaimResult, ControlResult, Verdict, decide};
use crate::activation::{Activation, DerivativeBounds};
use crate::measure::Progress;
use crate::network::{Block, BoundLoss, Gradients, Hooks, Network};
use crate::stats::Stream;

/// The gradient of backprop is the slope of the loss.
pub(super) struct FiniteDifferences(pub Arc<dyn Activation>);

const WIDTH: usize = 8;
const DEPTH: usize = 5;
const BATCH: usize = 3;
const DIRECTIONS: usize = 20;
const SEED: u64 = 20;
const STEP: f64 = 1e-4;

/// Where phi' has no bound: the loss is then a polynomial of high degree in the weights, and its fifth derivative is large.
const STEEP_STEP: f64 = 2e-5;

fn step(phi: &dyn Activation) -> f64 {
    if phi.derivative_bounds().sup_abs.is_finite() { STEP } else { STEEP_STEP }
}

/// Fourth-order central differences: truncation `STEP^4 / 30 |f'''''|`, about 1e-13 here, and rounding
/// `1.5 eps |L| / STEP`, about 1e-10 for losses of a few tens; relative to directional derivatives of order one.
const STATED_ERROR: f64 = 1e-8;

/// The nearest mistake: a slope that is 1 % off.
#[derive(Debug)]
struct WrongSlope(Arc<dyn Activation>);

impl Activation for WrongSlope {
    fn name(&self) -> &str {
        self.0.name()
    }

    fn formula(&self) -> &str {
        self.0.formula()
    }

    fn value(&self, x: f64) -> f64 {
        self.0.value(x)
    }

    fn derivative(&self, x: f64) -> f64 {
        1.01 * self.0.derivative(x)
    }

    fn second_derivative(&self, x: f64) -> f64 {
        1.01 * self.0.second_derivative(x)
    }

    fn kinks(&self) -> &[f64] {
        self.0.kinks()
    }

    fn seams(&self) -> &[f64] {
        self.0.seams()
    }

    fn derivative_bounds(&self) -> DerivativeBounds {
        self.0.derivative_bounds()
    }

    fn as_dyn(&self) -> &dyn Activation {
        self
    }
}

impl Claim for FiniteDifferences {
    fn id(&self) -> String {
        format!("finite-differences-{}", self.0.name())
    }

    fn statement(&self) -> String {
        format!(
            "Backprop through {} gives the slope of the loss in {DIRECTIONS} random directions of parameter and input space",
            self.0.name()
        )
    }

    fn run(&self, _progress: &dyn Progress) -> Result<ClaimResult, ClaimError> {
        let measured = largest_error(&self.0)?;
        let wrong: Arc<dyn Activation> = Arc::new(WrongSlope(Arc::clone(&self.0)));
        let judged = |value: f64| decide(exactly(value), STATED_ERROR);
        let control = ControlResult {
            mistake: "phi' 1 % too large in every layer".to_owned(),
            predicted: 0.0,
            verdict: judged(largest_error(&wrong)?),
            power: power(0.01, 0.0, 0.0, STATED_ERROR),
        };
        Ok(ClaimResult {
            id: self.id(),
            statement: self.statement(),
            verdict: judged(measured),
            predicted: 0.0,
            measured,
            standard_error: 0.0,
            stated_error: STATED_ERROR,
            unit: "largest error of a directional derivative, relative to the norm of the gradient".to_owned(),
            criterion: format!(
                "{DEPTH} layers of {WIDTH} units, {BATCH} samples, squared error; {DIRECTIONS} random directions that cross no kink and no jump of phi'', seed {SEED}, \
                 central differences of order 4 with step {}; deterministic",
                step(&*self.0)
            ),
            control_refuted: control.verdict == Verdict::Refuted,
            controls: vec![control],
        })
    }
}

/// A network and its inputs: the point at which the gradient is taken, or a direction in that space.
struct Point {
    network: Network<f64>,
    input: DMatrix<f64>,
}

fn draw(phi: &Arc<dyn Activation>, stream: Stream, weight_std: f64) -> Point {
    use crate::ensemble::{Ensemble, Gaussian};
    let normal = |rows: usize, columns: usize, std: f64, layer: u64| {
        let drawn = Gaussian.sample(rows, columns, std, &mut stream.layer(layer));
        drawn.expect("independent entries need no LAPACK: sampling them cannot fail")
    };
    let block = |l: usize| Block {
        name: l.to_string(),
        weight: normal(WIDTH, WIDTH, weight_std, 2 * l as u64),
        bias: Some(normal(WIDTH, 1, 0.3, 2 * l as u64 + 1).column(0).into_owned()),
        activation: Arc::clone(phi),
    };
    let network = Network::new((1..=DEPTH).map(block).collect()).expect("square blocks chain");
    Point { network, input: normal(WIDTH, BATCH, 1.0, 0) }
}

fn moved(at: &Point, along: &Point, step: f64) -> Point {
    let blocks = at.network.blocks().iter().zip(along.network.blocks()).map(|(block, direction)| Block {
        weight: &block.weight + step * &direction.weight,
        bias: block.bias.as_ref().zip(direction.bias.as_ref()).map(|(bias, other)| bias + step * other),
        ..block.clone()
    });
    Point { network: Network::new(blocks.collect()).expect("same shapes"), input: &at.input + step * &along.input }
}

fn largest_error(phi: &Arc<dyn Activation>) -> Result<f64, ClaimError> {
    let (stream, step) = (Stream::new(SEED, "finite differences"), step(&**phi));
    let at = draw(phi, stream, 0.5);
    let loss = BoundLoss::Mse { targets: DMatrix::from_element(WIDTH, BATCH, 0.7) };
    let value = |point: &Point| -> Result<f64, ClaimError> {
        let tape = point.network.forward(&point.input, 0, &mut Hooks::new())?;
        Ok(loss.evaluate(tape.output())?.value)
    };
    let tape = at.network.forward(&at.input, 0, &mut Hooks::new())?;
    let gradient = loss.evaluate(tape.output())?.gradient;
    let gradients = at.network.backward(&tape, &gradient, 0, &mut Hooks::new())?;
    let norm = square(&gradients).sqrt();
    let pieces = |point: &Point| -> Result<Vec<usize>, ClaimError> {
        let tape = point.network.forward(&point.input, 0, &mut Hooks::new())?;
        let piece = |h: &f64| phi.seams().iter().filter(|seam| h > seam).count();
        Ok(tape.layers().iter().flat_map(|layer| layer.pre_activation.iter().map(piece)).collect())
    };
    let here = pieces(&at)?;
    let (mut largest, mut taken) = (0.0_f64, 0);
    for trial in 1.. {
        if taken == DIRECTIONS {
            break;
        }
        let along = draw(phi, stream.trial(trial), 1.0);
        // A stencil that crosses a kink sees another function than the one whose slope is asked for: another direction.
        if pieces(&moved(&at, &along, 2.0 * step))? != here || pieces(&moved(&at, &along, -2.0 * step))? != here {
            continue;
        }
        taken += 1;
        let f = |multiple: f64| value(&moved(&at, &along, multiple * step));
        let slope = (8.0 * (f(1.0)? - f(-1.0)?) - (f(2.0)? - f(-2.0)?)) / (12.0 * step);
        largest = largest.max((slope - inner(&gradients, &along)).abs() / norm);
    }
    Ok(largest)
}

fn inner(gradients: &Gradients<f64>, along: &Point) -> f64 {
    let mut sum = gradients.input.dot(&along.input);
    for ((weight, bias), block) in gradients.weights.iter().zip(&gradients.biases).zip(along.network.blocks()) {
        sum += weight.dot(&block.weight);
        if let (Some(bias), Some(direction)) = (bias, &block.bias) {
            sum += bias.dot(direction);
        }
    }
    sum
}

fn square(gradients: &Gradients<f64>) -> f64 {
    let weights: f64 = gradients.weights.iter().map(|weight| weight.norm_squared()).sum();
    let biases: f64 = gradients.biases.iter().flatten().map(|bias| bias.norm_squared()).sum();
    weights + biases + gradients.input.norm_squared()
}
