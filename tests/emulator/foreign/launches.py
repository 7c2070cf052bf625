"""Launches that ptxas or the driver refuses, and those at the limits."""

import numpy as np
from numba import cuda, float32

from tests.emulator.foreign.entries import gives, wrong


def write(y):
    if cuda.grid(1) == 0 and cuda.blockIdx.y == 0:
        y[0] = 1


def one():
    return [np.zeros(1)]


REFUSED = {
    "no_threads": (1, 0, {}),
    "too_many_threads": (1, 1025, {}),
    "too_many_threads_of_two_axes": (1, (64, 32), {}),
    "block_too_high": (1, (1, 1, 65), {}),
    "no_blocks": (0, 32, {}),
    "negative_grid": (-1, 32, {}),
    "grid_too_wide": ((1, 65536), 1, {}),
    "grid_too_deep": ((1, 1, 65536), 1, {}),
    "grid_of_floats": (2.0, 32, {}),
    "four_axes": ((1, 1, 1, 1), 32, {}),
    "too_much_dynamic_memory": (1, 32, {"shared_bytes": 49153}),
    "negative_dynamic_memory": (1, 32, {"shared_bytes": -4}),
}
for _name, (_grid, _block, _options) in REFUSED.items():
    _kernel = cuda.jit(type(write)(write.__code__, write.__globals__, _name))
    wrong("bad-launch", one, _grid, _block, marked=False, **_options)(_kernel)


@wrong("bad-launch", one, 1, 1, marked=False)
@cuda.jit
def too_much_static_memory(y):
    s = cuda.shared.array(12289, float32)
    s[cuda.threadIdx.x] = 1
    y[0] = s[cuda.threadIdx.x]


@wrong("bad-launch", one, 1, 32, marked=False, shared_bytes=24580)
@cuda.jit
def too_much_of_both(y):
    s = cuda.shared.array(6144, float32)
    s[cuda.threadIdx.x] = 1
    y[0] = s[0] + cuda.shared.array(0, float32).size


@wrong("bad-launch", one, 1, 129, marked=False)
@cuda.jit(launch_bounds=128)
def more_threads_than_its_bounds(y):
    y[0] = 1


@gives(lambda: [], lambda: np.full(1024, 1.0), 1, 1024)
@cuda.jit(launch_bounds=1024)
def threads_at_the_limit(y):
    y[cuda.grid(1)] = 1


@gives(lambda: [], lambda: np.full(64, 1.0), 1, (1, 1, 64))
@cuda.jit
def block_at_the_limit(y):
    y[cuda.threadIdx.z] = 1


@gives(lambda: [], lambda: np.full(65535, 1, np.int8), (1, 65535), 1)
@cuda.jit
def grid_at_the_limit(y):
    y[cuda.blockIdx.y] = 1


@gives(lambda: [], lambda: np.full(32, 31.0 - np.arange(32)), 1, 32, shared_bytes=49152)
@cuda.jit
def memory_at_the_limit(y):
    s = cuda.shared.array(0, float32)
    i = cuda.threadIdx.x
    s[12287 - i] = i
    cuda.syncthreads()
    y[i] = s[12287 - 31 + i]
