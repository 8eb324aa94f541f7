// Eight numbers of an NV block to codes and the block's scale; two lanes share a block of 16. Two levels of scales.
//
// The order of the arithmetic is that of rust/core/src/quant/block/nv.rs (Transformer Engine's), each step rounded to
// float32: with the largest magnitude A of the tensor and R = largest scale * largest element, g = A / R decodes and
// G = R / A encodes; a block with largest magnitude a has the scale s = round(a * (G * (1 / largest element))), and its
// numbers are multiplied by 1 / (s * (1 / G)).
#pragma once

#include "elements.cuh"
#include "lanes.cuh"
#include "stochastic.cuh"

namespace paretoserve {

// The formats of block scales.
struct Ue4m3 {
    static constexpr float LARGEST = 448.0f;
    static constexpr u32 NAN_CODE = 0x7F;
    PARETOSERVE_DEVICE static u32 encode(float value) { return pair_e4m3fn(value, 0.0f) & 0x7Fu; }
    PARETOSERVE_DEVICE static float decode(u32 code) { return paretoserve::decode(UE4M3, code); }
};

struct Ue5m3 {
    static constexpr float LARGEST = 114688.0f;
    static constexpr u32 NAN_CODE = 0xFF;
    PARETOSERVE_DEVICE static u32 encode(float value) { return encode_narrow(UE5M3, value); }
    PARETOSERVE_DEVICE static float decode(u32 code) { return paretoserve::decode(UE5M3, code); }
};

// How a block of NVFP4 chooses 4 or 6 as its largest code; the numbers cross the boundary to the host.
enum FourOverSix : u32 { ONLY_SIX = 0, SQUARES = 1, MAGNITUDES = 2, LARGEST_ERROR = 3 };

// The largest scale when blocks choose: the greatest power of two whose 1.5-fold is no overflow.
constexpr float FOUR_OVER_SIX_SCALE = 256.0f;

// The scales of a tensor, in all the ways they are needed.
struct TensorScale {
    float decode, to_scale, inverse;

    // `given` is the scale in the decoding direction if `is_scale`, else the largest magnitude.
    PARETOSERVE_DEVICE TensorScale(float given, bool is_scale, float range, float largest_element) {
        const float quotient = divide(given, range);
        float encode = 1.0f;
        decode = 1.0f;
        if (is_scale) {
            decode = given;
            encode = divide(1.0f, given);
        } else if (given > 0.0f && quotient < FLOAT_MIN) {
            // Below the normal numbers G would overflow: the least scale that has a reciprocal.
            decode = FLOAT_MIN;
            encode = divide(1.0f, FLOAT_MIN);
        } else if (given > 0.0f) {
            decode = quotient;
            encode = divide(range, given);
        }
        to_scale = multiply(encode, divide(1.0f, largest_element));
        inverse = divide(1.0f, encode);
    }

    // What numbers of a block with this scale are multiplied by.
    PARETOSERVE_DEVICE float factor(float scale) const {
        return smaller(reciprocal(multiply(scale, inverse)), FLOAT_MAX);
    }
};

template <class E, class S>
struct NvQuantizer {
    using Element = E;
    using Scale = S;
    static constexpr int LANES = 2;
    TensorScale tensor;
    Rounding rounding;
    u64 seed;
    bool nan_to_zero;
    FourOverSix choice;

    PARETOSERVE_DEVICE bool plain() const {
        return rounding == NEAREST_EVEN && !nan_to_zero && choice == ONLY_SIX;
    }

