"""Launches as the driver sees them, at a stand-in for it: parameters, streams, errors, threads."""

import ctypes
import re
import sys
import types
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from unittest import mock

import numba as nb
import numpy as np
import pytest
from numba import typeof

import gpuconv
from gpuconv.bench.launches import every_operation, record
from gpuconv.core.device import numpy_arrays_on
from gpuconv.emulator.launcher import signature_of
from gpuconv.emulator.source import compile_ptx
from gpuconv.kernels.cuda import driver_launch, launch, multi_tensor

FORMATS = {"i": ctypes.c_int32, "I": ctypes.c_uint32, "q": ctypes.c_int64, "Q": ctypes.c_uint64}
FORMATS |= {"f": ctypes.c_float, "d": ctypes.c_double}


def formats_of(types):
    """A field for each parameter of a kernel, by Numba's types of its arguments."""
    numbers = {str(typeof(kind(0))): f for kind, f in driver_launch.NUMBERS.items() if kind not in (int, bool)}
    return "".join(numbers.get(str(one), driver_launch.ARRAY) for one in types)


class Driver:
    """Reads the parameters of each launch as a kernel would, by the types that it was compiled for."""

    def __init__(self):
        self.kernels, self.launches, self.errors = [], [], []
        self.CUfunction = self.CUstream = self.CUresult = lambda value: value

    def cuLaunchKernel(self, handle, *rest):  # noqa: N802  the driver's name
        *grid, shared, stream, parameters, extra = rest
        assert (shared, extra) == (0, 0)
        formats = formats_of(self.kernels[handle])
        places = (ctypes.c_void_p * len(formats)).from_address(parameters)
        values = [FORMATS[f].from_address(place).value for f, place in zip(formats, places, strict=True)]
        self.launches.append((handle, tuple(grid), stream, values))
        return (self.errors.pop(0) if self.errors else 0,)

    def cuGetErrorString(self, error):  # noqa: N802
        return 0, b"an illegal memory access was encountered"


class Kernel:
    """What Numba makes of a kernel, as far as a launch goes: its handle is a number of the driver's list."""

    def __init__(self, driver, py_func=None):
        self.driver, self.py_func = driver, py_func or types.SimpleNamespace(__name__="kernel")

    def compile(self, signature):
        self.driver.kernels.append(signature)
        function = types.SimpleNamespace(handle=len(self.driver.kernels) - 1)
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
    current = types.SimpleNamespace(get_current_stream=lambda: stream)
    monkeypatch.setitem(sys.modules, "cupy", types.SimpleNamespace(ndarray=FakeArray, cuda=current))
    monkeypatch.setattr(launch.cuda, "current_context", bound.append)
    monkeypatch.setattr(launch, "run", launch.run_on_device)
    driver_launch.stream_at.cache_clear()
    made.stream, made.bound = stream, bound
    yield made
    driver_launch.stream_at.cache_clear()


def test_arguments_reach_the_kernel(driver):
    x, bytes_ = np.zeros((2, 3), np.float32), np.arange(4, dtype=np.uint8)
    numbers = np.float32(0.1), np.int64(2**40), True
    launch.tiles(Kernel(driver), 5, 256, -7, FakeArray(x), numbers[0], FakeArray(bytes_, 12345), *numbers[1:])
    [(_, grid, stream, values)] = driver.launches
    assert (grid, stream) == ((5, 1, 1, 256, 1, 1), 1234)
    assert values == [-7, 0, 0, 6, 4, 4096, 6, 4, numbers[0], 0, 0, 4, 1, 12345, 4, 1, 2**40, 1]
    flat = typeof(x.reshape(-1)), typeof(bytes_)
    assert driver.kernels == [(nb.int32, flat[0], nb.float32, flat[1], nb.int64, nb.int32)]


def test_a_plan_packs_its_scalars_once_behind_the_other_arguments(driver):
    kernel, x = Kernel(driver), FakeArray(np.zeros(3, np.float32))
    plans = [launch.Plan(kernel, blocks, 64, (last, np.uint32(2**32 - 1), -7)) for blocks, last in ((5, 1), (6, 2))]
    for plan, number in ((plans[0], 10), (plans[1], 20), (plans[0], 30)):
        launch.planned(plan, x, number)
    found = [(grid[0], values[7:]) for _, grid, _, values in driver.launches]
    assert found == [(5, [10, 1, 2**32 - 1, -7]), (6, [20, 2, 2**32 - 1, -7]), (5, [30, 1, 2**32 - 1, -7])]
    assert set(driver.kernels) == {(typeof(x.a), nb.int32, nb.int32, nb.uint32, nb.int32)}
    with pytest.raises(OverflowError, match="kernel: an argument does not fit its type"):
        launch.planned(launch.Plan(kernel, 1, 1, (2**31,)), x)
    launch.planned(launch.Plan(kernel, 0, 1, ()), x)
    assert len(driver.launches) == 3


