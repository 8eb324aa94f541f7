// A scalar format as kernel parameters, and whose codes for NaN and overflow are made.
//
// Same bits as rust/core/src/quant/cast: our own rule, and those of ml_dtypes and torch where they differ.
#pragma once

#include "integers.cuh"

namespace paretoserve {

// The numbers of these enumerations cross the boundary to the host.
enum Kind : u32 { FLOAT = 0, EXPONENT = 1, SIGNED_INTEGER = 2, UNSIGNED_INTEGER = 3 };
enum CastRule : u32 { OURS = 0, ML_DTYPES = 1, TORCH = 2 };

struct Cast {
    Kind kind;
    Format format;
    // Width of an integer.
    u32 bits;
    // Codes of overflow and NaN before the sign; the sign of NaN flips `nan_sign`.
    u32 beyond, nan, nan_sign;
    bool saturate, drop_sign, zero_is_nan;
    Rounding rounding;
};

// `layout`: exponent bits in bits 0-3, mantissa bits in 4-7, sign in 8, `Special` in 9-10, `Kind` in 11-12, width of an
// integer in 13-16.
PARETOSERVE_DEVICE Cast make_cast(u32 layout, i32 bias, bool saturate, CastRule rule, Rounding rounding) {
    const Format format{layout & 15u, layout >> 4 & 15u, bias, (layout >> 8 & 1u) != 0,
                        static_cast<Special>(layout >> 9 & 3u)};
    Cast cast{static_cast<Kind>(layout >> 11 & 3u), format, layout >> 13 & 15u, 0, 0, 0, saturate, false, false,
              rounding};
    if (rule == ML_DTYPES) cast.saturate = false;
    if (rule == TORCH) cast.saturate = format.special == NAN_ONLY && cast.kind == FLOAT;
    cast.drop_sign = rule == TORCH;
    cast.zero_is_nan = rule == ML_DTYPES;
    cast.beyond = cast.saturate ? format.largest() : format.beyond();
    cast.nan = format.has_nan() ? format.nan() : 0u;
    cast.nan_sign = format.special == IEEE || format.special == NAN_ONLY ? format.sign_bit() : 0u;
    if (rule == ML_DTYPES && format.special == IEEE && format.mantissa_bits > 0) {
        cast.nan = format.largest() + 1u + (1u << (format.mantissa_bits - 1u));
    }
    if (rule == ML_DTYPES && format.special == NO_SPECIAL) {
        cast.nan = format.sign_bit();
        cast.nan_sign = format.sign_bit();
    }
    return cast;
}

PARETOSERVE_DEVICE u32 encode_float(const Cast& cast, float value, u32 random) {
    const Format& format = cast.format;
    const bool negative = float_bits(value) >> 31 != 0;
    const u32 sign = negative ? format.sign_bit() : 0u;
    u32 code = encode_rounded(format, float_bits(value) & 0x7FFFFFFFu, cast.rounding, random);
    if (code > format.largest()) code = cast.beyond;
    const u32 number = format.special == NAN_AT_NEGATIVE_ZERO && code == 0 ? 0u : (code | sign);
    const bool no_code = is_nan(value) || (negative && !format.is_signed && value != 0.0f);
    return no_code ? cast.nan ^ (sign & cast.nan_sign) : number;
}

PARETOSERVE_DEVICE u32 encode_integer(const Cast& cast, float value, u32 random) {
    const bool is_signed = cast.kind == SIGNED_INTEGER;
    const i32 low = is_signed ? -(1 << (cast.bits - 1u)) : 0;
    const i32 high = (1 << (cast.bits - (is_signed ? 1u : 0u))) - 1;
    return static_cast<u32>(round_integer(value, low, high, cast.rounding, random)) & ((1u << cast.bits) - 1u);
}

PARETOSERVE_DEVICE u32 encode_cast(const Cast& cast, float value, u32 random) {
    if (cast.kind == FLOAT) return encode_float(cast, value, random);
    if (cast.kind != EXPONENT) return encode_integer(cast, value, random);
    if (cast.zero_is_nan && value == 0.0f) return 0xFF;
    return encode_e8m0(cast.drop_sign ? absolute(value) : value, cast.saturate);
}

PARETOSERVE_DEVICE float decode_cast(const Cast& cast, u32 code) {
    if (cast.kind == FLOAT) return decode(cast.format, code);
    if (cast.kind == EXPONENT) return decode_e8m0(code);
    const u32 unused = 32u - cast.bits;
    if (cast.kind == UNSIGNED_INTEGER) return static_cast<float>(code << unused >> unused);
    return static_cast<float>(static_cast<i32>(code << unused) >> unused);
}

}  // namespace paretoserve
