// Runs a __global__ function on the CPU, so that tests can execute the kernels that are shipped where there is no GPU.
//
// Include this before a .cu file, compile with g++ -std=c++17 -ffp-contract=off, and call `launch`. One block runs at a
// time; its threads are fibers (ucontext) that run one after the other up to the next __syncthreads or shuffle. Shared
// memory is a static variable. It is slow and deterministic: for inputs of some thousands of elements.
#pragma once

#include <ucontext.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <memory>
#include <vector>

#define __global__
#define __device__
#define __forceinline__
#define __launch_bounds__(...)
#define __shared__ static

struct Dim3 {
    unsigned x = 1, y = 1, z = 1;
};

namespace runner {

constexpr unsigned WARP = 32;
constexpr std::size_t STACK_BYTES = 64 * 1024;

struct Fiber {
    ucontext_t context;
    std::unique_ptr<char[]> stack;
    Dim3 index;
    // How often it has met the other threads of its block, and of its warp.
    unsigned block_meetings = 0, warp_meetings = 0;
    bool finished = true;
};

// Threads of a group that have arrived at their next meeting, and the values they brought, of this one and the last.
struct Meeting {
    unsigned arrived = 0, completed = 0;
    unsigned agreeing[2] = {};
    std::uint64_t value[2][WARP] = {};
};

struct Machine {
    Dim3 grid, block, block_index;
    std::vector<Fiber> fibers;
    std::vector<Meeting> warps;
    Meeting whole;
    ucontext_t scheduler;
    std::function<void()> kernel;
    unsigned current = 0;
};

inline Machine machine;

inline Fiber& fiber() { return machine.fibers[machine.current]; }

inline void fail(const char* reason) {
    std::fprintf(stderr, "runner: block %u, thread %u: %s\n", machine.block_index.x, machine.current, reason);
    std::abort();
}

inline void enter() {
    machine.kernel();
    fiber().finished = true;
    swapcontext(&fiber().context, &machine.scheduler);
}

// Wait until `size` threads have come as often as this one.
inline void meet(Meeting& meeting, unsigned& mine, unsigned size) {
    ++mine;
    if (++meeting.arrived == size) {
        meeting.arrived = 0;
        ++meeting.completed;
    }
    while (meeting.completed < mine) swapcontext(&fiber().context, &machine.scheduler);
}

inline void run_block() {
    const unsigned threads = machine.block.x * machine.block.y * machine.block.z;
    machine.whole = Meeting{};
    machine.warps.assign((threads + WARP - 1) / WARP, Meeting{});
    for (unsigned i = 0; i < threads; ++i) {
        Fiber& each = machine.fibers[i];
        if (!each.stack) each.stack.reset(new char[STACK_BYTES]);
        each.index = Dim3{i % machine.block.x, i / machine.block.x % machine.block.y,
                          i / machine.block.x / machine.block.y};
        each.block_meetings = each.warp_meetings = 0;
        each.finished = false;
        getcontext(&each.context);
        each.context.uc_stack.ss_sp = each.stack.get();
        each.context.uc_stack.ss_size = STACK_BYTES;
        each.context.uc_link = nullptr;
        makecontext(&each.context, enter, 0);
    }
    for (unsigned left = threads, idle = 0; left > 0;) {
        const unsigned before = left;
        for (machine.current = 0; machine.current < threads; ++machine.current) {
            if (fiber().finished) continue;
            swapcontext(&machine.scheduler, &fiber().context);
            if (fiber().finished) --left;
        }
        // Threads that wait for one that has returned would wait for ever.
        idle = left == before ? idle + 1 : 0;
        if (idle > 100000) fail("waits for a thread that has returned");
    }
}

// Run `kernel`, a call of the __global__ function with its arguments.
inline void launch(Dim3 grid, Dim3 block, std::function<void()> kernel) {
    machine.grid = grid;
    machine.block = block;
    machine.kernel = std::move(kernel);
    if (machine.fibers.size() < block.x * block.y * block.z) machine.fibers.resize(block.x * block.y * block.z);
    for (unsigned z = 0; z < grid.z; ++z) {
        for (unsigned y = 0; y < grid.y; ++y) {
            for (unsigned x = 0; x < grid.x; ++x) {
                machine.block_index = Dim3{x, y, z};
                run_block();
            }
        }
    }
}

inline unsigned warp_size() {
    const unsigned threads = machine.block.x * machine.block.y * machine.block.z;
    const unsigned first = machine.current / WARP * WARP;
    return threads - first < WARP ? threads - first : WARP;
}

// What each lane of this warp brings; all its threads must take part. Stays until this thread's next meeting.
template <class T>
std::uint64_t (&gather(T value))[WARP] {
    static_assert(sizeof(T) <= 8, "one register or two");
    Meeting& warp = machine.warps[machine.current / WARP];
    std::uint64_t(&slot)[WARP] = warp.value[fiber().warp_meetings & 1];
    slot[machine.current % WARP] = 0;
    __builtin_memcpy(&slot[machine.current % WARP], &value, sizeof(T));
    meet(warp, fiber().warp_meetings, warp_size());
    return slot;
}

// The value that `lane` of this warp brought.
template <class T>
T exchange(T value, unsigned lane) {
    const std::uint64_t(&slot)[WARP] = gather(value);
    T other;
    __builtin_memcpy(&other, &slot[lane < warp_size() ? lane : machine.current % WARP], sizeof(T));
    return other;
}

// One bit per lane whose value satisfies a condition.
template <class T, class Condition>
unsigned lanes_where(T value, Condition condition) {
    const std::uint64_t(&slot)[WARP] = gather(value);
    unsigned found = 0;
    for (unsigned lane = 0; lane < warp_size(); ++lane) {
        T other;
        __builtin_memcpy(&other, &slot[lane], sizeof(T));
        if (condition(other)) found |= 1u << lane;
    }
    return found;
}

}  // namespace runner

