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
    // Bits of the power of two that follows the largest exponent: everything from there on overflows.
    PARETOSERVE_DEVICE constexpr u32 limit_bits() const {
        return static_cast<u32>(static_cast<i32>(1u << exponent_bits) - bias + 127) << 23;
    }
};

constexpr Format E4M3FN{4, 3, 7, true, NAN_ONLY};
constexpr Format E5M2{5, 2, 15, true, IEEE};
constexpr Format E2M3{2, 3, 1, true, NO_SPECIAL};
constexpr Format E3M2{3, 2, 3, true, NO_SPECIAL};
constexpr Format E2M1{2, 1, 1, true, NO_SPECIAL};
constexpr Format UE4M3{4, 3, 7, false, NAN_ONLY};
constexpr Format UE5M3{5, 3, 15, false, NAN_ONLY};

// The code of a magnitude to the nearest, ties to the even code, as if the exponent had no end (anything from
// `limit_bits` on gives one same code above the largest). NaN counts as that limit.
PARETOSERVE_DEVICE u32 encode_nearest(const Format& format, float magnitude) {
    const float value = smaller(magnitude, bits_float(format.limit_bits()));
    const u32 shift = 23u - format.mantissa_bits;
    const u32 smallest_normal = static_cast<u32>(128 - format.bias) << 23;
    const u32 exponent = greatest(float_bits(value) & INFINITY_BITS, smallest_normal);
    // Adding a power of two whose last bit is one step of the format lets the adder round.
    const u32 magic = exponent + (shift << 23);
    const u32 steps = float_bits(add(value, bits_float(magic))) - magic;
    // The leading bit of a normal number's steps adds one to its exponent field, which `exponent` counts from 0.
    return steps + ((exponent - smallest_normal) >> shift);
}

// The same for any rounding. `random` decides stochastic rounding: up when it is less than the discarded fraction of
// the step, as a 32-bit fraction.
PARETOSERVE_DEVICE u32 encode_rounded(const Format& format, float magnitude, Rounding rounding, u32 random) {
    if (rounding == NEAREST_EVEN) return encode_nearest(format, magnitude);
    const float value = smaller(magnitude, bits_float(format.limit_bits()));
    const u32 field = float_bits(value) >> 23, fraction = float_bits(value) & 0x7FFFFFu;
    const u32 significand = field == 0 ? fraction : (fraction | 0x800000u);
    // A subnormal float32 has the exponent of the smallest normal one.
    const i32 exponent = static_cast<i32>(greatest(field, 1u));
    const i32 smallest_normal = 128 - format.bias;
    const i32 discard = greatest(smallest_normal - exponent, 0) + 23 - static_cast<i32>(format.mantissa_bits);
    const u64 fixed = (static_cast<u64>(significand) << 32) >> least(discard, 63);
    const u32 rest = static_cast<u32>(fixed);
    const u32 up = rounding == HALF_AWAY ? rest >> 31 : (random < rest ? 1u : 0u);
    const u32 base = static_cast<u32>(greatest(exponent - smallest_normal, 0)) << format.mantissa_bits;
    return base + static_cast<u32>(fixed >> 32) + up;
}

// The code of `value`. The caller must not pass NaN to a format without one.
PARETOSERVE_DEVICE u32 encode(const Format& format, float value, Rounding rounding, bool saturate, u32 random) {
    const bool negative = float_bits(value) >> 31 != 0;
    const u32 sign = negative ? format.sign_bit() : 0u;
    if (is_nan(value) || (negative && !format.is_signed && value != 0.0f)) return format.nan() | sign;
    const u32 magnitude = encode_rounded(format, absolute(value), rounding, random);
    if (magnitude > format.largest()) return (saturate ? format.largest() : format.beyond()) | sign;
    return format.special == NAN_AT_NEGATIVE_ZERO && magnitude == 0 ? 0u : (magnitude | sign);
}

// The code of a number, saturating, of a format with sign and negative zero: what block formats need.
PARETOSERVE_DEVICE u32 encode_saturating(const Format& format, float value, Rounding rounding, u32 random) {
    const u32 magnitude = encode_rounded(format, absolute(value), rounding, random);
    return least(magnitude, format.largest()) | (float_bits(value) >> 31 != 0 ? format.sign_bit() : 0u);
}

// The value of `code`; bits above the format's are ignored. Exact.
PARETOSERVE_DEVICE float decode(const Format& format, u32 code) {
    const u32 magnitude = code & format.ones();
    const u32 sign = (code & format.sign_bit()) != 0 ? 0x80000000u : 0u;
    // As a float32 the field is too small by the difference of the biases; multiplying makes subnormal values normal.
    const float scaled = multiply(bits_float(magnitude << (23u - format.mantissa_bits)),
                                  bits_float(static_cast<u32>(254 - format.bias) << 23));
    u32 bits = float_bits(scaled);
    if (format.special == IEEE && magnitude > format.largest()) {
        bits = magnitude == format.largest() + 1u ? INFINITY_BITS : NAN_BITS;
    }
    if (format.special == NAN_ONLY && magnitude > format.largest()) bits = NAN_BITS;
    if (format.special == NAN_AT_NEGATIVE_ZERO && sign != 0 && magnitude == 0) bits = NAN_BITS;
    return bits_float(bits | sign);
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
