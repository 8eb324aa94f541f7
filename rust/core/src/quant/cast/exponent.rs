//! E8M0, a bare power of two 2^(byte - 127): no sign, no zero, NaN at 255 (OCP Microscaling Formats 1.0).

/// The byte of NaN.
pub const NAN: u8 = 0xFF;

/// The byte of the float32 with these bits: half up, at 1.5 times a power of two; 0 and what is below 2^-127 become 0.
///
/// 2^-127 is byte 0 and what lies above it up to 2^-126 is byte 1: float32 holds no exponent there, and peers round the
/// bits. Beyond 1.5 * 2^127 becomes 254 if `saturate`, else NaN; so do negative numbers and NaN in any case (a NaN is
/// never a number), but negative zero is zero.
#[inline(always)]
pub fn encode(bits: u32, saturate: bool) -> u8 {
    let magnitude = (bits & 0x7FFF_FFFF) as i32;
    // The first is 2^-127, where adding half a step goes wrong.
    let rounded = magnitude.wrapping_add(0x40_0000 - i32::from(magnitude == 0x40_0000)) >> 23;
    let finite = rounded.min(if saturate { 254 } else { 255 });
    // The largest magnitude that is a number: 0 where there is a sign.
    let limit = 0x7F80_0000 & !(bits as i32 >> 31);
    (if magnitude > limit { 255 } else { finite }) as u8
}

/// The bits of the float32 that `byte` stands for; 2^-127 is a subnormal one.
#[inline(always)]
pub const fn decode(byte: u8) -> u32 {
    let bits = (byte as u32) << 23;
    let low = if byte == 0 { 0x40_0000 } else { bits };
    if byte == 255 { 0x7FC0_0000 } else { low }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_survives() {
        assert!((0..=255).all(|byte| encode(decode(byte), true) == byte));
    }

    #[test]
    fn ties_go_up_and_ends_are_kept() {
        let byte = |value: f32, saturate| encode(value.to_bits(), saturate);
        assert_eq!([1.0, 1.5_f32.next_down(), 1.5, 3.0].map(|value| byte(value, true)), [127, 127, 128, 129]);
        assert_eq!([0.0, -0.0, f32::MIN_POSITIVE / 4.0].map(|value| byte(value, true)), [0, 0, 0]);
        assert_eq!([f32::MAX, f32::INFINITY].map(|value| byte(value, true)), [254, 254]);
        assert_eq!([f32::MAX, f32::INFINITY].map(|value| byte(value, false)), [255, 255]);
        assert_eq!([-1.0, f32::NAN].map(|value| byte(value, true)), [255, 255]);
    }
}
