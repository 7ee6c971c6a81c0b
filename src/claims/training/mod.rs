//! Claims about training: what the start decides, and what bounds an update.
//!
//! - [`critical_orthogonal`]: at depth 30 critical orthogonal weights learn the handwritten digits, weights off the edge of chaos do not.
//! - [`trainable_depth`]: how deep a network may be to be trained grows with the depth scale of correlations.
//! - [`clipping`]: a clipped gradient bounds the update of gradient descent, with and without momentum.
//! - [`adam`]: what bounds an update of Adam, which clipping does not.
//!
//! [`digits`] trains networks on the embedded digits, [`few`] has intervals from few seeds, [`exact`] decides identities without
//! randomness. Bounds that no theory gives were set after pilot trainings on seeds that the claims do not use; each file names them.

mod adam;
mod clipping;
mod critical_orthogonal;
mod digits;
mod exact;
mod few;
mod trainable_depth;

use super::Claim;

/// All of them.
pub(super) fn claims() -> Vec<Box<dyn Claim>> {
    vec![
        Box::new(critical_orthogonal::CriticalOrthogonal),
        Box::new(trainable_depth::TrainableDepth),
        Box::new(clipping::ClippedUpdate),
        Box::new(adam::AdamUpdate),
    ]
}
