// Eight numbers or codes of one thread in and out of memory: whole words where addresses allow, else one by one.
//
// Every kernel gives eight elements to a thread: one 16-byte load of 16-bit floats, two of float32.
#pragma once

#include "wide.cuh"

namespace paretoserve {

// Four words from an address that is a multiple of 16, through the read-only cache.
PARETOSERVE_DEVICE void load_words4(u32* words, const void* from) {
#ifdef __CUDA_ARCH__
    asm("ld.global.nc.v4.u32 {%0, %1, %2, %3}, [%4];"
        : "=r"(words[0]), "=r"(words[1]), "=r"(words[2]), "=r"(words[3])
        : "l"(from));
#else
    __builtin_memcpy(words, from, 16);
#endif
}

// `count` words (1, 2 or 4) to an address that is a multiple of their size.
template <int COUNT>
PARETOSERVE_DEVICE void store_words(void* to, const u32* words) {
#ifdef __CUDA_ARCH__
    if constexpr (COUNT == 1) asm volatile("st.global.u32 [%0], %1;" ::"l"(to), "r"(words[0]) : "memory");
    if constexpr (COUNT == 2) {
        asm volatile("st.global.v2.u32 [%0], {%1, %2};" ::"l"(to), "r"(words[0]), "r"(words[1]) : "memory");
    }
    if constexpr (COUNT == 4) {
        asm volatile("st.global.v4.u32 [%0], {%1, %2, %3, %4};" ::"l"(to), "r"(words[0]), "r"(words[1]),
                     "r"(words[2]), "r"(words[3])
                     : "memory");
    }
#else
    __builtin_memcpy(to, words, 4 * COUNT);
#endif
}

// `COUNT` words (1 or 2) from an address that is a multiple of their size, through the read-only cache.
template <int COUNT>
PARETOSERVE_DEVICE void load_words(u32* words, const void* from) {
#ifdef __CUDA_ARCH__
    if constexpr (COUNT == 1) asm("ld.global.nc.u32 %0, [%1];" : "=r"(words[0]) : "l"(from));
    if constexpr (COUNT == 2) asm("ld.global.nc.v2.u32 {%0, %1}, [%2];" : "=r"(words[0]), "=r"(words[1]) : "l"(from));
#else
    __builtin_memcpy(words, from, 4 * COUNT);
#endif
}

// Eight numbers as they lie in memory.
template <class T>
struct Eight {
    static constexpr int WORDS = 2 * sizeof(typename T::Storage);
    u32 word[WORDS];

    PARETOSERVE_DEVICE void clear() {
        PARETOSERVE_UNROLL
        for (int i = 0; i < WORDS; ++i) word[i] = 0;
    }

    // From an address that is a multiple of 16.
    PARETOSERVE_DEVICE void load(const typename T::Storage* from) {
        load_words4(word, from);
        if constexpr (WORDS == 8) load_words4(word + 4, from + 4);
    }

    // The first `count` numbers, from any address; zero for the others.
    PARETOSERVE_DEVICE void load_some(const typename T::Storage* from, u32 count) {
        clear();
        PARETOSERVE_UNROLL
        for (u32 i = 0; i < 8; ++i) {
            if (i < count) set_bits(i, from[i]);
        }
    }

    PARETOSERVE_DEVICE u32 bits(int i) const {
        if constexpr (WORDS == 8) return word[i];
        return i & 1 ? word[i / 2] >> 16 : word[i / 2] & 0xFFFFu;
    }

    // Where the bits were zero before.
    PARETOSERVE_DEVICE void set_bits(int i, u32 bits) {
        if constexpr (WORDS == 8) {
            word[i] = bits;
        } else {
            word[i / 2] |= bits << (i & 1 ? 16 : 0);
        }
    }

    // Take the first number out; the others move up. Keeps a loop over eight numbers short without an index at run
    // time, which would move the words out of registers.
    PARETOSERVE_DEVICE float next() {
        const float first = value(0);
        PARETOSERVE_UNROLL
        for (int i = 0; i < WORDS; ++i) {
            const u32 above = i + 1 < WORDS ? word[i + 1] : 0u;
            word[i] = WORDS == 8 ? above : (word[i] >> 16 | above << 16);
        }
        return first;
    }

    PARETOSERVE_DEVICE float value(int i) const { return T::to_f32(bits(i)); }

    PARETOSERVE_DEVICE void set(const float* values) {
        if constexpr (WORDS == 8) {
            PARETOSERVE_UNROLL
            for (int i = 0; i < 8; ++i) word[i] = float_bits(values[i]);
        } else {
            PARETOSERVE_UNROLL
            for (int i = 0; i < 4; ++i) word[i] = T::pair(values[2 * i], values[2 * i + 1]);
        }
    }

    // To an address that is a multiple of 16.
    PARETOSERVE_DEVICE void store(typename T::Storage* to) const {
        store_words<4>(to, word);
        if constexpr (WORDS == 8) store_words<4>(to + 4, word + 4);
    }

    PARETOSERVE_DEVICE void store_some(typename T::Storage* to, u32 count) const {
        PARETOSERVE_UNROLL
        for (u32 i = 0; i < 8; ++i) {
            if (i < count) to[i] = static_cast<typename T::Storage>(bits(static_cast<int>(i)));
        }
    }
};

// Eight codes of `BITS` bits, the first in the lowest bits.
template <u32 BITS>
struct EightCodes {
    u64 bits;

    PARETOSERVE_DEVICE void push(u32 code) { bits = bits >> BITS | static_cast<u64>(code) << (7 * BITS); }
    PARETOSERVE_DEVICE u32 code(int i) const {
        return static_cast<u32>(bits >> (BITS * static_cast<u32>(i))) & ((1u << BITS) - 1u);
    }
};

// Eight codes of `BITS` bits from an address that is a multiple of 8, 2 or 4 for 8, 6 or 4 bits.
template <u32 BITS>
PARETOSERVE_DEVICE EightCodes<BITS> load_codes(const u8* from) {
    u32 words[2] = {0, 0};
    if constexpr (BITS == 8) load_words<2>(words, from);
    if constexpr (BITS == 4) load_words<1>(words, from);
    if constexpr (BITS == 6) {
        const u16* halves = reinterpret_cast<const u16*>(from);
        words[0] = halves[0] | static_cast<u32>(halves[1]) << 16;
        words[1] = halves[2];
    }
    return EightCodes<BITS>{words[0] | static_cast<u64>(words[1]) << 32};
}

// Whether `pointer` may be read by 16 bytes at once.
PARETOSERVE_DEVICE bool is_aligned(const void* pointer) { return (reinterpret_cast<u64>(pointer) & 15u) == 0; }

}  // namespace paretoserve
