//! Sweeps that come with the program.

/// A sweep that is known by name.
#[derive(Debug)]
pub struct BuiltinSweep {
    /// The name.
    pub name: &'static str,
    /// What it asks, for the help.
    pub summary: &'static str,
    /// Its TOML text.
    pub text: &'static str,
}

/// Every built-in sweep.
pub const BUILTIN_SWEEPS: &[BuiltinSweep] = &[
    BuiltinSweep {
        name: "phase-tanh",
        summary: "tanh over sigma_w and sigma_b: where gradients hold, measured under the predicted critical line",
        text: include_str!("builtin/phase-tanh.toml"),
    },
    BuiltinSweep {
        name: "depth-width",
        summary: "ReLU over depth and width: the spread of the gradient between networks against depth/width",
        text: include_str!("builtin/depth-width.toml"),
    },
    BuiltinSweep {
        name: "init-zoo",
        summary: "initialisations x activations x depths: how far first and last layer's gradients are apart",
        text: include_str!("builtin/init-zoo.toml"),
    },
    BuiltinSweep {
        name: "variants",
        summary: "the lesson's variants side by side",
        text: include_str!("builtin/variants.toml"),
    },
];