def test_each_launch_takes_the_stream_of_its_moment_and_nothing_is_compiled_twice(driver):
    kernel, x = Kernel(driver), FakeArray(np.zeros(3))
    for pointer in (1234, 0):
        driver.stream.ptr = pointer
        launch.one(kernel, x)
    launch.one(kernel, FakeArray(np.zeros(3), device=1))
    assert [stream for _, _, stream, _ in driver.launches] == [1234, 0, 0]
    assert driver.bound == [0, 1]
    assert len(driver.kernels) == 2  # once for each GPU
    launch.one(kernel, FakeArray(np.zeros(3, np.int32)))
    assert len(driver.kernels) == 3  # and for each type


def test_a_thread_that_has_not_met_the_gpu_meets_it(driver):
    driver.errors = [driver_launch.NO_CONTEXT]
    launch.one(Kernel(driver), FakeArray(np.zeros(3)))
    assert driver.bound == [0, 0]
    assert len(driver.launches) == 2


def test_what_the_driver_refuses_names_the_kernel(driver):
    driver.errors = [700]
    expected = r"kernel, 3 blocks of 64 threads: an illegal memory access was encountered \(error 700\)"
    with pytest.raises(RuntimeError, match=expected):
        launch.tiles(Kernel(driver), 3, 64, FakeArray(np.zeros(3)))


def test_what_a_kernel_cannot_take_is_refused(driver):
    x = FakeArray(np.zeros((2, 3), np.float32))
    with pytest.raises(OverflowError, match="kernel: an argument does not fit its type"):
        launch.one(Kernel(driver), x, 2**31)
    with pytest.raises(TypeError, match="arguments are of types float32, float64, expected one"):
        launch.one(Kernel(driver), x, 0.5)
    with pytest.raises(ValueError, match=r"array of shape \(3, 2\) has strides \(4, 12\), expected a C-contiguous one"):
        launch.one(Kernel(driver), FakeArray(x.a.T))
    assert driver.launches == []


def test_threads_do_not_mix_their_parameters(driver):
    kernel = Kernel(driver)

    def launches(thread):
        for i in range(200):
            launch.tiles(kernel, thread + 1, 1, FakeArray(np.zeros(3), 8 * thread), thread, i)

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(launches, range(4)))
    assert len(driver.launches) == 800
    assert all(values[4] == 8 * values[-2] and grid[0] == values[-2] + 1 for _, grid, _, values in driver.launches)


def test_every_operation_reaches_the_driver_with_the_arguments_that_the_emulator_is_given(driver, monkeypatch):
    """The emulator proves kernels and grids; this, that a GPU is given the same."""
    launched, run = [], launch.run_on_device

    def both(kernel, blocks, threads, arguments, plan):
        launched.append((kernel, blocks, threads, (*arguments, *(() if plan is None else plan.scalars))))
        run(kernel, blocks, threads, arguments, plan)

    monkeypatch.setattr(launch, "run", both)
    monkeypatch.setattr(launch, "run_on_device", both)

    def new_call(kernel, kinds, plan):
        return driver_launch.Call(Kernel(driver, kernel.py_func), kinds, () if plan is None else plan.scalars)

    monkeypatch.setattr(launch, "_call_of", lru_cache(new_call))
    monkeypatch.setattr(driver_launch, "pointer_and_device", lambda a: (launch.address(a), 0))
    monkeypatch.setattr(multi_tensor.TensorTable, "on_device", multi_tensor.TensorTable.table)
    monkeypatch.setattr("gpuconv.core.arrays.empty", lambda shape, dtype, like: np.zeros(shape, dtype))
    with numpy_arrays_on("cuda"):
        every_operation(np.dtype(np.float32))
    assert len(launched) == len(driver.launches) > 200
    for (kernel, blocks, threads, arguments), (_, grid, _, values) in zip(launched, driver.launches, strict=True):
        expected = [word for a in launch.prepared(kernel, arguments) for word in _words(a)]
        assert values == expected, kernel.py_func.__name__
        assert grid == (blocks, 1, 1, threads, 1, 1)


def _words(a):
    """What a kernel reads of an argument; a table is uploaded anew, somewhere."""
    if isinstance(a, multi_tensor.TensorTable):
        return 0, 0, a.size, 8, mock.ANY, a.size, 8
    return (0, 0, a.size, a.itemsize, launch.address(a), a.size, a.itemsize) if a.ndim else (a,)


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
        assert declared == [ctypes.sizeof(FORMATS[f]) for f in formats_of(signature_of(arguments).args)]
