"""Every algorithm of convolution on both targets, asked for by its name, against the direct one."""

import numpy as np
import pytest

import gpuconv
from gpuconv.conv.shape import conv_shape
from gpuconv.core.device import kernels_for, missing_for_emulator
from gpuconv.testing import assert_close

PROBLEMS = {
    "3x3": ((2, 16, 10, 11), (24, 16, 3, 3), {"padding": 1}),
    "few channels": ((2, 3, 12, 12), (16, 3, 5, 5), {"stride": 2}),
    "1x1": ((2, 9, 28, 28), (8, 9, 1, 1), {}),
    "depthwise": ((2, 8, 9, 9), (8, 1, 3, 3), {"padding": 1, "groups": 8}),
}
PASSES = ("fprop", "dgrad", "wgrad")
EVERY = {
    "cpu": {"direct", "filter_vectorized", "pointwise", "col2im", "depthwise", "implicit_gemm", "winograd", "fft"},
    "emulator": {"direct", "implicit_gemm", "few_channels", "depthwise", "winograd", "fft", "tf32"},
}
"""The algorithms for float32 arrays; tensor_core multiplies 16-bit ones (tests/conv/cuda/test_tensor_core.py)."""


def rounding(algorithm):
    return algorithm if algorithm in ("winograd", "fft", "tf32") else "direct"


def run(name, x, w, dy, **options):
    """A pass by its name."""
    if name == "fprop":
        return gpuconv.conv2d(x, w, **options)
    if name == "dgrad":
        return gpuconv.conv2d_input_grad(dy, w, x.shape, **options)
    return gpuconv.conv2d_weight_grad(x, dy, w.shape, **options)


@pytest.mark.quick
@pytest.mark.parametrize(
    "device",
    ["cpu", pytest.param("emulator", marks=pytest.mark.skipif(bool(missing_for_emulator()), reason="no emulator"))],
)
def test_every_algorithm_agrees_with_the_direct_one(device, on):
    seen, rng = set(), np.random.default_rng(0)
    for x_shape, w_shape, options in PROBLEMS.values():
        shape = conv_shape("test", x_shape, w_shape, **options)
        x, w, dy = (rng.standard_normal(size).astype(np.float32) for size in (x_shape, w_shape, shape.y_shape))
        for name in PASSES:
            expected = run(name, x, w, dy, **options, algorithm="direct")
            for algorithm in kernels_for(x).conv.algorithms(shape, name, x):
                found = run(name, x, w, dy, **options, algorithm=algorithm)
                assert_close(found, expected, terms=1024, algorithm=rounding(algorithm))
                seen.add(algorithm)
    assert seen == EVERY[device]
