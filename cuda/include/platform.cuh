// What differs between NVRTC and g++: function attributes, arithmetic that must not be fused, bits of a float.
//
// Every header here compiles under both, so that tests can run device functions on a CPU. g++ needs
// -ffp-contract=off; NVRTC must keep its defaults (no fast math, subnormal numbers kept).
#pragma once

#ifdef __CUDA_ARCH__
#define PARETOSERVE_DEVICE __device__ __forceinline__
#define PARETOSERVE_LAMBDA
#define PARETOSERVE_UNROLL _Pragma("unroll")
#define PARETOSERVE_LOOP _Pragma("unroll 1")
#else
#define PARETOSERVE_DEVICE inline
#define PARETOSERVE_LAMBDA __attribute__((always_inline))
#define PARETOSERVE_UNROLL
#define PARETOSERVE_LOOP
#endif

// Conversions to FP8 are instructions from sm_89 on; those to FP6, FP4 and powers of two only in the targets of the
// sm_100 generation that name their architecture or family (sm_100a, sm_120f).
#if defined(__CUDA_ARCH__) && __CUDA_ARCH__ >= 890
#define PARETOSERVE_NATIVE_FP8 1
#else
#define PARETOSERVE_NATIVE_FP8 0
#endif
#if defined(__CUDA_ARCH__) && __CUDA_ARCH__ >= 1000 && \
    (defined(__CUDA_ARCH_SPECIFIC__) || defined(__CUDA_ARCH_FAMILY_SPECIFIC__))
#define PARETOSERVE_NATIVE_FP4 1
#else
#define PARETOSERVE_NATIVE_FP4 0
#endif

namespace paretoserve {

using u8 = unsigned char;
using u16 = unsigned short;
using u32 = unsigned int;
using u64 = unsigned long long;
using i16 = short;
using i32 = int;
using i64 = long long;

constexpr float FLOAT_MAX = 3.402823466385288598e38f;
constexpr float FLOAT_MIN = 1.175494350822287508e-38f;  // the least normal number
constexpr u32 INFINITY_BITS = 0x7F800000u;
constexpr u32 NAN_BITS = 0x7FC00000u;

PARETOSERVE_DEVICE u32 float_bits(float value) {
#ifdef __CUDA_ARCH__
    return __float_as_uint(value);
#else
    return __builtin_bit_cast(u32, value);
#endif
}

PARETOSERVE_DEVICE float bits_float(u32 bits) {
#ifdef __CUDA_ARCH__
    return __uint_as_float(bits);
#else
    return __builtin_bit_cast(float, bits);
#endif
}

PARETOSERVE_DEVICE float multiply(float a, float b) {
#ifdef __CUDA_ARCH__
    return __fmul_rn(a, b);
#else
    return a * b;
#endif
}

PARETOSERVE_DEVICE float add(float a, float b) {
#ifdef __CUDA_ARCH__
    return __fadd_rn(a, b);
#else
    return a + b;
#endif
}

PARETOSERVE_DEVICE float subtract(float a, float b) {
#ifdef __CUDA_ARCH__
    return __fsub_rn(a, b);
#else
    return a - b;
#endif
}

PARETOSERVE_DEVICE float divide(float a, float b) {
#ifdef __CUDA_ARCH__
    return __fdiv_rn(a, b);
#else
    return a / b;
#endif
}

// 1 / a, rounded once.
PARETOSERVE_DEVICE float reciprocal(float a) {
#ifdef __CUDA_ARCH__
    return __frcp_rn(a);
#else
    return 1.0f / a;
#endif
}

// a * b + c, rounded once.
PARETOSERVE_DEVICE float fused(float a, float b, float c) {
#ifdef __CUDA_ARCH__
    return __fmaf_rn(a, b, c);
#else
    return __builtin_fmaf(a, b, c);
#endif
}

PARETOSERVE_DEVICE float absolute(float a) { return bits_float(float_bits(a) & 0x7FFFFFFFu); }

// The smaller of two numbers; `b` when `a` is NaN.
PARETOSERVE_DEVICE float smaller(float a, float b) {
#ifdef __CUDA_ARCH__
    return fminf(a, b);
#else
    return a < b ? a : b;
#endif
}

// The larger of two numbers; `b` when `a` is NaN.
PARETOSERVE_DEVICE float larger(float a, float b) {
#ifdef __CUDA_ARCH__
    return fmaxf(a, b);
#else
    return a > b ? a : b;
#endif
}

template <class T>
PARETOSERVE_DEVICE T least(T a, T b) {
    return a < b ? a : b;
}

template <class T>
PARETOSERVE_DEVICE T greatest(T a, T b) {
    return a > b ? a : b;
}

PARETOSERVE_DEVICE bool is_nan(float a) { return a != a; }

PARETOSERVE_DEVICE u32 leading_zeros(u32 a) {
#ifdef __CUDA_ARCH__
    return static_cast<u32>(__clz(static_cast<int>(a)));
#else
    return a == 0 ? 32u : static_cast<u32>(__builtin_clz(a));
#endif
}

PARETOSERVE_DEVICE u32 multiply_high(u32 a, u32 b) {
#ifdef __CUDA_ARCH__
    return __umulhi(a, b);
#else
    return static_cast<u32>((static_cast<u64>(a) * b) >> 32);
#endif
}

}  // namespace paretoserve
