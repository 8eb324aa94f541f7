// What the lanes that share a block of numbers do together: the largest magnitude, and stores of six-bit codes.
//
// Lanes of one block are neighbors and a power of two of them; every lane of a warp must call these functions.
#pragma once

#include "memory.cuh"

namespace paretoserve {

constexpr u32 ALL_LANES = 0xFFFFFFFFu;

// Two 16-bit magnitudes each: the larger ones. NaN wins.
template <class T>
PARETOSERVE_DEVICE u32 larger_pair(u32 a, u32 b);

template <>
PARETOSERVE_DEVICE u32 larger_pair<Bf16>(u32 a, u32 b) {
#ifdef __CUDA_ARCH__
    u32 result;
    asm("max.NaN.bf16x2 %0, %1, %2;" : "=r"(result) : "r"(a), "r"(b));
    return result;
#else
    return greatest(a >> 16, b >> 16) << 16 | greatest(a & 0xFFFFu, b & 0xFFFFu);
#endif
}

template <>
PARETOSERVE_DEVICE u32 larger_pair<F16>(u32 a, u32 b) {
#ifdef __CUDA_ARCH__
    u32 result;
    asm("max.NaN.f16x2 %0, %1, %2;" : "=r"(result) : "r"(a), "r"(b));
    return result;
#else
    return greatest(a >> 16, b >> 16) << 16 | greatest(a & 0xFFFFu, b & 0xFFFFu);
#endif
}

// Bits of the largest magnitude of eight numbers as float32: at least those of infinity if one is infinite or NaN.
template <class T>
PARETOSERVE_DEVICE u32 amax_bits(const Eight<T>& numbers) {
    if constexpr (Eight<T>::WORDS == 8) {
        u32 most = 0;
        PARETOSERVE_UNROLL
        for (int i = 0; i < 8; ++i) most = greatest(most, numbers.word[i] & 0x7FFFFFFFu);
        return most;
    } else {
        constexpr u32 magnitudes = 0x7FFF7FFFu;
        const u32 first = larger_pair<T>(numbers.word[0] & magnitudes, numbers.word[1] & magnitudes);
        const u32 second = larger_pair<T>(numbers.word[2] & magnitudes, numbers.word[3] & magnitudes);
        const u32 both = larger_pair<T>(first, second);
        return float_bits(T::to_f32(greatest(both >> 16, both & 0xFFFFu)));
    }
}

// The largest of one word per lane over groups of `LANES` lanes.
template <int LANES>
PARETOSERVE_DEVICE u32 largest_of_lanes(u32 value) {
    PARETOSERVE_UNROLL
    for (int distance = 1; distance < LANES; distance *= 2) {
        value = greatest(value, __shfl_xor_sync(ALL_LANES, value, distance));
    }
    return value;
}

// NaN becomes 0 and infinity the largest number with its sign.
template <class T>
PARETOSERVE_DEVICE Eight<T> made_finite(const Eight<T>& numbers) {
    constexpr u32 magnitude = Eight<T>::WORDS == 8 ? 0x7FFFFFFFu : 0x7FFFu;
    const u32 infinity = Eight<T>::WORDS == 8 ? INFINITY_BITS : T::from_f32(bits_float(INFINITY_BITS));
    Eight<T> result;
    result.clear();
    PARETOSERVE_UNROLL
    for (int i = 0; i < 8; ++i) {
        const u32 bits = numbers.bits(i), size = bits & magnitude;
        result.set_bits(i, size > infinity ? 0u : size == infinity ? bits - 1u : bits);
    }
    return result;
}

// Eight codes of a lane to `to`, the place of the first code of the lane; both codes and place are counted in `BITS`
// bytes. `to` is a multiple of 8 for the first of four lanes.
template <u32 BITS>
PARETOSERVE_DEVICE void store_codes(u8* to, u64 codes, bool valid) {
    const u32 words[2] = {static_cast<u32>(codes), static_cast<u32>(codes >> 32)};
    if constexpr (BITS == 8) {
        if (valid) store_words<2>(to, words);
    } else if constexpr (BITS == 4) {
        if (valid) store_words<1>(to, words);
    } else {
        // Four lanes have 24 bytes: the first three store 8 each, with what they lack from the next lane.
        static_assert(BITS == 6, "codes of 4, 6 or 8 bits");
        const u32 lane = threadIdx.x & 3u;
        const u64 next = static_cast<u64>(__shfl_down_sync(ALL_LANES, words[1], 1)) << 32 |
                         __shfl_down_sync(ALL_LANES, words[0], 1);
        const u64 joined = codes >> (16 * lane) | next << (48 - 16 * lane);
        const u32 out[2] = {static_cast<u32>(joined), static_cast<u32>(joined >> 32)};
        if (valid && lane < 3) store_words<2>(to + 2 * lane, out);
    }
}

}  // namespace paretoserve
