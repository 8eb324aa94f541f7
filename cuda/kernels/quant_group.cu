// Integers of 2 to 8 bits in groups or whole rows, FP8 in runs or whole rows: quantize and dequantize.
//
// Grid: any number of blocks of 256 threads. Every kernel:
//   codes        u8[rows][ceil(runs per row * group * bits / 8)], with runs per row = ceil(columns / group): integers
//                in two's complement for 8 bits and with 2^(bits - 1) added below, or with their zero point; FP8
//                u8[rows][columns]
//   scales       [rows][runs per row] of `scale_type`: 0 float32, 1 float16, 2 bfloat16 (FP8: float32)
//   zeros        u8[rows][runs per row]; null for symmetric formats
//   x, out       rows * columns numbers in C order; fast when addresses are multiples of 16
//   rows, columns, group, with columns and rows * ceil(columns / 8) less than 2^32; the last run of a row is padded
//     with zeros. group is a multiple of 8, or the row, or bits is 8
//   bits; rule: 0 symmetric, 1 symmetric with the lowest code (GPTQ), 2 asymmetric. powers: 1 for scales of powers of
//     two
//   rounding, seed, nan: as in quant_mx.cu; a run that is not finite has the scale NaN
#include "divider.cuh"
#include "integers.cuh"
#include "runs.cuh"
#include "shape.cuh"

