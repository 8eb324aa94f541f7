// Hadamard rotation of runs of 16 to 128 numbers: y = H (signs * x) / sqrt(n), alone or before quantization.
//
// Eight neighbors belong to a thread, n / 8 lanes to a run. Stages of distance 1, 2, 4, ... turn (a, b) into
// (a + b, a - b) in float32, then one product with the rounded 1 / sqrt(n): same bits as
// rust/core/src/quant/block/hadamard.rs. H is symmetric, so that the inverse is the same with the signs last.
#pragma once

#include "lanes.cuh"

namespace paretoserve {

struct Rotation {
    u32 size;
    // Bit i: whether number i of this thread changes its sign, before or after.
    u32 flips;
    bool inverse;

    // `signs` holds `length` factors of 1 or -1, or is null. Threads must stride over whole runs.
    PARETOSERVE_DEVICE Rotation(const float* signs, u32 length, bool undo) : size(length), flips(0), inverse(undo) {
        if (signs == nullptr) return;
        const u32 first = threadIdx.x * 8 % size;
        PARETOSERVE_UNROLL
        for (u32 i = 0; i < 8; ++i) flips |= float_bits(signs[first + i]) >> 31 << i;
    }

    PARETOSERVE_DEVICE float flipped(float value, u32 i) const {
        return bits_float(float_bits(value) ^ (flips << (31 - i) & 0x80000000u));
    }

    // All lanes of a warp must call this.
    PARETOSERVE_DEVICE void operator()(float* values) const {
        PARETOSERVE_UNROLL
        for (u32 i = 0; i < 8; ++i) values[i] = inverse ? values[i] : flipped(values[i], i);
        PARETOSERVE_UNROLL
        for (u32 distance = 1; distance < 8; distance *= 2) {
            PARETOSERVE_UNROLL
            for (u32 i = 0; i < 8; ++i) {
                if (i & distance) continue;
                const float a = values[i], b = values[i + distance];
                values[i] = add(a, b);
                values[i + distance] = subtract(a, b);
            }
        }
        PARETOSERVE_LOOP
        for (u32 lanes = 1; lanes < size / 8; lanes *= 2) {
            const u32 minus = threadIdx.x & lanes ? 0x80000000u : 0u;
            PARETOSERVE_UNROLL
            for (u32 i = 0; i < 8; ++i) {
                const float other = __shfl_xor_sync(ALL_LANES, values[i], static_cast<int>(lanes));
                values[i] = add(other, bits_float(float_bits(values[i]) ^ minus));
            }
        }
        const float factor = size == 16 ? 0.25f : size == 32 ? 0.1767766952966369f : size == 64 ? 0.125f
                                                                                       : 0.08838834764831845f;
        PARETOSERVE_UNROLL
        for (u32 i = 0; i < 8; ++i) {
            values[i] = multiply(values[i], factor);
            values[i] = inverse ? flipped(values[i], i) : values[i];
        }
    }

    template <class T>
    PARETOSERVE_DEVICE Eight<F32> rotated(const Eight<T>& numbers) const {
        float values[8];
        PARETOSERVE_UNROLL
        for (int i = 0; i < 8; ++i) values[i] = numbers.value(i);
        (*this)(values);
        Eight<F32> result;
        result.set(values);
        return result;
    }
};

// A quantizer whose numbers are rotated first; rows are whole runs.
template <class Quantizer>
struct RotatingQuantizer {
    using Element = typename Quantizer::Element;
    static constexpr int LANES = Quantizer::LANES;
    Rotation rotation;
    Quantizer quantizer;

    PARETOSERVE_DEVICE bool plain() const { return quantizer.plain(); }

    template <bool PLAIN, class T>
    PARETOSERVE_DEVICE u64 quantize(u32& scale, const Eight<T>& numbers, u64 first) const {
        return quantizer.template quantize<PLAIN>(scale, rotation.rotated(numbers), first);
    }
};

}  // namespace paretoserve
