"""Device functions, random numbers, float16 arithmetic and other code that numba-cuda links: right and wrong."""

import numpy as np
from numba import cuda, float32
from numba.cuda.random import init_xoroshiro128p_states_cpu, xoroshiro128p_dtype, xoroshiro128p_uniform_float32

from tests.emulator.foreign.entries import gives, wrong


@cuda.jit(device=True)
def element(x, i):
    j = i + 1
    return x[j]  # FAULT


@cuda.jit(device=True)
def twice(x, i):
    return 2 * element(x, i)


@gives(lambda: [np.arange(33.0)], lambda x: 2 * x[1:])
@cuda.jit
def nested_functions(x, y):
    i = cuda.grid(1)
    y[i] = twice(x, i)


@wrong("out-of-bounds", lambda: [np.zeros(32), np.zeros(32)])
@cuda.jit
def fault_in_a_function(x, y):
    i = cuda.grid(1)
    y[i] = element(x, i)


@wrong("out-of-bounds", lambda: [np.zeros(32), np.zeros(32)])
@cuda.jit
def fault_in_a_nested_function(x, y):
    i = cuda.grid(1)
    y[i] = twice(x, i)


@cuda.jit(device=True, lineinfo=True, inline="always")
def store(x, i):
    x[i + 1] = i  # FAULT


@wrong("out-of-bounds", lambda: [np.zeros(32)])
@cuda.jit
def fault_in_an_inlined_function(x):
    i = cuda.grid(1)
    store(x, i)


@cuda.jit("float32(float32, float32)", device=True)
def declared_function(a, b):
    return a * b


@gives(lambda: [np.arange(32, dtype=np.float32)], lambda x: x * 3)
@cuda.jit
def calls_a_declared_function(x, y):
    i = cuda.grid(1)
    y[i] = declared_function(x[i], 3)


@cuda.jit(device=True)
def through_shared_memory(x, i):
    tile = cuda.shared.array(32, float32)
    tile[i] = x[i]
    cuda.syncthreads()
    return tile[31 - i]


@gives(lambda: [np.arange(32, dtype=np.float32)], lambda x: x + x[::-1])
@cuda.jit
def function_with_shared_memory(x, y):
    i = cuda.threadIdx.x
    a = through_shared_memory(x, i)
    y[i] = a + x[i]


def states(n):
    found = np.zeros(n, xoroshiro128p_dtype)
    init_xoroshiro128p_states_cpu(found, 1, 0)
    return found


def uniform(s):
    total = s["s0"] + s["s1"]
    return ((total >> np.uint64(11)).astype(np.float64) * 2.0**-53).astype(np.float32)


@gives(lambda: [states(32)], lambda s: uniform(states(32)))
@cuda.jit
def random_numbers(s, y):
    i = cuda.grid(1)
    y[i] = xoroshiro128p_uniform_float32(s, i)


@wrong("out-of-bounds", lambda: [states(31), np.zeros(32, np.float32)])
@cuda.jit
def random_numbers_without_a_state(s, y):
    i = cuda.grid(1)
    y[i] = xoroshiro128p_uniform_float32(s, i)  # FAULT


def halves():
    return [np.arange(1, 33).astype(np.float16), np.linspace(0.5, 9, 32).astype(np.float16)]


@gives(halves, lambda a, b: a * b + a - b / a)
@cuda.jit
def half_arithmetic(a, b, y):
    i = cuda.grid(1)
    y[i] = a[i] * b[i] + a[i] - b[i] / a[i]


@gives(halves, lambda a, b: np.where(a < b, np.maximum(a, b), np.abs(-a)))
@cuda.jit
def half_comparison(a, b, y):
    i = cuda.grid(1)
    y[i] = max(a[i], b[i]) if a[i] < b[i] else abs(-a[i])


@gives(lambda: [np.linspace(0.5, 4, 32).astype(np.float16)], lambda x: np.floor(x) + np.sqrt(x))
@cuda.jit
def half_functions(x, y):
    i = cuda.grid(1)
    y[i] = cuda.fp16.hfloor(x[i]) + cuda.fp16.hsqrt(x[i])


@gives(lambda: [np.float16(1.5)], lambda h: np.full(32, 2 * h))
@cuda.jit
def half_scalar(h, y):
    y[cuda.grid(1)] = h + h


@gives(lambda: [np.arange(32.0)], lambda x: x.reshape(4, 8).T.copy(), 1, (8, 4))
@cuda.jit
def reshaped(x, y):
    i, j = cuda.grid(2)
    y[i, j] = x.reshape(4, 8)[j, i]


@cuda.jit(device=True)
def factorial(n):
    return 1 if n < 2 else n * factorial(n - 1)


@wrong("bad-launch", lambda: [np.zeros(32)], marked=False)
@cuda.jit
def recursion(y):
    y[cuda.grid(1)] = factorial(5)


SOURCE = """
extern "C" __device__ int past(
    double* result, void*, void*, long long, long long, double* x, long long, long long, long long i)
{ *result = x[i + 1]; return 0; }
"""
past = cuda.declare_device("past", "float64(float64[::1], int64)", link=cuda.CUSource(SOURCE))


@wrong("out-of-bounds", lambda: [np.zeros(32), np.zeros(32)])
@cuda.jit
def fault_in_linked_code(x, y):
    i = cuda.grid(1)
    y[i] = past(x, i)  # FAULT


@gives(lambda: [np.arange(33.0)], lambda x: x[1:])
@cuda.jit
def linked_code(x, y):
    i = cuda.grid(1)
    y[i] = past(x, i)


@gives(lambda: [np.arange(64.0)], lambda x: x[::-1].copy(), 4, 16)
@cuda.jit
def grid_sync(x, y):
    i = cuda.grid(1)
    x[i] *= 2
    cuda.cg.this_grid().sync()
    y[i] = x[63 - i] / 2


@wrong("race-global", lambda: [np.arange(64.0), np.zeros(64)], 4, 16)
@cuda.jit
def grid_sync_too_late(x, y):
    i = cuda.grid(1)
    x[i] *= 2  # FAULT
    y[i] = x[63 - i]  # or here: # FAULT
    cuda.cg.this_grid().sync()


@wrong("hang", lambda: [np.zeros(64)], 4, 16, budget=1 << 16)
@cuda.jit
def grid_sync_of_some_blocks(x):
    if cuda.blockIdx.x != 2:
        cuda.cg.this_grid().sync()  # FAULT
    x[cuda.grid(1)] = 1


@wrong("bad-launch", lambda: [np.zeros(1)], 4000, 32, marked=False)
@cuda.jit
def grid_too_large_to_sync(x):
    cuda.cg.this_grid().sync()
    if cuda.grid(1) == 0:
        x[0] = 1


@gives(lambda: [np.arange(128.0)], lambda x: np.roll(x, -4) + 4, 8, 16, budget=1 << 16)
@cuda.jit
def grid_sync_again_and_again(x, y):
    grid, i = cuda.cg.this_grid(), cuda.grid(1)
    for _ in range(4):
        value = x[(i + 1) % 128]
        grid.sync()
        x[i] = value + 1
        grid.sync()
    y[i] = x[i]


@wrong("race-global", lambda: [np.arange(128.0)], 8, 16)
@cuda.jit
def grid_sync_once_a_round(x):
    grid, i = cuda.cg.this_grid(), cuda.grid(1)
    for _ in range(4):
        value = x[(i + 1) % 128]  # FAULT
        grid.sync()
        x[i] = value + 1  # FAULT
