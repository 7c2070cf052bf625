"""The library's own kernels on the emulator, as one launch and as a device."""

from pathlib import Path

import numpy as np
import pytest

import gpuconv
from gpuconv import emulator
from gpuconv.backend import kernels_for
from gpuconv.kernels.cuda import activations
from gpuconv.operation_checks import operation_checks
from gpuconv.testing import assert_close


def test_one_kernel():
    x, y = np.random.default_rng(0).standard_normal(1000).astype(np.float32), np.zeros(1000, np.float32)
    emulator.run(activations.FORWARD["relu"], 4, 256, x, y)
    assert (y == np.maximum(x, 0)).all()


def test_a_result_that_is_too_small_is_reported_with_its_line():
    x, y = np.ones(1000, np.float32), np.zeros(500, np.float32)
    with pytest.raises(emulator.EmulatorError, match="4 bytes at byte 2000 of y, which has 2000") as found:
        emulator.run(activations.FORWARD["relu"], 4, 256, x, y)
    place = found.value.place
    assert (found.value.kind, place.kernel, place.block, place.thread) == (
        "out-of-bounds", "relu_kernel", (1, 0, 0), (244, 0, 0),
    )  # fmt: skip
    assert place.source_file.endswith("activations.py")
    assert "y[i]" in Path(place.source_file).read_text().splitlines()[place.source_line - 1]


def test_numpy_arrays_go_to_the_cuda_kernels(emulated):
    assert kernels_for(np.zeros(1)).__name__ == "gpuconv.kernels.cuda"


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("check", list(operation_checks()), ids=lambda check: check.name)
def test_every_checked_operation_agrees_with_the_cpu(check, dtype, emulated):
    """The cases of `gpuconv check`, both passes."""
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
