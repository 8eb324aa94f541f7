// What a file of kernels, compiled for the CPU, tells the fake driver: an entry by name, how to call it.
#pragma once

#include <array>
#include <cstddef>
#include <cstring>
#include <map>
#include <string>
#include <utility>

namespace fake {

using Size = std::array<unsigned, 3>;

struct Entry {
    // One letter each: P pointer, Q u64, I u32, i i32, f float.
    const char* parameters;
    void (*run)(Size grid, Size block, void** addresses);
};

std::map<std::string, Entry>& entries();

}  // namespace fake

#ifdef gridDim  // beside runner.hpp
namespace fake {

template <class T>
T read(void* address) {
    T value;
    std::memcpy(&value, address, sizeof value);
    return value;
}

template <class... T, std::size_t... I>
void call(void (*kernel)(T...), Size grid, Size block, void** addresses, std::index_sequence<I...>) {
    ::runner::launch(Dim3{grid[0], grid[1], grid[2]}, Dim3{block[0], block[1], block[2]},
                     [=] { kernel(read<T>(addresses[I])...); });
}

template <class... T>
void call(void (*kernel)(T...), Size grid, Size block, void** addresses) {
    call(kernel, grid, block, addresses, std::index_sequence_for<T...>{});
}

template <auto kernel>
void run(Size grid, Size block, void** addresses) {
    call(kernel, grid, block, addresses);
}

struct Register {
    Register(const char* name, const char* parameters, void (*run)(Size, Size, void**)) {
        entries()[name] = Entry{parameters, run};
    }
};

}  // namespace fake
#endif
