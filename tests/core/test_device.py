"""Dispatch by array type, the choice of device, and what an import costs."""

import logging
import subprocess
import sys
import types

import numpy as np
import pytest

import gpuconv
from gpuconv.core import device as devices


class FakeArray:
    """Stands for a CuPy array where there is no CuPy."""

    dtype, shape, ndim, nbytes = np.dtype(np.float32), (1, 1, 3, 3), 4, 36
    device = types.SimpleNamespace(id=0)

    def get(self):
        return np.ones(self.shape, self.dtype)


def _forget_devices():
    for found in (devices.import_cupy, devices._auto, devices._from_environment):
        found.cache_clear()


@pytest.fixture
def fake_cupy(monkeypatch):
    """A cupy module with an array type; how many devices it finds is the test's to say."""
    runtime = types.SimpleNamespace(getDeviceCount=lambda: 1)
    cupy = types.SimpleNamespace(ndarray=FakeArray, cuda=types.SimpleNamespace(runtime=runtime))
    monkeypatch.setitem(sys.modules, "cupy", cupy)
    _forget_devices()
    yield cupy
    _forget_devices()


@pytest.fixture
def no_cupy(monkeypatch):
    """A machine without CuPy."""
    monkeypatch.setitem(sys.modules, "cupy", None)
    _forget_devices()
    yield
    _forget_devices()


def _python(code, **environment):
    command = [sys.executable, "-c", code]
    return subprocess.run(command, capture_output=True, text=True, check=True, env=environment or None).stdout.strip()


def test_importing_compiles_nothing_and_imports_no_compiler():
    heavy = "{'numba', 'llvmlite', 'cupy', 'matplotlib', 'sklearn', 'rich', 'typer'}"
    assert _python(f"import sys, gpuconv; print(sorted({heavy} & set(sys.modules)))") == "[]"


def test_falling_back_is_logged_once(no_cupy, caplog):
    with caplog.at_level(logging.INFO, "gpuconv"), gpuconv.use_device("auto"):
        assert gpuconv.device() == "cpu"
        gpuconv.use_device("auto").__exit__()
    assert [record.message for record in caplog.records if "runs on the CPU" in record.message] == [
        caplog.records[0].message
    ]
    assert "CuPy cannot be imported" in caplog.records[0].message


def test_asking_for_cuda_without_cupy_says_so(no_cupy):
    chosen = gpuconv.device()
    with pytest.raises(gpuconv.DeviceError, match="'cuda' was asked for, but CuPy cannot be imported"):
        gpuconv.use_device("cuda")
    assert gpuconv.device() == chosen


def test_asking_for_cuda_without_a_driver_says_so(fake_cupy):
    def fail():
        raise RuntimeError("CUDA driver version is insufficient")

    fake_cupy.cuda.runtime.getDeviceCount = fail
    with pytest.raises(gpuconv.DeviceError, match=r"no CUDA driver answers \(CUDA driver version is insufficient\)"):
        gpuconv.use_device("cuda")


def test_asking_for_cuda_without_a_device_says_so(fake_cupy):
    fake_cupy.cuda.runtime.getDeviceCount = lambda: 0
    with pytest.raises(gpuconv.DeviceError, match="the CUDA driver finds no device"):
        gpuconv.use_device("cuda")


def test_asking_for_cuda_with_a_numpy_that_numba_cuda_does_not_know_says_so(fake_cupy, monkeypatch):
    monkeypatch.delattr(np, "row_stack", raising=False)
    monkeypatch.setattr("importlib.metadata.version", lambda package: "0.30.4")
    with pytest.raises(gpuconv.DeviceError, match=r"numba-cuda 0\.30\.4 does not work with NumPy .*'numpy<2\.5'"):
        gpuconv.use_device("cuda")
    monkeypatch.setattr("importlib.metadata.version", lambda package: "0.31.0")
    assert devices.missing_for_cuda() is None


def test_a_device_found_is_the_default(fake_cupy):
    assert devices.missing_for_cuda() is None
    with gpuconv.use_device("auto"):
        assert gpuconv.device() == "cuda"


def test_the_environment_chooses(monkeypatch):
    devices._from_environment.cache_clear()
    monkeypatch.setenv("GPUCONV_DEVICE", "cpu")
    assert gpuconv.device() == "cpu"
    devices._from_environment.cache_clear()
    monkeypatch.setenv("GPUCONV_DEVICE", "tpu")
    with pytest.raises(ValueError, match="GPUCONV_DEVICE: device is 'tpu', expected one of 'auto', 'cpu', 'cuda'"):
        gpuconv.device()


def test_a_block_ends_a_choice(no_cupy):
    with gpuconv.use_device("cpu"):
        assert gpuconv.device() == "cpu"
    assert devices._chosen is None


def test_mixed_arrays_name_both(fake_cupy):
    x = np.zeros((1, 1, 3, 3), np.float32)
    message = "conv2d: x is a NumPy array, w is a CuPy array on GPU 0; all arrays of a call live on one device"
    with pytest.raises(TypeError, match=message):
        gpuconv.conv2d(x, FakeArray())


def test_arrays_move(fake_cupy):
    assert gpuconv.to_host(FakeArray()).sum() == 9
    assert devices.device_of(FakeArray()) == "cuda"
    a = np.zeros(3)
    assert gpuconv.to_host(a) is a
    with gpuconv.use_device("cpu"):
        assert gpuconv.to_device(a) is a


def test_a_cupy_array_is_served_by_the_cuda_kernels(fake_cupy):
    assert devices.kernels_for(FakeArray()).name == "cuda"
    with gpuconv.use_device("cpu"):
        assert devices.kernels_for(np.zeros(1)).name == "cpu"


def test_an_array_past_32_bit_indices_is_refused():
    from gpuconv.core.arrays import require_indexable

    with pytest.raises(ValueError, match=r"conv2d: x has 2147483648 elements, expected fewer than 2\*\*31 on CUDA"):
        require_indexable("conv2d", "x", (2**15, 2**16))
    require_indexable("conv2d", "x", (2**15, 2**15))
