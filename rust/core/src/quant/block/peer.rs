//! E2M1 as peers write it: ties go to the smaller magnitude, and zeros have a sign of their own.

use crate::quant::Rounding;
use crate::quant::format::E2M1;

/// Whose way to encode an element of MXFP4.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Peer {
    /// NVIDIA's `ModelOpt`: zeros are stored as negative zero, other numbers keep their sign.
    ModelOpt,
    /// `ggml`: there is no negative zero.
    Ggml,
}

/// The code of `value`, which is not NaN.
pub(crate) fn encode(peer: Peer, value: f32) -> u8 {
    // The largest number below a tie rounds as a tie to the smaller magnitude does.
    let below = f32::from_bits(value.abs().to_bits().saturating_sub(1));
    let nearest = |value: f32| E2M1.encode(value, Rounding::NearestEven, true, 0).unwrap_or(0);
    let magnitude = nearest(value.abs()).min(nearest(below));
    let negative = match peer {
        Peer::ModelOpt => value <= 0.0,
        Peer::Ggml => value < 0.0 && magnitude > 0,
    };
    magnitude | 8 * u8::from(negative)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ties_go_down_and_zeros_have_the_peers_sign() {
        let codes = |peer| [0.0, -0.0, 0.25, -0.25, 0.75, 1.75, 3.5, 5.0, 9.0, -0.8].map(|value| encode(peer, value));
        assert_eq!(codes(Peer::ModelOpt), [8, 8, 0, 8, 1, 3, 5, 6, 7, 10]);
        assert_eq!(codes(Peer::Ggml), [0, 0, 0, 0, 1, 3, 5, 6, 7, 10]);
    }
}
