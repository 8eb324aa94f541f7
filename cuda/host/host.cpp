// Device functions of cuda/include as loops over arrays, for tests: g++ -std=c++17 -ffp-contract=off -shared.
#include "runner.hpp"

#include "cast.cuh"
#include "divider.cuh"
#include "division.cuh"
#include "elements.cuh"
#include "mx_scale.cuh"
#include "nv.cuh"
#include "packing.cuh"
#include "pareto_draws.cuh"
#include "pareto_rays.cuh"
#include "random.cuh"
#include "swizzle.cuh"

using namespace paretoserve;

namespace {

template <class From, class To, class Function>
void each(To* out, const From* x, u64 count, Function function) {
    for (u64 i = 0; i < count; ++i) out[i] = static_cast<To>(function(x[i]));
}

// Codes of eights of numbers by the way of blocks, and their numbers by the way of dequantization.
template <class Element>
void eights(u64* codes, float* decoded, const float* x, u64 count) {
    for (u64 i = 0; i < count; i += 8) {
        codes[i / 8] = Element::encode_eight(x + i);
        for (u32 j = 0; j < 8; j += 2) {
            Element::decode_pair(static_cast<u32>(codes[i / 8] >> (Element::BITS * j)), decoded[i + j],
                                 decoded[i + j + 1]);
        }
    }
}

}  // namespace

extern "C" {

void host_encode(u8* codes, const float* x, u64 count, u32 layout, i32 bias, u32 saturate, u32 rule, u32 rounding,
                 u64 seed) {
    const Cast cast =
        make_cast(layout, bias, saturate != 0, static_cast<CastRule>(rule), static_cast<Rounding>(rounding));
    for (u64 i = 0; i < count; ++i) codes[i] = static_cast<u8>(encode_cast(cast, x[i], random_word(seed, i)));
}

void host_decode(float* out, const u8* codes, u64 count, u32 layout, i32 bias) {
    const Cast cast = make_cast(layout, bias, true, OURS, NEAREST_EVEN);
    each(out, codes, count, [&](u32 code) { return decode_cast(cast, code); });
}

void host_f16_to_f32(float* out, const u16* x, u64 count) { each(out, x, count, F16::to_f32); }
void host_bf16_to_f32(float* out, const u16* x, u64 count) { each(out, x, count, Bf16::to_f32); }
void host_f32_to_f16(u16* out, const float* x, u64 count) { each(out, x, count, F16::from_f32); }
void host_f32_to_bf16(u16* out, const float* x, u64 count) { each(out, x, count, Bf16::from_f32); }

void host_random(u32* words, u64 seed, u64 first, u64 count) {
    for (u64 i = 0; i < count; ++i) words[i] = random_word(seed, first + i);
}

void host_normals(double* out, u64 seed, u64 first, u64 count) {
    for (u64 i = 0; i < count; ++i) out[i] = normal(seed, first + i / 4, static_cast<u32>(i % 4));
}

void host_ray_inverses(float* out, u32 first, u64 count, u32 multiplier, u32 shift) {
    for (u64 i = 0; i < count; ++i) out[i] = ray_inverse(first + static_cast<u32>(i), multiplier, shift);
}

void host_powers(double* out, const double* x, u64 count, u32 exponent) {
    each(out, x, count, [&](double value) { return power(value, exponent); });
}

// `element` in the order of `host_eights`.
void host_scale(u8* bytes, const u32* amax, u64 count, u32 rule, u32 element) {
    constexpr ScaleElement elements[] = {E4m3fn::SCALE, E5m2::SCALE, E2m3::SCALE, E3m2::SCALE,
                                         E2m1::SCALE,   Int8::SCALE, Int6::SCALE, Int4::SCALE};
    const ScaleRule which = static_cast<ScaleRule>(rule);
    each(bytes, amax, count, [&](u32 bits) { return scale_byte(bits, which, elements[element]); });
}

void host_eights(u64* codes, float* decoded, const float* x, u64 count, u32 element) {
    switch (element) {
        case 0: return eights<E4m3fn>(codes, decoded, x, count);
        case 1: return eights<E5m2>(codes, decoded, x, count);
        case 2: return eights<E2m3>(codes, decoded, x, count);
        case 3: return eights<E3m2>(codes, decoded, x, count);
        case 4: return eights<E2m1>(codes, decoded, x, count);
        case 5: return eights<Int8>(codes, decoded, x, count);
        case 6: return eights<Int6>(codes, decoded, x, count);
        default: return eights<Int4>(codes, decoded, x, count);
    }
}

void host_ue4m3(u8* codes, const float* x, u64 count) { each(codes, x, count, Ue4m3::encode); }
void host_ue5m3(u8* codes, const float* x, u64 count) { each(codes, x, count, Ue5m3::encode); }

void host_divide(float* out, const float* x, u64 count, float by) { each(out, x, count, Division(by)); }

void host_quotient(u32* out, const u32* x, u64 count, u32 by) {
    const Divider divider(by);
    each(out, x, count, [&](u32 n) { return divider.quotient(n); });
}

void host_swizzled_place(u64* out, u64 rows, u32 columns) {
    for (u64 i = 0; i < rows * columns; ++i) {
        out[i] = swizzled_place(i / columns, static_cast<u32>(i % columns), columns);
    }
}

void host_pack(u64* packed, u64* unpacked, const u64* codes, u64 count, u32 bits, u32 msb_first) {
    for (u64 i = 0; i < count; ++i) {
        const u32 low = static_cast<u32>(codes[i]), high = static_cast<u32>(codes[i] >> 32);
        packed[i] = pack_eight(low, high, bits, msb_first != 0);
        u32 first, second;
        unpack_eight(packed[i], bits, msb_first != 0, first, second);
        unpacked[i] = first | static_cast<u64>(second) << 32;
    }
}
}