#define gridDim (runner::machine.grid)
#define blockDim (runner::machine.block)
#define blockIdx (runner::machine.block_index)
#define threadIdx (runner::fiber().index)

inline void __syncthreads() {
    const Dim3& block = runner::machine.block;
    runner::meet(runner::machine.whole, runner::fiber().block_meetings, block.x * block.y * block.z);
}

inline int __syncthreads_and(bool agrees) {
    const Dim3& block = runner::machine.block;
    const unsigned size = block.x * block.y * block.z, turn = runner::fiber().block_meetings & 1;
    runner::Meeting& meeting = runner::machine.whole;
    // The other turn's count is read no more: all threads have come here since.
    if (meeting.arrived == 0) meeting.agreeing[turn] = 0;
    meeting.agreeing[turn] += agrees ? 1 : 0;
    runner::meet(meeting, runner::fiber().block_meetings, size);
    return meeting.agreeing[turn] == size ? 1 : 0;
}

template <class T>
T __shfl_xor_sync(unsigned, T value, int mask) {
    return runner::exchange(value, (runner::machine.current % runner::WARP) ^ static_cast<unsigned>(mask));
}

template <class T>
T __shfl_down_sync(unsigned, T value, unsigned delta) {
    return runner::exchange(value, runner::machine.current % runner::WARP + delta);
}

template <class T>
T __shfl_sync(unsigned, T value, int lane) {
    return runner::exchange(value, static_cast<unsigned>(lane) % runner::WARP);
}

template <class T>
T __shfl_up_sync(unsigned, T value, unsigned delta) {
    const unsigned lane = runner::machine.current % runner::WARP;
    return runner::exchange(value, lane < delta ? lane : lane - delta);
}

inline void __syncwarp(unsigned) { runner::gather(0u); }

inline unsigned __ballot_sync(unsigned, bool agrees) {
    return runner::lanes_where(agrees, [](bool other) { return other; });
}

template <class T>
unsigned __match_any_sync(unsigned, T value) {
    return runner::lanes_where(value, [=](T other) { return other == value; });
}

inline unsigned __reduce_min_sync(unsigned, unsigned value) {
    runner::lanes_where(value, [&](unsigned other) { return value = other < value ? other : value, false; });
    return value;
}

// One thread runs at a time, so that these need no lock.
template <class T>
T atomicMin(T* address, T value) {
    const T old = *address;
    *address = value < old ? value : old;
    return old;
}

template <class T>
T atomicMax(T* address, T value) {
    const T old = *address;
    *address = value > old ? value : old;
    return old;
}

template <class T>
T atomicAdd(T* address, T value) {
    const T old = *address;
    *address = old + value;
    return old;
}
