// Codes of 1 to 8 bits, one per byte, to dense bit streams and back.
//
// Grid: any number of blocks of 256 threads. A thread has 32 codes; streams pass through shared memory, so that memory
// is met in whole words by neighbors. Rows that end inside a word, and odd addresses, go eight codes at a time.
//   packed     u8[rows][row bytes], row bytes = ceil(columns * bits / 8) rounded up to `word`; fast at multiples of 4
//   codes      u8[rows][columns]; fast at multiples of 16
//   first_bad  u64, out, or null; must hold the largest u64 before, gets the smallest index of a code that does not fit
//   rows, columns (rows 1 for rows without padding); bits
//   msb_first  0 or 1; word: bytes of a word, 1 or 4; coding: 0 codes, 1 numbers with an offset, 2 two's complement
#include "memory.cuh"
#include "packing.cuh"

namespace paretoserve {

constexpr u32 PACK_THREADS = 256;

// Rows of codes and of bytes, joined to one where nothing is between them.
struct PackShape {
    u64 rows, columns, row_bytes;

    PARETOSERVE_DEVICE PackShape(u64 lines, u64 length, u32 bits, u32 word)
        : rows(lines), columns(length), row_bytes((length * bits + 8 * word - 1) / (8 * word) * word) {
        if (columns * bits != row_bytes * 8) return;
        columns *= rows;
        row_bytes *= rows;
        rows = rows == 0 ? 0 : 1;
    }
};

PARETOSERVE_DEVICE void report_bad(u64* first_bad, u32 codes, u32 bits, u64 first) {
    const u32 beyond = codes & ~(0x01010101u * ((1u << bits) - 1u));
    if (beyond == 0 || first_bad == nullptr) return;
    u32 at = 3;
    for (u32 i = 3; i < 4; --i) at = beyond >> (8 * i) & 0xFFu ? i : at;
    atomicMin(first_bad, first + at);
}

// Where a byte of the stream is stored.
PARETOSERVE_DEVICE u64 byte_place(const Packing& packing, u64 byte) { return packing.swapped ? byte ^ 3u : byte; }

// Eight codes of any row by themselves.
PARETOSERVE_DEVICE void pack_singly(u8* packed, u64* first_bad, const u8* codes, const PackShape& shape,
                                    const Packing& packing, u64 start) {
    const u64 per_row = (shape.columns + 7) / 8, stride = static_cast<u64>(gridDim.x) * blockDim.x;
    for (u64 piece = start + static_cast<u64>(blockIdx.x) * blockDim.x + threadIdx.x; piece < shape.rows * per_row;
         piece += stride) {
        const u64 row = piece / per_row, column = (piece - row * per_row) * 8;
        u32 words[2] = {0, 0};
        const u32 length = static_cast<u32>(least<u64>(shape.columns - column, 8));
        PARETOSERVE_UNROLL
        for (u32 i = 0; i < 8; ++i) {
            if (i >= length) continue;
            const u32 byte = codes[row * shape.columns + column + i];
            const u32 code = bytes_to_codes(packing, byte) & 0xFFu;
            report_bad(first_bad, code, packing.bits, row * shape.columns + column + i);
            words[i / 4] |= code << (8 * (i % 4));
        }
        const u64 bytes = pack_eight(words[0], words[1], packing.bits, packing.msb_first);
        const u64 first = column / 8 * packing.bits;
        const u64 end = column + 8 < shape.columns ? first + packing.bits : shape.row_bytes;
        for (u64 byte = first; byte < end; ++byte) {
            const u64 value = byte - first < 8 ? bytes >> (8 * (byte - first)) : 0;
            packed[row * shape.row_bytes + byte_place(packing, byte)] = static_cast<u8>(value);
        }
    }
}

PARETOSERVE_DEVICE void unpack_singly(u8* codes, const u8* packed, const PackShape& shape, const Packing& packing,
                                      u64 start) {
    const u64 per_row = (shape.columns + 7) / 8, stride = static_cast<u64>(gridDim.x) * blockDim.x;
    for (u64 piece = start + static_cast<u64>(blockIdx.x) * blockDim.x + threadIdx.x; piece < shape.rows * per_row;
         piece += stride) {
        const u64 row = piece / per_row, column = (piece - row * per_row) * 8, first = column / 8 * packing.bits;
        u64 bytes = 0;
        for (u64 byte = first; byte < first + packing.bits && byte < shape.row_bytes; ++byte) {
            const u64 value = packed[row * shape.row_bytes + byte_place(packing, byte)];
            bytes |= value << (8 * (byte - first));
        }
        u32 words[2];
        unpack_eight(bytes, packing.bits, packing.msb_first, words[0], words[1]);
        const u32 length = static_cast<u32>(least<u64>(shape.columns - column, 8));
        PARETOSERVE_UNROLL
        for (u32 i = 0; i < 8; ++i) {
            const u32 code = codes_to_bytes(packing, words[i / 4]) >> (8 * (i % 4));
            if (i < length) codes[row * shape.columns + column + i] = static_cast<u8>(code);
        }
    }
}

// How many threads have 32 codes whose bytes are whole words; the rest goes the other way.
PARETOSERVE_DEVICE u64 whole_threads(const PackShape& shape, const u8* codes, const u8* packed) {
    const bool whole = shape.rows == 1 && is_aligned(codes) && (reinterpret_cast<u64>(packed) & 3u) == 0;
    return whole ? shape.columns / 32 : 0;
}

// Byte `i` of 32 packed codes, of which `eights` holds eight each.
template <u32 BITS>
PARETOSERVE_DEVICE u32 byte_of(const u64* eights, u32 i) {
    return static_cast<u32>(eights[i / BITS] >> (8 * (i % BITS))) & 0xFFu;
}

template <u32 BITS>
PARETOSERVE_DEVICE void pack(u8* packed, u64* first_bad, const u8* codes, const PackShape& shape,
                             const Packing& packing, u32* stage) {
    const u64 threads = whole_threads(shape, codes, packed), step = static_cast<u64>(gridDim.x) * PACK_THREADS;
    for (u64 base = static_cast<u64>(blockIdx.x) * PACK_THREADS; base < threads; base += step) {
        const u64 mine = base + threadIdx.x;
        u32 words[8] = {0, 0, 0, 0, 0, 0, 0, 0};
        if (mine < threads) {
            load_words4(words, codes + mine * 32);
            load_words4(words + 4, codes + mine * 32 + 16);
        }
        u64 eights[4];
        u32 all = 0;
        PARETOSERVE_UNROLL
        for (u32 i = 0; i < 8; ++i) {
            words[i] = mine < threads ? bytes_to_codes(packing, words[i]) : 0u;
            all |= words[i];
        }
        if (first_bad != nullptr && (all & ~(0x01010101u * ((1u << BITS) - 1u))) != 0) {
            PARETOSERVE_UNROLL
            for (u32 i = 0; i < 8; ++i) report_bad(first_bad, words[i], BITS, mine * 32 + i * 4);
        }
        PARETOSERVE_UNROLL
        for (u32 i = 0; i < 4; ++i) eights[i] = pack_eight(words[2 * i], words[2 * i + 1], BITS, packing.msb_first);
        __syncthreads();
        PARETOSERVE_UNROLL
        for (u32 word = 0; word < BITS; ++word) {
            u32 joined = 0, turned = 0;
            PARETOSERVE_UNROLL
            for (u32 i = 0; i < 4; ++i) {
                joined |= byte_of<BITS>(eights, word * 4 + i) << (8 * i);
                turned |= byte_of<BITS>(eights, word * 4 + i) << (24 - 8 * i);
            }
            stage[threadIdx.x * BITS + word] = packing.swapped ? turned : joined;
        }
        __syncthreads();
        const u64 first = base * BITS, end = least<u64>(base + PACK_THREADS, threads) * BITS;
        for (u64 word = first + threadIdx.x; word < end; word += PACK_THREADS) {
            store_words<1>(packed + word * 4, stage + (word - first));
        }
    }
}

template <u32 BITS>
PARETOSERVE_DEVICE void unpack(u8* codes, const u8* packed, const PackShape& shape, const Packing& packing,
                               u32* stage) {
    const u64 threads = whole_threads(shape, codes, packed), step = static_cast<u64>(gridDim.x) * PACK_THREADS;
    for (u64 base = static_cast<u64>(blockIdx.x) * PACK_THREADS; base < threads; base += step) {
        const u64 first = base * BITS, end = least<u64>(base + PACK_THREADS, threads) * BITS;
        u32 words[8];
        __syncthreads();
        PARETOSERVE_UNROLL
        for (u32 i = 0; i < BITS; ++i) {
            const u64 word = first + i * PACK_THREADS + threadIdx.x;
            words[i] = 0;
            if (word < end) load_words<1>(words + i, packed + word * 4);
        }
        PARETOSERVE_UNROLL
        for (u32 i = 0; i < BITS; ++i) stage[i * PACK_THREADS + threadIdx.x] = words[i];
        __syncthreads();
        u64 eights[4] = {0, 0, 0, 0};
        PARETOSERVE_UNROLL
        for (u32 word = 0; word < BITS; ++word) {
            const u32 stored = stage[threadIdx.x * BITS + word];
            PARETOSERVE_UNROLL
            for (u32 i = 0; i < 4; ++i) {
                const u32 byte = word * 4 + i, shift = packing.swapped ? 24 - 8 * i : 8 * i;
                eights[byte / BITS] |= static_cast<u64>(stored >> shift & 0xFFu) << (8 * (byte % BITS));
            }
        }
        const u64 mine = base + threadIdx.x;
        if (mine >= threads) continue;
        u32 out[8];
        PARETOSERVE_UNROLL
        for (u32 i = 0; i < 4; ++i) {
            unpack_eight(eights[i], BITS, packing.msb_first, out[2 * i], out[2 * i + 1]);
            out[2 * i] = codes_to_bytes(packing, out[2 * i]);
            out[2 * i + 1] = codes_to_bytes(packing, out[2 * i + 1]);
        }
        store_words<4>(codes + mine * 32, out);
        store_words<4>(codes + mine * 32 + 16, out + 4);
    }
}

}  // namespace paretoserve

