"""The launcher: grids, blocks and streams, at a stand-in for Numba and CuPy."""

import sys
import types

import numpy as np
import pytest

import gpuconv
from gpuconv.kernels.cuda import launch
from tests.cuda.recording import record


class Kernel:
    """Remembers how it was launched."""

    def __init__(self):
        self.calls = []

    def __getitem__(self, configuration):
        return lambda *arguments: self.calls.append((configuration, arguments))


@pytest.mark.parametrize(("elements", "blocks"), [(1, 1), (256, 1), (257, 2), (10_000, 40)])
def test_a_thread_for_each_element(elements, blocks):
    kernel = Kernel()
    launch.each(kernel, elements, np.zeros(elements, np.float32))
    assert kernel.calls[0][0] == (blocks, launch.THREADS, 0)


def test_nothing_to_do_launches_nothing():
    kernel = Kernel()
    launch.each(kernel, 0, np.zeros(0))
    launch.reduce(kernel, 0, np.zeros(0))
    assert kernel.calls == []


def test_arrays_are_flattened_and_integers_narrowed():
    kernel = Kernel()
    launch.each(kernel, 6, np.zeros((2, 3), np.float32), 7, True, np.float32(0.5))
    array, number, flag, factor = kernel.calls[0][1]
    assert array.shape == (6,)
    assert (type(number), number) == (np.int32, 7)
    assert (type(flag), flag) == (np.int32, 1)
    assert type(factor) is np.float32


def test_an_integer_past_32_bits_is_refused():
    with pytest.raises(OverflowError):
        launch.each(Kernel(), 1, 2**31)


def test_a_reduction_gets_a_block_for_each_result_and_one_thread_to_finish():
    kernel = Kernel()
    launch.reduce(kernel, 5)
    launch.one(kernel)
    assert [configuration for configuration, _ in kernel.calls] == [(5, launch.THREADS, 0), (1, 1, 0)]


@pytest.mark.parametrize(("elements", "blocks"), [(0, 1), (1, 1), (257, 2), (10**6, launch.PARTIALS)])
def test_partial_blocks_have_something_to_do(elements, blocks):
    assert launch.partial_blocks(elements) == blocks


def test_cupy_arrays_run_on_cupys_current_stream(monkeypatch):
    class FakeArray(np.ndarray):
        pass

    stream = types.SimpleNamespace(ptr=1234)
    cupy = types.SimpleNamespace(
        ndarray=FakeArray, cuda=types.SimpleNamespace(get_current_stream=lambda: stream), empty=np.empty
    )
    monkeypatch.setitem(sys.modules, "cupy", cupy)
    monkeypatch.setattr(launch.cuda, "external_stream", lambda pointer: f"stream at {pointer}")
    kernel = Kernel()
    launch.each(kernel, 3, np.zeros(3).view(FakeArray))
    launch.each(kernel, 3, np.zeros(3))
    assert [configuration[2] for configuration, _ in kernel.calls] == ["stream at 1234", 0]


def test_memory_is_made_beside_an_array():
    a = launch.beside(np.zeros(3, np.float32), (2, 2))
    assert (a.shape, a.dtype) == ((2, 2), np.float32)


def test_a_convolution_is_one_launch_over_its_outputs(monkeypatch):
    x, w = np.zeros((2, 3, 20, 20), np.float32), np.zeros((4, 3, 3, 3), np.float32)
    launches = record(monkeypatch, lambda: gpuconv.conv2d(x, w))
    [(kernel, blocks, threads, _)] = launches
    assert kernel.py_func.__name__ == "conv2d_fwd_plain"
    assert blocks == -(-2 * 4 * 18 * 18 // launch.THREADS)
    assert threads == launch.THREADS


def test_an_empty_batch_is_no_launch(monkeypatch):
    x, w = np.zeros((0, 3, 5, 5), np.float32), np.zeros((4, 3, 3, 3), np.float32)
    assert record(monkeypatch, lambda: gpuconv.conv2d(x, w)) == []
