// A kernel as a C function: its arguments by address, as the driver takes them.
#pragma once

#include <tuple>
#include <utility>

#include "runner.hpp"

namespace runner {

template <class... Arguments, std::size_t... INDEX>
void apply(void (*kernel)(Arguments...), unsigned const (&size)[4], void** values, std::index_sequence<INDEX...>) {
    launch(Dim3{size[0], size[1], size[2]}, Dim3{size[3]},
           [=] { kernel(*static_cast<std::remove_cv_t<Arguments>*>(values[INDEX])...); });
}

template <class... Arguments>
void apply(void (*kernel)(Arguments...), unsigned const (&size)[4], void** values) {
    apply(kernel, size, values, std::index_sequence_for<Arguments...>{});
}

}  // namespace runner

#define RUNNER_EXPORT(ENTRY)                                                                              \
    extern "C" void run_##ENTRY(unsigned x, unsigned y, unsigned z, unsigned threads, void** arguments) { \
        runner::apply(&ENTRY, {x, y, z, threads}, arguments);                                             \
    }