#define FOR_EVERY_WIDTH(CALL)  \
    switch (bits) {            \
        case 1: CALL(1) break; \
        case 2: CALL(2) break; \
        case 3: CALL(3) break; \
        case 4: CALL(4) break; \
        case 5: CALL(5) break; \
        case 6: CALL(6) break; \
        case 7: CALL(7) break; \
        default: CALL(8)       \
    }

#define PACK(BITS) pack<BITS>(packed, first_bad, codes, shape, packing, stage);
#define UNPACK(BITS) unpack<BITS>(codes, packed, shape, packing, stage);

// packed, first_bad | codes | rows, columns | bits, msb_first, word, coding
extern "C" __global__ void __launch_bounds__(256) paretoserve_quant_pack_bits(
    paretoserve::u8* packed, paretoserve::u64* first_bad, const paretoserve::u8* codes, paretoserve::u64 rows,
    paretoserve::u64 columns, paretoserve::u32 bits, paretoserve::u32 msb_first, paretoserve::u32 word,
    paretoserve::u32 coding) {
    using namespace paretoserve;
    __shared__ u32 stage[PACK_THREADS * 8];
    const Packing packing(bits, msb_first != 0, word == 4, static_cast<Coding>(coding));
    const PackShape shape(rows, columns, bits, word);
    FOR_EVERY_WIDTH(PACK)
    pack_singly(packed, first_bad, codes, shape, packing, whole_threads(shape, codes, packed) * 4);
}

// codes | packed | rows, columns | bits, msb_first, word, coding
extern "C" __global__ void __launch_bounds__(256) paretoserve_quant_unpack_bits(
    paretoserve::u8* codes, const paretoserve::u8* packed, paretoserve::u64 rows, paretoserve::u64 columns,
    paretoserve::u32 bits, paretoserve::u32 msb_first, paretoserve::u32 word, paretoserve::u32 coding) {
    using namespace paretoserve;
    __shared__ u32 stage[PACK_THREADS * 8];
    const Packing packing(bits, msb_first != 0, word == 4, static_cast<Coding>(coding));
    const PackShape shape(rows, columns, bits, word);
    FOR_EVERY_WIDTH(UNPACK)
    unpack_singly(codes, packed, shape, packing, whole_threads(shape, codes, packed) * 4);
}
