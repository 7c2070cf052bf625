"""The launcher: grids, blocks and streams, at a stand-in for Numba and CuPy."""

import sys
import types

import numpy as np
import pytest

import gpuconv
from gpuconv.bench.launches import record
from gpuconv.kernels.cuda import launch, reduce


class Kernel:
    """Remembers how it was launched."""

    def __init__(self):
        self.calls = []


@pytest.fixture(autouse=True)
def to_the_kernel(monkeypatch):
    """Launches go to the stand-ins, also where another test of this process has switched the emulator on."""

    def run(kernel, blocks, threads, arguments):
        kernel.calls.append(((blocks, threads), tuple(arguments)))

    monkeypatch.setattr(launch, "run", run)


@pytest.mark.parametrize(("elements", "blocks"), [(1, 1), (256, 1), (257, 2), (10_000, 40)])
def test_a_thread_for_each_element(elements, blocks):
    kernel = Kernel()
    launch.each(kernel, elements, np.zeros(elements, np.float32))
    assert kernel.calls[0][0] == (blocks, launch.THREADS)


def test_nothing_to_do_launches_nothing():
    kernel = Kernel()
    launch.each(kernel, 0, np.zeros(0))
    launch.reduce(kernel, 0, np.zeros(0))
    assert kernel.calls == []


def test_arrays_are_flattened_and_integers_narrowed():
    kernel = Kernel()
    launch.each(kernel, 6, np.zeros((2, 3), np.float32), 7, True, np.float32(0.5))
    array, number, flag, scale = kernel.calls[0][1]
    assert array.shape == (6,)
    assert (type(number), number) == (np.int32, 7)
    assert (type(flag), flag) == (np.int32, 1)
    assert type(scale) is np.float32


def test_an_integer_past_32_bits_is_refused():
    with pytest.raises(OverflowError):
        launch.each(Kernel(), 1, 2**31)


def test_a_reduction_gets_a_block_for_each_result_and_one_thread_to_finish():
    kernel = Kernel()
    launch.reduce(kernel, 5)
    launch.one(kernel)
    assert [configuration for configuration, _ in kernel.calls] == [(5, launch.THREADS), (1, 1)]


def test_arguments_of_two_floating_types_are_refused():
    for stranger in (0.5, np.float64(0.5), np.zeros(3)):
        with pytest.raises(TypeError, match="Kernel: arguments are of types float32, float64, expected one"):
            launch.each(Kernel(), 3, np.zeros(3, np.float32), stranger)


def test_an_array_that_would_be_copied_is_refused():
    with pytest.raises(ValueError, match=r"array of shape \(3, 2\) has strides \(4, 12\), expected a C-contiguous one"):
        launch.each(Kernel(), 6, np.zeros((2, 3), np.float32).T)


def test_a_kernel_writes_to_the_memory_it_was_given():
    kernel, y = Kernel(), np.zeros((2, 3), np.float32)
    launch.each(kernel, 6, y)
    assert np.shares_memory(kernel.calls[0][1][0], y)


def test_a_64_bit_number_stays_one():
    kernel = Kernel()
    launch.each(kernel, 1, np.int64(2**40))
    assert kernel.calls[0][1] == (2**40,)


@pytest.mark.parametrize(
    ("elements", "passes"), [(0, []), (32, []), (33, [1]), (8192, [1]), (8193, [2]), (10**6, [123, 1])]
)
def test_a_sum_takes_passes_until_few_numbers_are_left(elements, passes, monkeypatch):
    blocks = []
    monkeypatch.setattr(launch, "run", lambda kernel, count, threads, arguments: blocks.append(count))
    left, _ = reduce.sum_to_few(np.zeros(elements, np.float32), np.float32(1))
    assert blocks == passes
    assert left.size == (passes[-1] if passes else elements)


def test_a_sum_of_columns_ends_with_a_block_for_each_column(monkeypatch):
    blocks = []
    monkeypatch.setattr(launch, "run", lambda kernel, count, threads, arguments: blocks.append(count))
    for positions in (0, 100, 8192, 10**6):
        reduce.sum_columns(np.zeros((1, 3, positions), np.float32), np.zeros(3, np.float32))
    assert blocks == [3, 3, 3, 3 * 123, 3]


def test_memory_is_made_beside_an_array():
    a = launch.empty_like_on(np.zeros(3, np.float32), (2, 2))
    assert (a.shape, a.dtype) == ((2, 2), np.float32)


def test_a_shortage_of_memory_says_what_was_asked_for_and_what_is_free(monkeypatch):
    def empty(shape, dtype):
        raise MemoryError("Out of memory allocating 25,165,824 bytes")

    runtime = types.SimpleNamespace(memGetInfo=lambda: (3 << 20, 16 << 30))
    cupy = types.SimpleNamespace(
        empty=empty,
        cuda=types.SimpleNamespace(runtime=runtime, Device=lambda: types.SimpleNamespace(id=1)),
        get_default_memory_pool=lambda: types.SimpleNamespace(free_bytes=lambda: 1 << 19),
    )
    like = type("FakeArray", (), {"__module__": "cupy", "dtype": np.dtype(np.float32)})()
    monkeypatch.setitem(sys.modules, "cupy", cupy)
    left = "GPU 1 has 3.0 of 16384.0 MiB free, CuPy's pool keeps 0.5 MiB in pieces"
    with pytest.raises(MemoryError, match=rf"shape \(2, 3, 1048576\), float32 takes 24.0 MiB; {left}"):
        launch.empty_like_on(like, (2, 3, 1 << 20))
    with pytest.raises(MemoryError, match=rf"shape \(1048576,\), float64 takes 8.0 MiB; {left}"):
        launch.empty_like_on(like, 1 << 20, np.float64)


def test_a_convolution_is_one_launch_over_its_outputs():
    x, w = np.zeros((2, 3, 20, 20), np.float32), np.zeros((4, 3, 3, 3), np.float32)
    launches = record(lambda: gpuconv.conv2d(x, w))
    [(kernel, blocks, threads, _)] = launches
    assert kernel.py_func.__name__ == "conv2d_fprop_direct"
    assert blocks == -(-2 * 4 * 18 * 18 // launch.THREADS)
    assert threads == launch.THREADS


def test_an_empty_batch_is_no_launch():
    x, w = np.zeros((0, 3, 5, 5), np.float32), np.zeros((4, 3, 3, 3), np.float32)
    assert record(lambda: gpuconv.conv2d(x, w)) == []
