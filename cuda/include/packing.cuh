// Codes of 1 to 8 bits as a dense stream: eight codes are exactly `bits` bytes.
//
// With the least significant bit first, code i occupies bits [i b, (i + 1) b) of the little-endian integer that the bytes
// are; with the most significant bit first, of the big-endian one. Same bytes as rust/core/src/quant/pack.
#pragma once

#include "platform.cuh"

namespace paretoserve {

// What a byte outside the stream stands for: the code, q with code q + 2^(bits-1), or q with its lower bits as code. The
// numbers cross the boundary to the host.
enum Coding : u32 { UNSIGNED_CODE = 0, OFFSET_CODE = 1, TWOS_CODE = 2 };

struct Packing {
    u32 bits;
    // Most significant bit first, and bytes of a stored word the other way round.
    bool msb_first, swapped;
    // A byte x has the code (x + add) ^ flip; both words hold the same in each byte.
    u32 add, flip;

    PARETOSERVE_DEVICE Packing(u32 width, bool msb, bool words, Coding coding)
        : bits(width), msb_first(msb), swapped(msb && words) {
        const u32 half = 0x01010101u << (width - 1u);
        add = coding == UNSIGNED_CODE ? 0u : half;
        flip = coding == TWOS_CODE ? half : 0u;
    }
};

// The sum of each byte, without carries between them.
PARETOSERVE_DEVICE u32 add_bytes(u32 a, u32 b) {
    return ((a & 0x7F7F7F7Fu) + (b & 0x7F7F7F7Fu)) ^ ((a ^ b) & 0x80808080u);
}

PARETOSERVE_DEVICE u32 bytes_to_codes(const Packing& packing, u32 bytes) {
    return add_bytes(bytes, packing.add) ^ packing.flip;
}

PARETOSERVE_DEVICE u32 codes_to_bytes(const Packing& packing, u32 codes) {
    // Subtracting is adding the complement of each byte plus one.
    return add_bytes(add_bytes(codes ^ packing.flip, ~packing.add), 0x01010101u);
}

// Eight codes, one per byte of two words, as the `bits` bytes of the stream, the first byte lowest.
template <u32 BITS>
PARETOSERVE_DEVICE u64 pack_eight(u32 low, u32 high, bool msb_first) {
    u64 stream = 0;
    PARETOSERVE_UNROLL
    for (u32 i = 0; i < 8; ++i) {
        const u64 code = (i < 4 ? low >> (8 * i) : high >> (8 * i - 32)) & ((1u << BITS) - 1u);
        stream |= code << (BITS * (msb_first ? 7 - i : i));
    }
    if (!msb_first) return stream;
    u64 bytes = 0;
    PARETOSERVE_UNROLL
    for (u32 i = 0; i < BITS; ++i) bytes |= (stream >> (8 * (BITS - 1 - i)) & 0xFFu) << (8 * i);
    return bytes;
}

// The inverse.
template <u32 BITS>
PARETOSERVE_DEVICE void unpack_eight(u64 bytes, bool msb_first, u32& low, u32& high) {
    u64 stream = bytes;
    if (msb_first) {
        stream = 0;
        PARETOSERVE_UNROLL
        for (u32 i = 0; i < BITS; ++i) stream |= (bytes >> (8 * i) & 0xFFu) << (8 * (BITS - 1 - i));
    }
    low = high = 0;
    PARETOSERVE_UNROLL
    for (u32 i = 0; i < 8; ++i) {
        const u32 code = static_cast<u32>(stream >> (BITS * (msb_first ? 7 - i : i))) & ((1u << BITS) - 1u);
        (i < 4 ? low : high) |= code << (8 * (i % 4));
    }
}

}  // namespace paretoserve