    template <bool PLAIN, class T>
    PARETOSERVE_DEVICE u64 quantize(u32& scale, Eight<T> numbers, u64 first) const {
        if (!PLAIN && nan_to_zero) numbers = made_finite(numbers);
        const u32 amax = largest_of_lanes<LANES>(amax_bits(numbers));
        const float target = multiply(bits_float(amax), tensor.to_scale);
        u64 codes = 0;
        if (PLAIN) {
            codes = attempt<true>(scale, numbers, target, first);
        } else {
            float least_error = 0.0f;
            PARETOSERVE_LOOP
            for (u32 largest = 6; largest >= (choice == ONLY_SIX ? 6u : 4u); largest -= 2) {
                u32 tried;
                const float tried_target = largest == 6 ? target : multiply(target, 1.5f);
                const u64 other = attempt<false>(tried, numbers, tried_target, first);
                const float tried_error = choice == ONLY_SIX ? 0.0f : error(numbers, other, tried);
                if (largest == 4 && !(tried_error < least_error)) break;
                codes = other;
                scale = tried;
                least_error = tried_error;
            }
        }
        if (amax < INFINITY_BITS) return codes;
        scale = Scale::NAN_CODE;
        return 0;
    }

    // Codes with the scale nearest to `target`.
    template <bool PLAIN, class T>
    PARETOSERVE_DEVICE u64 attempt(u32& scale, Eight<T> numbers, float target, u64 first) const {
        scale = Scale::encode(target);
        // A scale of 0 leaves only zeros, with their sign.
        const float factor = scale == 0 ? 0.0f : tensor.factor(Scale::decode(scale));
        if (PLAIN || rounding == NEAREST_EVEN) {
            float values[8];
            PARETOSERVE_UNROLL
            for (int i = 0; i < 8; ++i) values[i] = multiply(numbers.value(i), factor);
            return Element::encode_eight(values);
        }
        return encode_eight_slowly<Element>(
            [&]() PARETOSERVE_LAMBDA {
                return larger(smaller(multiply(numbers.next(), factor), Element::LARGEST), -Element::LARGEST);
            },
            rounding, seed, first);
    }

    // How far the numbers of the block are from what codes stand for, summed in their order over both lanes.
    template <class T>
    PARETOSERVE_DEVICE float error(const Eight<T>& numbers, u64 codes, u32 scale) const {
        const float value = Scale::decode(scale);
        float difference[8];
        PARETOSERVE_UNROLL
        for (int i = 0; i < 8; i += 2) {
            float low, high;
            Element::decode_pair(static_cast<u32>(codes >> (Element::BITS * static_cast<u32>(i))), low, high);
            low = multiply(multiply(low, value), tensor.decode);
            high = multiply(multiply(high, value), tensor.decode);
            difference[i] = absolute(subtract(low, numbers.value(i)));
            difference[i + 1] = absolute(subtract(high, numbers.value(i + 1)));
        }
        // The second lane goes on from the sum of the first.
        float sum = accumulate(0.0f, difference);
        const float before = __shfl_xor_sync(ALL_LANES, sum, 1);
        if (threadIdx.x & 1u) sum = accumulate(before, difference);
        const float other = __shfl_xor_sync(ALL_LANES, sum, 1);
        return threadIdx.x & 1u ? sum : other;
    }

    PARETOSERVE_DEVICE float accumulate(float sum, const float* difference) const {
        PARETOSERVE_UNROLL
        for (int i = 0; i < 8; ++i) {
            if (choice == SQUARES) sum = add(sum, multiply(difference[i], difference[i]));
            if (choice == MAGNITUDES) sum = add(sum, difference[i]);
            if (choice == LARGEST_ERROR) sum = larger(sum, difference[i]);
        }
        return sum;
    }
};

// A quantizer from the parameters of a kernel; the first thread writes the tensor's scale.
template <class Element, class Scale>
PARETOSERVE_DEVICE NvQuantizer<Element, Scale> make_nv_quantizer(float* global_scale, const float* given, u32 is_scale,
                                                                 u32 rounding, u64 seed, u32 nan, u32 choice) {
    const float top = choice == ONLY_SIX ? Scale::LARGEST : FOUR_OVER_SIX_SCALE;
    const TensorScale tensor(*given, is_scale != 0, top * Element::LARGEST, Element::LARGEST);
    if (blockIdx.x == 0 && blockIdx.y == 0 && threadIdx.x == 0) *global_scale = tensor.decode;
    return {tensor, static_cast<Rounding>(rounding), seed, nan != 0, static_cast<FourOverSix>(choice)};
}

}  // namespace paretoserve
