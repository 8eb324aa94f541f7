// Scalar formats of at most 8 bits and their conversions, by integer rules that hold on every architecture.
//
// Same bits as rust/core/src/quant/format.rs, which is the specification. A format is a value, so that the functions
// serve both kernels that know their format (everything folds) and the one that takes any format as parameters.
#pragma once

#include "platform.cuh"

namespace paretoserve {

// What the topmost codes mean; the numbers cross the boundary to the host.
enum Special : u32 { IEEE = 0, NAN_ONLY = 1, NAN_AT_NEGATIVE_ZERO = 2, NO_SPECIAL = 3 };

// How a value between two codes is rounded; the numbers cross the boundary to the host.
enum Rounding : u32 { NEAREST_EVEN = 0, HALF_AWAY = 1, STOCHASTIC = 2 };

struct Format {
    u32 exponent_bits, mantissa_bits;
    i32 bias;
    bool is_signed;
    Special special;

    PARETOSERVE_DEVICE constexpr u32 ones() const { return (1u << (exponent_bits + mantissa_bits)) - 1u; }
    PARETOSERVE_DEVICE constexpr u32 bits() const { return exponent_bits + mantissa_bits + (is_signed ? 1u : 0u); }
    PARETOSERVE_DEVICE constexpr u32 sign_bit() const { return is_signed ? ones() + 1u : 0u; }
    // The code of the largest finite magnitude.
    PARETOSERVE_DEVICE constexpr u32 largest() const {
        return special == IEEE ? ones() - (1u << mantissa_bits) : special == NAN_ONLY ? ones() - 1u : ones();
    }
    PARETOSERVE_DEVICE constexpr bool has_nan() const { return special != NO_SPECIAL; }
    // The code that NaN becomes, before its sign.
    PARETOSERVE_DEVICE constexpr u32 nan() const { return special == NAN_AT_NEGATIVE_ZERO ? sign_bit() : ones(); }
    // What overflow becomes without saturation, before its sign: infinity, else NaN, else the largest number.
    PARETOSERVE_DEVICE constexpr u32 beyond() const {
        return special == IEEE ? largest() + 1u : has_nan() ? nan() : largest();
    }
    // Bits of the smallest normal number as float32, and the difference of the biases at the place of a code's field.
    PARETOSERVE_DEVICE constexpr u32 normal_from() const { return static_cast<u32>(128 - bias) << 23; }
    PARETOSERVE_DEVICE constexpr u32 rebias() const { return static_cast<u32>(127 - bias) << mantissa_bits; }
};

constexpr Format E4M3FN{4, 3, 7, true, NAN_ONLY};
constexpr Format E5M2{5, 2, 15, true, IEEE};
constexpr Format E2M3{2, 3, 1, true, NO_SPECIAL};
constexpr Format E3M2{3, 2, 3, true, NO_SPECIAL};
constexpr Format E2M1{2, 1, 1, true, NO_SPECIAL};
constexpr Format UE4M3{4, 3, 7, false, NAN_ONLY};
constexpr Format UE5M3{5, 3, 15, false, NAN_ONLY};

// The code of a magnitude to the nearest, ties to the even code, as if the exponent had no end. Not for NaN.
PARETOSERVE_DEVICE u32 encode_nearest(const Format& format, u32 magnitude) {
    const u32 shift = 23u - format.mantissa_bits;
    // A significand of one bit is always odd: a tie goes up.
    const u32 odd = (magnitude >> shift & 1u) | (format.mantissa_bits == 0 ? 1u : 0u);
    const u32 normal = (magnitude + ((1u << (shift - 1u)) - 1u) + odd) >> shift;
    // Adding a power of two whose last bit is the step of subnormal codes lets the adder round.
    const u32 magic = static_cast<u32>(151 - format.bias - static_cast<i32>(format.mantissa_bits)) << 23;
    const u32 subnormal = float_bits(add(bits_float(magnitude), bits_float(magic))) - magic;
    return magnitude < format.normal_from() ? subnormal : normal - format.rebias();
}

// The same for any rounding. `random` decides stochastic rounding: up when it is less than the discarded fraction of
// the step, as a 32-bit fraction.
PARETOSERVE_DEVICE u32 encode_rounded(const Format& format, u32 magnitude, Rounding rounding, u32 random) {
    if (rounding == NEAREST_EVEN) return encode_nearest(format, magnitude);
    const u32 shift = 23u - format.mantissa_bits;
    u32 code, rest;
    if (magnitude >= format.normal_from()) {
        code = (magnitude >> shift) - format.rebias();
        rest = magnitude << (32u - shift);
    } else {
        // A subnormal float32 has the exponent of the smallest normal one, and no hidden bit.
        const u32 field = magnitude >> 23;
        const u64 significand = (magnitude & 0x7FFFFFu) | (field > 0 ? 0x800000u : 0u);
        const u32 discard = (format.normal_from() >> 23) - greatest(field, 1u) + shift;
        const u64 fixed = (significand << 32) >> least(discard, 63u);
        code = static_cast<u32>(fixed >> 32);
        rest = static_cast<u32>(fixed);
    }
    return code + (rounding == HALF_AWAY ? rest >> 31 : (random < rest ? 1u : 0u));
}

// The code of `value`. The caller must not pass NaN to a format without one.
PARETOSERVE_DEVICE u32 encode(const Format& format, float value, Rounding rounding, bool saturate, u32 random) {
    const bool negative = float_bits(value) >> 31 != 0;
    const u32 sign = negative ? format.sign_bit() : 0u;
    if (is_nan(value) || (negative && !format.is_signed && value != 0.0f)) return format.nan() | sign;
    const u32 magnitude = encode_rounded(format, float_bits(value) & 0x7FFFFFFFu, rounding, random);
    if (magnitude > format.largest()) return (saturate ? format.largest() : format.beyond()) | sign;
    return format.special == NAN_AT_NEGATIVE_ZERO && magnitude == 0 ? 0u : (magnitude | sign);
}

// The code of a number, saturating, of a format with sign and negative zero: what block formats need.
PARETOSERVE_DEVICE u32 encode_saturating(const Format& format, float value, Rounding rounding, u32 random) {
    const u32 magnitude = encode_rounded(format, float_bits(value) & 0x7FFFFFFFu, rounding, random);
    return least(magnitude, format.largest()) | (float_bits(value) >> 31 != 0 ? format.sign_bit() : 0u);
}

// The value of `code`; bits above the format's are ignored. Exact.
PARETOSERVE_DEVICE float decode(const Format& format, u32 code) {
    const u32 magnitude = code & format.ones();
    const u32 sign = (code & format.sign_bit()) != 0 ? 0x80000000u : 0u;
    // A subnormal code takes the way of a normal one with the hidden bit set, whose value is subtracted again.
    const u32 normal = (magnitude << (23u - format.mantissa_bits)) + (static_cast<u32>(127 - format.bias) << 23);
    const float hidden = bits_float(format.normal_from());
    u32 bits = magnitude >> format.mantissa_bits != 0 ? normal
                                                      : float_bits(subtract(bits_float(normal + (1u << 23)), hidden));
    if (format.special == IEEE && magnitude > format.largest()) {
        bits = magnitude == format.largest() + 1u ? INFINITY_BITS : NAN_BITS;
    }
    if (format.special == NAN_ONLY && magnitude > format.largest()) bits = NAN_BITS;
    if (format.special == NAN_AT_NEGATIVE_ZERO && sign != 0 && magnitude == 0) bits = NAN_BITS;
    return bits_float(bits | sign);
}

// The value of a code of a narrow format without special codes: as the bits of a float32 its field is too small by the
// difference of the biases, and the product with that power of two makes subnormal values normal.
PARETOSERVE_DEVICE float decode_narrow(const Format& format, u32 code) {
    const u32 sign = (code & format.sign_bit()) << (32u - format.bits());
    const u32 magnitude = (code & format.ones()) << (23u - format.mantissa_bits);
    return multiply(bits_float(sign | magnitude), bits_float(static_cast<u32>(254 - format.bias) << 23));
}

// The code of a magnitude to the nearest, saturating, for the narrow formats of blocks: fewer steps than the general
// way.
PARETOSERVE_DEVICE u32 encode_narrow(const Format& format, float magnitude) {
    const float value = smaller(magnitude, decode(format, format.largest()));
    const u32 shift = 23u - format.mantissa_bits;
    const u32 exponent = greatest(float_bits(value) & INFINITY_BITS, format.normal_from());
    // One step at this exponent is the last bit of this power of two.
    const u32 magic = exponent + (shift << 23);
    const u32 steps = float_bits(add(value, bits_float(magic))) - magic;
    return steps + ((exponent - format.normal_from()) >> shift);
}

// E2M1 and E2M3 have three straight pieces: the code is the least of three rounded lines, and the fused multiply-add
// that moves a value to its line also rounds it. To the nearest, saturating, without sign.
template <u32 MANTISSA>
PARETOSERVE_DEVICE u32 encode_e2_nearest(float magnitude) {
    constexpr float magic = 8388608.0f;
    constexpr float one = static_cast<float>(1u << MANTISSA);
    const float lower = fused(magnitude, one, magic);
    const float middle = fused(magnitude, 0.5f * one, magic + one);
    const float upper = fused(magnitude, 0.25f * one, magic + 2.0f * one);
    const float code = smaller(smaller(lower, middle), smaller(upper, magic + 4.0f * one - 1.0f));
    return float_bits(code) & 0xFFu;
}

}  // namespace paretoserve
