// Codes of 1 to 8 bits as a dense stream: eight codes are exactly `bits` bytes.
//
// With the least significant bit first, code i occupies bits [i b, (i + 1) b) of the little-endian integer that the
// bytes are; with the most significant bit first, of the big-endian one. Same bytes as rust/core/src/quant/pack.
#pragma once

#include "platform.cuh"

namespace paretoserve {

// What a byte outside the stream stands for: the code, q with code q + 2^(bits-1), or q with its lower bits as code.
// The numbers cross the boundary to the host.
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

// The lowest `bits` bytes in the other order.
PARETOSERVE_DEVICE u64 turn_bytes(u64 bytes, u32 bits) {
    u64 turned = 0;
    PARETOSERVE_UNROLL
    for (u32 i = 0; i < 8; ++i) {
        if (i < bits) turned = turned << 8 | (bytes >> (8 * i) & 0xFFu);
    }
    return turned;
}

// Eight codes, one per byte of two words, as the `bits` bytes of the stream, the first byte lowest.
PARETOSERVE_DEVICE u64 pack_eight(u32 low, u32 high, u32 bits, bool msb_first) {
    u64 stream = 0;
    const u32 mask = (1u << bits) - 1u;
    PARETOSERVE_UNROLL
    for (u32 i = 0; i < 8; ++i) {
        const u64 code = (i < 4 ? low >> (8 * i) : high >> (8 * i - 32)) & mask;
        stream |= code << (bits * (msb_first ? 7 - i : i));
    }
    return msb_first ? turn_bytes(stream, bits) : stream;
}

// The inverse.
PARETOSERVE_DEVICE void unpack_eight(u64 bytes, u32 bits, bool msb_first, u32& low, u32& high) {
    const u64 stream = msb_first ? turn_bytes(bytes, bits) : bytes;
    const u32 mask = (1u << bits) - 1u;
    low = high = 0;
    PARETOSERVE_UNROLL
    for (u32 i = 0; i < 8; ++i) {
        const u32 code = static_cast<u32>(stream >> (bits * (msb_first ? 7 - i : i))) & mask;
        (i < 4 ? low : high) |= code << (8 * (i % 4));
    }
}

}  // namespace paretoserve
