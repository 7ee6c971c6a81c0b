//! Independent random streams.

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

/// One random stream, named by what it is for.
///
/// The ChaCha key is made of (seed, experiment, trial), the ChaCha stream number is the layer: every quadruple has its own
/// 2^64 blocks, so the numbers drawn for it do not depend on what was drawn before it, on which thread, or in which order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stream {
    /// The user's seed.
    pub seed: u64,
    /// What the numbers are drawn for: two experiments of one seed are independent.
    pub experiment: u64,
    /// The trial.
    pub trial: u64,
}

impl Stream {
    /// A stream family for the experiment of the given name.
    pub fn new(seed: u64, experiment: &str) -> Self {
        // FNV-1a: stable across releases of Rust, which the standard hasher is not.
        let experiment = experiment
            .bytes()
            .fold(0xcbf2_9ce4_8422_2325, |hash: u64, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
        Self { seed, experiment, trial: 0 }
    }

    /// The same experiment, another trial.
    pub fn trial(self, trial: u64) -> Self {
        Self { trial, ..self }
    }

    /// The generator of one layer.
    pub fn layer(self, layer: u64) -> ChaCha8Rng {
        let mut key = [0; 32];
        for (bytes, word) in key.chunks_exact_mut(8).zip([self.seed, self.experiment, self.trial, 0x6772_6164]) {
            bytes.copy_from_slice(&word.to_le_bytes());
        }
        let mut generator = ChaCha8Rng::from_seed(key);
        generator.set_stream(layer);
        generator
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::Rng;

    /// Pinned: a change here changes every committed report and every recorded seed.
    #[test]
    fn the_numbers_of_a_stream_are_pinned() {
        let mut generator = Stream::new(1, "gradients").trial(3).layer(2);
        let first: [u64; 2] = [generator.next_u64(), generator.next_u64()];
        assert_eq!(first, PINNED);
    }

    const PINNED: [u64; 2] = [8_542_899_163_078_618_949, 14_660_072_838_725_121_871];

    #[test]
    fn every_coordinate_changes_the_stream() {
        let base = Stream::new(1, "a");
        let mut firsts: Vec<u64> = [
            base.layer(0),
            base.layer(1),
            base.trial(1).layer(0),
            Stream::new(2, "a").layer(0),
            Stream::new(1, "b").layer(0),
        ]
        .map(|mut generator| generator.next_u64())
        .to_vec();
        firsts.sort_unstable();
        firsts.dedup();
        assert_eq!(firsts.len(), 5);
    }
}
