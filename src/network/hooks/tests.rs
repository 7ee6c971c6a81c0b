//! Hooks in the order in which they are called, and what they change.

use std::sync::Arc;

use nalgebra::{DMatrix, DVector};

use super::*;
use crate::activation::{Activation, Tanh};
use crate::network::{Block, BoundLoss, Network};

fn network() -> Network<f64> {
    let tanh: Arc<dyn Activation> = Arc::new(Tanh);
    let block = |name: &str, scale: f64| Block {
        name: name.to_owned(),
        weight: DMatrix::from_fn(3, 3, |i, j| scale * ((i * 3 + j) as f64 - 4.0)),
        bias: Some(DVector::from_element(3, 0.1)),
        activation: Arc::clone(&tanh),
    };
    Network::new(vec![block("a", 0.2), block("b", -0.1), block("c", 0.3)]).expect("square blocks chain")
}

fn run(hooks: &mut Hooks<'_, f64>, step: usize) -> Result<Gradients<f64>, PassError> {
    let network = network();
    let input = DMatrix::from_fn(3, 2, |i, a| i as f64 - a as f64);
    let tape = network.forward(&input, step, hooks)?;
    let gradient = BoundLoss::Sum.evaluate(tape.output()).expect("any shape").gradient;
    network.backward(&tape, &gradient, step, hooks)
}

#[test]
fn hooks_fire_while_the_gradient_is_computed_in_its_order() {
    let log = std::sync::Mutex::new(Vec::new());
    let note = |what: &'static str, layer: usize| log.lock().expect("one thread").push((what, layer));
    let mut hooks = Hooks::new();
    hooks.on_forward(Layers::All, |event| {
        assert_eq!(event.step, 7);
        note("forward", event.layer);
        Ok(())
    });
    hooks.on_output_gradient(Layers::One(3), |event| {
        assert!(event.gradient.iter().all(|g| *g == 1.0), "the sum has gradient one");
        note("output", event.layer);
        Ok(())
    });
    hooks.on_pre_activation_gradient(Layers::All, |event| {
        note("activation", event.layer);
        Ok(())
    });
    hooks.on_parameter_gradient(Layers::One(2), |event| {
        let what = if event.parameter == Parameter::Weight { "weight" } else { "bias" };
        assert_eq!(event.gradient.len(), event.shape.0 * event.shape.1);
        note(what, event.layer);
        Ok(())
    });
    run(&mut hooks, 7).expect("nothing stops");
    drop(hooks);
    assert_eq!(
        log.into_inner().expect("one thread"),
        [
            ("forward", 1),
            ("forward", 2),
            ("forward", 3),
            ("output", 3),
            ("activation", 3),
            ("activation", 2),
            ("weight", 2),
            ("bias", 2),
            ("activation", 1),
        ]
    );
}

#[test]
fn a_replaced_gradient_flows_on() {
    let plain = run(&mut Hooks::new(), 0).expect("no hooks");
    let mut hooks = Hooks::new();
    hooks.on_pre_activation_gradient(Layers::One(2), |event| {
        *event.gradient *= 0.5;
        Ok(())
    });
    hooks.on_parameter_gradient(Layers::One(3), |event| {
        event.gradient.fill(0.0);
        Ok(())
    });
    let halved = run(&mut hooks, 0).expect("nothing stops");
    // A power of two: exact in every entry below the hook, untouched above it.
    assert_eq!(halved.weights[0], plain.weights[0].clone() * 0.5);
    assert_eq!(halved.weights[1], plain.weights[1].clone() * 0.5);
    assert_eq!(halved.input, plain.input.clone() * 0.5);
    assert!(halved.weights[2].iter().all(|entry| *entry == 0.0));
}

#[test]
fn a_replaced_output_changes_the_layers_above() {
    let mut hooks = Hooks::new();
    hooks.on_forward(Layers::One(1), |event| {
        event.output.fill(0.0);
        Ok(())
    });
    let gradients = run(&mut hooks, 0).expect("nothing stops");
    assert!(gradients.weights[1].iter().all(|entry| *entry == 0.0), "the input of layer 2 is zero");
}

#[test]
fn a_hook_can_stop_the_run_with_a_reason() {
    let mut hooks = Hooks::new();
    hooks.on_pre_activation_gradient(Layers::One(2), |_| Err(Stop::because("the gradient is too large")));
    let error = run(&mut hooks, 5).expect_err("stopped");
    assert_eq!(error.to_string(), "stopped at step 5, layer 2: the gradient is too large");
}

#[test]
fn a_handle_removes_its_hook_only() {
    let (mut first, mut second) = (0, 0);
    let mut hooks = Hooks::new();
    let handle = hooks.on_forward(Layers::All, |_| {
        first += 1;
        Ok(())
    });
    hooks.on_forward(Layers::One(1), |_| {
        second += 1;
        Ok(())
    });
    run(&mut hooks, 0).expect("nothing stops");
    handle.remove();
    run(&mut hooks, 1).expect("nothing stops");
    drop(hooks);
    assert_eq!((first, second), (3, 2));
}

#[test]
fn a_layer_that_does_not_exist_is_refused() {
    let mut hooks = Hooks::new();
    hooks.on_parameter_gradient(Layers::One(4), |_| Ok(()));
    assert_eq!(run(&mut hooks, 0), Err(PassError::NoSuchLayer { layer: 4, depth: 3 }));
}
