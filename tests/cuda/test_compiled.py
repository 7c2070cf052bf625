"""Launches as the driver sees them, at a stand-in for it: parameters, streams, errors, threads."""

import ctypes
import re
import sys
import types
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from numba import typeof

import gpuconv
from gpuconv.bench.launches import record
from gpuconv.emulator.launcher import signature_of
from gpuconv.emulator.source import compile_ptx
from gpuconv.kernels.cuda import compiled, launch

FORMATS = {"i": ctypes.c_int32, "q": ctypes.c_int64, "Q": ctypes.c_uint64, "f": ctypes.c_float, "d": ctypes.c_double}


class Driver:
    """Reads the parameters of each launch as a kernel would, by their formats."""

    def __init__(self, formats=""):
        self.formats, self.launches, self.errors = formats, [], []
        self.CUfunction = self.CUstream = self.CUresult = lambda value: value

    def cuLaunchKernel(self, handle, *rest):  # noqa: N802  the driver's name
        *grid, shared, stream, parameters, extra = rest
        assert (shared, extra) == (0, 0)
        places = (ctypes.c_void_p * len(self.formats)).from_address(parameters)
        values = [FORMATS[f].from_address(place).value for f, place in zip(self.formats, places, strict=True)]
        self.launches.append((handle, tuple(grid), stream, values))
        return (self.errors.pop(0) if self.errors else 0,)

    def cuGetErrorString(self, error):  # noqa: N802
        return 0, b"an illegal memory access was encountered"


class Kernel:
    """Compiles to the function 77, and remembers for which types."""

    py_func = types.SimpleNamespace(__name__="kernel")

    def __init__(self):
        self.compiled = []

    def compile(self, signature):
        self.compiled.append(signature)
        function = types.SimpleNamespace(handle=77)
        return types.SimpleNamespace(_codelibrary=types.SimpleNamespace(get_cufunc=lambda: function))


class FakeArray:
    """As much of a CuPy array as a launch looks at."""

    def __init__(self, a, pointer=4096, device=0):
        self.a, self.data = a, types.SimpleNamespace(ptr=pointer, device_id=device)

    def __getattr__(self, name):
        return getattr(self.a, name)


@pytest.fixture
def driver(monkeypatch):
    """A driver, a CuPy with a current stream, and contexts that are bound."""
    made, stream, bound = Driver(), types.SimpleNamespace(ptr=1234), []
    monkeypatch.setitem(sys.modules, "cuda.bindings", types.SimpleNamespace(driver=made))
    monkeypatch.setitem(
        sys.modules, "cupy", types.SimpleNamespace(cuda=types.SimpleNamespace(get_current_stream=lambda: stream))
    )
    monkeypatch.setattr(launch, "cuda", types.SimpleNamespace(current_context=bound.append))
    monkeypatch.setattr(launch, "run", launch.run_on_device)
    compiled.stream_at.cache_clear()
    made.stream, made.bound = stream, bound
    yield made
    compiled.stream_at.cache_clear()


def test_arguments_reach_the_kernel(driver):
    kernel, x = Kernel(), np.zeros((2, 3), np.float32)
    driver.formats = "i" + compiled.ARRAY + "f" + compiled.ARRAY + "qd"
    numbers = np.float32(0.1), np.int64(2**40), 0.1
    flat = FakeArray(np.arange(4, dtype=np.uint8), 12345)
    launch.run(kernel, 5, 256, [np.int32(-7), FakeArray(x.reshape(-1)), numbers[0], flat, *numbers[1:]])
    [(handle, grid, stream, values)] = driver.launches
    assert (handle, grid, stream) == (77, (5, 1, 1, 256, 1, 1), 1234)
    assert values == [-7, 0, 0, 6, 4, 4096, 6, 4, numbers[0], 0, 0, 4, 1, 12345, 4, 1, 2**40, 0.1]
    assert kernel.compiled == [tuple(map(typeof, (np.int32(1), x.reshape(-1), numbers[0], flat.a, *numbers[1:])))]


def test_each_launch_takes_the_stream_of_its_moment_and_nothing_is_compiled_twice(driver):
    kernel, x = Kernel(), FakeArray(np.zeros(3))
    driver.formats = compiled.ARRAY
    for pointer in (1234, 0):
        driver.stream.ptr = pointer
        launch.run(kernel, 1, 1, [x])
    launch.run(kernel, 1, 1, [FakeArray(np.zeros(3), device=1)])
    assert [stream for _, _, stream, _ in driver.launches] == [1234, 0, 0]
    assert driver.bound == [0, 1]
    assert len(kernel.compiled) == 2  # once for each GPU


def test_a_thread_that_has_not_met_the_gpu_meets_it(driver):
    driver.formats, driver.errors = compiled.ARRAY, [compiled.NO_CONTEXT]
    launch.run(Kernel(), 1, 1, [FakeArray(np.zeros(3))])
    assert driver.bound == [0, 0]
    assert len(driver.launches) == 2


def test_what_the_driver_refuses_names_the_kernel(driver):
    driver.formats, driver.errors = compiled.ARRAY, [700]
    expected = r"kernel, 3 blocks of 64 threads: an illegal memory access was encountered \(error 700\)"
    with pytest.raises(RuntimeError, match=expected):
        launch.run(Kernel(), 3, 64, [FakeArray(np.zeros(3))])


def test_threads_do_not_mix_their_parameters(driver):
    kernel = Kernel()
    driver.formats = compiled.ARRAY + "ii"

    def launches(thread):
        for i in range(200):
            launch.run(kernel, thread + 1, 1, [FakeArray(np.zeros(3), 8 * thread), np.int32(thread), np.int32(i)])

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(launches, range(4)))
    assert len(driver.launches) == 800
    assert all(values[4] == 8 * values[-2] and grid[0] == values[-2] + 1 for _, grid, _, values in driver.launches)


def test_parameters_lie_where_the_kernels_expect_them(monkeypatch, driver):
    monkeypatch.undo()
    x, w, b = (np.ones(shape, np.float32) for shape in ((1, 8, 6, 6), (8, 8, 3, 3), (8,)))
    launches = record(lambda: gpuconv.conv2d_input_grad(gpuconv.conv2d(x, w, b, activation="relu"), w, x.shape))
    launches += record(lambda: gpuconv.dropout(x, seed=2**40))
    assert len(launches) >= 3
    sizes = {"b8": 1, "u32": 4, "b32": 4, "f32": 4, "u64": 8, "b64": 8, "f64": 8}
    for kernel, _, _, arguments in launches:
        ptx = compile_ptx(kernel, signature_of(arguments), (8, 0))
        declared = [sizes[kind] for kind in re.findall(r"\.param \.(?:align \d+ )?\.?(\w+) \S+_param_\d+", ptx)]
        formats = "".join(compiled.ARRAY if a.ndim else compiled.NUMBERS[type(a)] for a in arguments)
        assert declared == [ctypes.sizeof(FORMATS[f]) for f in formats]
