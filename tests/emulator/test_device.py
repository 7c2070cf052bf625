"""The library's own kernels on the emulator, as one launch and as a device."""

import os
import subprocess
import sys
from pathlib import Path

import ml_dtypes  # noqa: F401  teaches NumPy the name of bfloat16
import numpy as np
import pytest

import gpuconv
from gpuconv import emulator
from gpuconv.core.device import kernels_for
from gpuconv.kernels.activation import cuda
from gpuconv.testing import assert_close
from gpuconv.testing.operations import OPERATIONS, operation_checks
from tests.training.test_data import write_mnist


def test_one_kernel():
    x, y = np.random.default_rng(0).standard_normal(1000).astype(np.float32), np.zeros(1000, np.float32)
    emulator.run(cuda.FORWARD["relu"], 4, 256, x, y, 0)
    assert (y == np.maximum(x, 0)).all()


def test_a_result_that_is_too_small_is_reported_with_its_line():
    x, y = np.ones(1000, np.float32), np.zeros(500, np.float32)
    with pytest.raises(emulator.EmulatorError, match="4 bytes at byte 2000 of y, which has 2000") as found:
        emulator.run(cuda.FORWARD["relu"], 4, 256, x, y, 0)
    location = found.value.location
    assert (found.value.kind, location.kernel, location.block, location.thread) == (
        "out-of-bounds", "relu_kernel", (1, 0, 0), (244, 0, 0),
    )  # fmt: skip
    assert Path(location.source_file).parts[-2:] == ("activation", "cuda.py")
    assert "y[j]" in Path(location.source_file).read_text().splitlines()[location.source_line - 1]


def test_numpy_arrays_go_to_the_cuda_kernels(emulated):
    assert kernels_for(np.zeros(1)).name == "cuda"


def _samples():
    """Every sample in both types; the first of each operation, in float32, belongs to `make quick`."""
    first = {operation.samples[0].title for operation in OPERATIONS.values()}
    for check in operation_checks():
        for dtype in (np.float32, np.float64):
            quick = check.name in first and dtype is np.float32
            marks = [pytest.mark.quick] if quick else []
            yield pytest.param(check, dtype, id=f"{check.name}-{np.dtype(dtype)}", marks=marks)


@pytest.mark.parametrize(("check", "dtype"), list(_samples()))
def test_every_operation_agrees_with_the_cpu(check, dtype, emulated):
    """The samples of the catalogue, both passes."""
    inputs = check.inputs(dtype)
    y = check.forward(*inputs)
    dy = np.random.default_rng(2).standard_normal(y.shape).astype(dtype)
    gradients = check.backward(dy, *inputs)
    with gpuconv.use_device("cpu"):
        assert_close(y, check.forward(*inputs), terms=check.terms)
        for gradient, expected in zip(gradients, check.backward(dy, *inputs), strict=True):
            if expected is not None:
                assert_close(gradient, expected, terms=check.terms)


def test_the_environment_says_what_to_compile_for(emulated, monkeypatch):
    x = np.arange(-5, 5, dtype=np.float32)
    for architecture in ("75", "100"):
        monkeypatch.setenv("GPUCONV_EMULATOR_ARCHITECTURE", architecture)
        assert np.array_equal(gpuconv.relu(x), np.maximum(x, 0))
    monkeypatch.setenv("GPUCONV_EMULATOR_ARCHITECTURE", "sm_90")
    with pytest.raises(ValueError, match="GPUCONV_EMULATOR_ARCHITECTURE is 'sm_90', expected a compute capability"):
        gpuconv.relu(x)


def test_another_device_gets_its_launches_back():
    from gpuconv.kernels.cuda import launch

    with gpuconv.use_device("emulator"):
        assert launch.run is not launch.run_on_device
        with gpuconv.use_device("cpu"):
            assert launch.run is launch.run_on_device
            assert launch.empty is np.empty
        assert launch.run is not launch.run_on_device
    assert launch.run is launch.run_on_device


def test_reading_a_result_that_no_kernel_has_written_is_reported(emulated):
    x = np.ones(8, np.float32)
    y = gpuconv.core.arrays.empty(x.shape, x.dtype, x)
    with pytest.raises(emulator.EmulatorError, match="uninitialized"):
        gpuconv.relu(y)
    gpuconv.relu(x, out=y)
    assert gpuconv.relu(y).tolist() == [1] * 8


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_16_bits(dtype, emulated):
    rng = np.random.default_rng(0)
    x, w = (rng.standard_normal(shape).astype(dtype) for shape in ((2, 3, 7, 6), (4, 3, 3, 3)))
    y = gpuconv.conv2d(x, w, padding=1)
    assert y.dtype == x.dtype
    with gpuconv.use_device("cpu"):
        assert_close(y, gpuconv.conv2d(x.astype(np.float64), w.astype(np.float64), padding=1), terms=27)


def test_a_network_is_trained_by_the_command(tmp_path):
    """`GPUCONV_DEVICE=emulator gpuconv train` on a handful of images: the kernels of CUDA from end to end."""
    data = write_mnist(tmp_path / "data", count=32)
    command = [sys.executable, "-c", "import gpuconv.cli; gpuconv.cli.main()", "train", "--data", str(data)]
    options = ["--epochs", "1", "--batch-size", "16", "--out", str(tmp_path / "run")]
    environment = {**os.environ, "GPUCONV_DEVICE": "emulator"}
    done = subprocess.run([*command, *options], env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "emulator" in done.stdout
    assert (tmp_path / "run" / "model.safetensors").exists()