namespace paretoserve {

struct RunShape {
    u64 rows, columns, group;
};

template <class T, class Format>
PARETOSERVE_DEVICE void quantize_runs(u8* codes, void* scales, u8* zeros, const typename T::Storage* x, RunShape shape,
                                      ScaleType type, const Format& format, const RunOptions& options) {
    if (shape.rows == 0 || shape.columns == 0) return;
    const Team team(shape.group);
    const u64 per_row = (shape.columns + shape.group - 1) / shape.group, runs = shape.rows * per_row;
    const u64 row_bytes = ((Format::CUT ? shape.columns : per_row * shape.group) * format.bits + 7) / 8;
    const u32 reach = team.threads * 8;
    const Divider by_row(static_cast<u32>(per_row));
    for (u64 base = static_cast<u64>(blockIdx.x) * team.per_block; base < runs;
         base += static_cast<u64>(gridDim.x) * team.per_block) {
        const u64 run = base + team.index, row = by_row.quotient(static_cast<u32>(run));
        const u64 start = (run - row * per_row) * shape.group;
        const bool valid = run < runs;
        const u64 end = valid ? least(start + shape.group, shape.columns) : 0;
        const typename T::Storage* from = x + row * shape.columns;
        const auto length = [&](u64 column) PARETOSERVE_LAMBDA {
            return column < end ? static_cast<u32>(least<u64>(end - column, 8)) : 0u;
        };
        const u64 first = start + team.member * 8;
        const Eight<T> held = load_piece<T>(from + first, length(first), options.nan_to_zero);
        Extent extent{0, 0x80000000u, 0x7FFFFFFFu};
        extend(extent, held, format);
        PARETOSERVE_LOOP
        for (u64 column = first + reach; column < end; column += reach) {
            extend(extent, load_piece<T>(from + column, length(column), options.nan_to_zero), format);
        }
        extent.amax = team.largest(extent.amax);
        if (format.needs_range()) {
            extent.high = team.largest(extent.high);
            extent.low_inverted = team.largest(extent.low_inverted);
        }
        if (!valid) continue;
        const bool finite = extent.amax < INFINITY_BITS;
        const float fitted = finite ? format.scale(extent) : bits_float(NAN_BITS);
        const float scale = store_scale(scales, run, fitted, type, team.member == 0);
        const bool usable = finite && scale != 0.0f;
        const u32 zero = usable ? format.zero(scale, extent) : format.blank();
        if (zeros != nullptr && team.member == 0) zeros[run] = static_cast<u8>(zero);
        const typename Format::Codes how = format.codes(usable ? scale : 1.0f, zero);
        u64 blanks = 0;
        for (u32 i = 0; i < 8; ++i) blanks |= static_cast<u64>(format.blank()) << (i * format.bits);
        const u64 coded = Format::CUT ? end : start + shape.group;
        PARETOSERVE_LOOP
        for (u64 column = first; column < coded; column += reach) {
            const Eight<T> numbers =
                column == first ? held : load_piece<T>(from + column, length(column), options.nan_to_zero);
            const u64 packed =
                usable ? encode_piece(format, how, numbers, options, row * shape.columns + column) : blanks;
            const u32 count = static_cast<u32>(least<u64>(coded - column, 8));
            store_piece(codes + row * row_bytes + column * format.bits / 8, packed, format.bits, count);
        }
    }
}

// `value_of(code)` is the number of a code before its zero point is taken off.
template <class T, class ValueOf>
PARETOSERVE_DEVICE void dequantize_runs(typename T::Storage* out, const u8* codes, const void* scales, const u8* zeros,
                                        RunShape shape, ScaleType type, u32 bits, bool cut, ValueOf value_of) {
    if (shape.rows == 0 || shape.columns == 0) return;
    const u64 per_row = (shape.columns + shape.group - 1) / shape.group;
    const u64 row_bytes = ((cut ? shape.columns : per_row * shape.group) * bits + 7) / 8;
    const u64 pieces_per_row = (shape.columns + 7) / 8;
    const u64 stride = static_cast<u64>(gridDim.x) * blockDim.x;
    const Divider by_row(static_cast<u32>(pieces_per_row)), by_group(static_cast<u32>(shape.group));
    for (u64 piece = static_cast<u64>(blockIdx.x) * blockDim.x + threadIdx.x; piece < shape.rows * pieces_per_row;
         piece += stride) {
        const u64 row = by_row.quotient(static_cast<u32>(piece)), column = (piece - row * pieces_per_row) * 8;
        const u32 length = static_cast<u32>(least<u64>(shape.columns - column, 8));
        const u8* from = codes + row * row_bytes + column * bits / 8;
        u64 packed = 0;
        if (length == 8 && bits == 8 && (reinterpret_cast<u64>(from) & 7u) == 0) {
            packed = load_codes<8>(from).bits;
        } else if (length == 8 && bits == 4 && (reinterpret_cast<u64>(from) & 3u) == 0) {
            packed = load_codes<4>(from).bits;
        } else {
            for (u32 i = 0; i < (length * bits + 7) / 8; ++i) packed |= static_cast<u64>(from[i]) << (8 * i);
        }
        const u32 of_row = by_group.quotient(static_cast<u32>(column));
        u64 run = row * per_row + of_row;
        u64 left = shape.group - (column - of_row * shape.group);
        float scale = load_scale(scales, run, type);
        i32 zero = zeros != nullptr ? zeros[run] : 0;
        float values[8];
        PARETOSERVE_UNROLL
        for (u32 i = 0; i < 8; ++i) {
            if (left == 0 && i < length) {
                left = shape.group;
                ++run;
                scale = load_scale(scales, run, type);
                zero = zeros != nullptr ? zeros[run] : 0;
            }
            --left;
            const float number = value_of(static_cast<u32>(packed >> (i * bits)) & ((1u << bits) - 1u), zero);
            const float value = multiply(number, scale);
            values[i] = is_nan(number) ? number : is_nan(scale) ? bits_float(NAN_BITS) : value;
        }
        Eight<T> numbers;
        numbers.set(values);
        typename T::Storage* to = out + row * shape.columns + column;
        if (length == 8 && is_aligned(to)) {
            numbers.store(to);
        } else {
            numbers.store_some(to, length);
        }
    }
}

}  // namespace paretoserve

