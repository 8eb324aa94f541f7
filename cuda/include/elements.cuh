// The numbers inside a block: eight at once to the nearest code, or one by any rounding, and back.
//
// Inputs are numbers, never NaN; everything saturates. Integers clip symmetrically. `MX_UNIT` is the factor from a
// value to an integer's steps, which the MX formats fix as 2^(bits - 2).
#pragma once

#include "integers.cuh"
#include "memory.cuh"
#include "mx_scale.cuh"
#include "native.cuh"

namespace paretoserve {

template <class Pair>
PARETOSERVE_DEVICE u64 join_pairs(const float* values, u32 bits, Pair pair) {
    u64 codes = 0;
    PARETOSERVE_UNROLL
    for (u32 i = 0; i < 8; i += 2) codes |= static_cast<u64>(pair(values[i], values[i + 1])) << (i * bits);
    return codes;
}

struct E4m3fn {
    static constexpr u32 BITS = 8;
    static constexpr bool HAS_NAN = true;
    static constexpr float MX_UNIT = 1.0f;
    static constexpr ScaleElement SCALE{8, 0x600000, 3};
    PARETOSERVE_DEVICE static u64 encode_eight(const float* values) {
        return join_pairs(values, BITS,
                          [](float low, float high) PARETOSERVE_LAMBDA { return pair_e4m3fn(low, high); });
    }
    PARETOSERVE_DEVICE static u32 encode_one(float value, Rounding rounding, u32 random) {
        return encode_saturating(E4M3FN, value, rounding, random);
    }
    PARETOSERVE_DEVICE static void decode_pair(u32 codes, float& low, float& high) {
        unpair_fp8<false>(codes, low, high);
    }
};

struct E5m2 {
    static constexpr u32 BITS = 8;
    static constexpr bool HAS_NAN = true;
    static constexpr float MX_UNIT = 1.0f;
    static constexpr ScaleElement SCALE{15, 0x600000, 2};
    PARETOSERVE_DEVICE static u64 encode_eight(const float* values) {
        return join_pairs(values, BITS, [](float low, float high) PARETOSERVE_LAMBDA { return pair_e5m2(low, high); });
    }
    PARETOSERVE_DEVICE static u32 encode_one(float value, Rounding rounding, u32 random) {
        return encode_saturating(E5M2, value, rounding, random);
    }
    PARETOSERVE_DEVICE static void decode_pair(u32 codes, float& low, float& high) {
        unpair_fp8<true>(codes, low, high);
    }
};

// Two codes of six bits each in two bytes, moved together.
PARETOSERVE_DEVICE u32 close_six(u32 codes) { return (codes & 0x3Fu) | (codes >> 2 & 0xFC0u); }

struct E2m3 {
    static constexpr u32 BITS = 6;
    static constexpr bool HAS_NAN = false;
    static constexpr float MX_UNIT = 1.0f;
    static constexpr ScaleElement SCALE{2, 0x700000, 3};
    PARETOSERVE_DEVICE static u64 encode_eight(const float* values) {
        return join_pairs(values, BITS,
                          [](float low, float high) PARETOSERVE_LAMBDA { return close_six(pair_e2m3(low, high)); });
    }
    PARETOSERVE_DEVICE static u32 encode_one(float value, Rounding rounding, u32 random) {
        return encode_saturating(E2M3, value, rounding, random);
    }
    PARETOSERVE_DEVICE static void decode_pair(u32 codes, float& low, float& high) {
        low = decode_narrow(E2M3, codes);
        high = decode_narrow(E2M3, codes >> 6);
    }
};

struct E3m2 {
    static constexpr u32 BITS = 6;
    static constexpr bool HAS_NAN = false;
    static constexpr float MX_UNIT = 1.0f;
    static constexpr ScaleElement SCALE{4, 0x600000, 2};
    PARETOSERVE_DEVICE static u64 encode_eight(const float* values) {
        return join_pairs(values, BITS,
                          [](float low, float high) PARETOSERVE_LAMBDA { return close_six(pair_e3m2(low, high)); });
    }
    PARETOSERVE_DEVICE static u32 encode_one(float value, Rounding rounding, u32 random) {
        return encode_saturating(E3M2, value, rounding, random);
    }
    PARETOSERVE_DEVICE static void decode_pair(u32 codes, float& low, float& high) {
        low = decode_narrow(E3M2, codes);
        high = decode_narrow(E3M2, codes >> 6);
    }
};

struct E2m1 {
    static constexpr u32 BITS = 4;
    static constexpr bool HAS_NAN = false;
    static constexpr float MX_UNIT = 1.0f;
    static constexpr ScaleElement SCALE{2, 0x400000, 1};
    static constexpr float LARGEST = 6.0f;
    PARETOSERVE_DEVICE static u64 encode_eight(const float* values) {
        return join_pairs(values, BITS, [](float low, float high) PARETOSERVE_LAMBDA { return pair_e2m1(low, high); });
    }
    PARETOSERVE_DEVICE static u32 encode_one(float value, Rounding rounding, u32 random) {
        return encode_saturating(E2M1, value, rounding, random);
    }
    PARETOSERVE_DEVICE static void decode_pair(u32 codes, float& low, float& high) {
        low = decode_narrow(E2M1, codes);
        high = decode_narrow(E2M1, codes >> 4);
    }
};

template <u32 WIDTH>
struct Int {
    static constexpr u32 BITS = WIDTH;
    static constexpr bool HAS_NAN = false;
    static constexpr u32 MASK = (1u << WIDTH) - 1u;
    static constexpr i32 LIMIT = (1 << (WIDTH - 1)) - 1;
    static constexpr float LARGEST = static_cast<float>(LIMIT);
    static constexpr float MX_UNIT = static_cast<float>(1 << (WIDTH - 2));
    // The largest number as a value is (2^(bits-1) - 1) / 2^(bits-2): ones but for the last bit that a float has.
    static constexpr ScaleElement SCALE{0, 0x800000u - (0x1000000u >> (WIDTH - 1)), WIDTH - 2};
    PARETOSERVE_DEVICE static u64 encode_eight(const float* values) {
        return join_pairs(values, BITS, [](float low, float high) PARETOSERVE_LAMBDA {
            const u32 first = static_cast<u32>(round_nearest(low, LARGEST)) & MASK;
            return first | (static_cast<u32>(round_nearest(high, LARGEST)) & MASK) << BITS;
        });
    }
    PARETOSERVE_DEVICE static u32 encode_one(float value, Rounding rounding, u32 random) {
        return static_cast<u32>(round_integer(value, -LIMIT, LIMIT, rounding, random)) & MASK;
    }
    PARETOSERVE_DEVICE static void decode_pair(u32 codes, float& low, float& high) {
        low = static_cast<float>(static_cast<i32>(codes << (32 - BITS)) >> (32 - BITS));
        high = static_cast<float>(static_cast<i32>(codes << (32 - 2 * BITS)) >> (32 - BITS));
    }
};

using Int8 = Int<8>;
using Int6 = Int<6>;
using Int4 = Int<4>;

}  // namespace paretoserve