// codes, scales, zeros | x | rows, columns, group | scale_type, bits, rule, rounding, seed, nan
#define QUANTIZE(NAME, TYPE)                                                                                  \
    extern "C" __global__ void __launch_bounds__(256) paretoserve_quant_group_##NAME(                         \
        paretoserve::u8* codes, void* scales, paretoserve::u8* zeros, const paretoserve::TYPE::Storage* x,    \
        paretoserve::u64 rows, paretoserve::u64 columns, paretoserve::u64 group, paretoserve::u32 scale_type, \
        paretoserve::u32 bits, paretoserve::u32 rule, paretoserve::u32 rounding, paretoserve::u64 seed,       \
        paretoserve::u32 nan) {                                                                               \
        using namespace paretoserve;                                                                          \
        quantize_runs<TYPE>(codes, scales, zeros, x, RunShape{rows, columns, group},                          \
                            static_cast<ScaleType>(scale_type), IntegerRuns{bits, rule == 2, rule == 1},      \
                            RunOptions{static_cast<Rounding>(rounding), seed, nan != 0});                     \
    }                                                                                                         \
    /* codes, scales | x | rows, columns, group | powers, rounding, seed, nan */                              \
    extern "C" __global__ void __launch_bounds__(256) paretoserve_quant_fp8_runs_##NAME(                      \
        paretoserve::u8* codes, float* scales, const paretoserve::TYPE::Storage* x, paretoserve::u64 rows,    \
        paretoserve::u64 columns, paretoserve::u64 group, paretoserve::u32 powers, paretoserve::u32 rounding, \
        paretoserve::u64 seed, paretoserve::u32 nan) {                                                        \
        using namespace paretoserve;                                                                          \
        quantize_runs<TYPE>(codes, scales, nullptr, x, RunShape{rows, columns, group}, SCALE_F32,             \
                            Fp8Runs{powers != 0},                                                             \
                            RunOptions{static_cast<Rounding>(rounding), seed, nan != 0});                     \
    }

// out | codes, scales, zeros | rows, columns, group | scale_type, bits
#define DEQUANTIZE(NAME, TYPE)                                                                                     \
    extern "C" __global__ void __launch_bounds__(256) paretoserve_quant_group_dequantize_##NAME(                   \
        paretoserve::TYPE::Storage* out, const paretoserve::u8* codes, const void* scales,                         \
        const paretoserve::u8* zeros, paretoserve::u64 rows, paretoserve::u64 columns, paretoserve::u64 group,     \
        paretoserve::u32 scale_type, paretoserve::u32 bits) {                                                      \
        using namespace paretoserve;                                                                               \
        const i32 offset = bits == 8 ? 0 : 1 << (bits - 1);                                                        \
        const bool twos = bits == 8 && zeros == nullptr;                                                           \
        const auto value_of = [=](u32 code, i32 zero) PARETOSERVE_LAMBDA {                                         \
            const i32 number = twos ? static_cast<i32>(code << 24) >> 24 : static_cast<i32>(code);                 \
            return static_cast<float>(number - (zeros == nullptr ? offset : zero));                                \
        };                                                                                                         \
        dequantize_runs<TYPE>(out, codes, scales, zeros, RunShape{rows, columns, group},                           \
                              static_cast<ScaleType>(scale_type), bits, false, value_of);                          \
    }                                                                                                              \
    /* out | codes, scales | rows, columns, group */                                                               \
    extern "C" __global__ void __launch_bounds__(256) paretoserve_quant_fp8_runs_dequantize_##NAME(                \
        paretoserve::TYPE::Storage* out, const paretoserve::u8* codes, const float* scales, paretoserve::u64 rows, \
        paretoserve::u64 columns, paretoserve::u64 group) {                                                        \
        using namespace paretoserve;                                                                               \
        const auto value_of = [](u32 code, i32) PARETOSERVE_LAMBDA { return decode(E4M3FN, code); };               \
        dequantize_runs<TYPE>(out, codes, scales, nullptr, RunShape{rows, columns, group}, SCALE_F32, 8, true,     \
                              value_of);                                                                           \
    }

QUANTIZE(f32, F32)
QUANTIZE(f16, F16)
QUANTIZE(bf16, Bf16)
DEQUANTIZE(f32, F32)
DEQUANTIZE(f16, F16)
DEQUANTIZE(bf16, Bf16)
