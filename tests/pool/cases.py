"""Random poolings along one to three axes, and the values that they pool."""

import numpy as np
import pytest
from hypothesis import strategies as st

import gpuconv
from tests.devices import EMULATED

DTYPES = pytest.mark.parametrize("dtype", [np.float32, np.float64])
EXAMPLES, MAX_EXTENT = (8, {1: 9, 2: 5, 3: 5}) if EMULATED else (40, {1: 40, 2: 20, 3: 11})
"""Hypothesis's examples, and the longest axis of an input by its rank."""


@st.composite
def pooling_cases(draw, dilated):
    """(x_shape, kernel_size, options) of a pooling along one to three axes."""
    rank = draw(st.sampled_from((1, 3, 3, 2)))
    largest = MAX_EXTENT[rank]
    kernel, stride, dilation, padding, extents = [], [], [], [], []
    for _ in range(rank):
        k, d = draw(st.integers(1, 3)), draw(st.integers(1, 2)) if dilated else 1
        extent = d * (k - 1) + 1
        sides = draw(st.integers(0, extent // 2)), draw(st.integers(0, extent // 2))
        kernel.append(k)
        stride.append(draw(st.integers(1, 3)))
        dilation.append(d)
        padding.append(sides)
        extents.append(draw(st.integers(max(1, extent - sum(sides)), largest)))
    options = {"stride": tuple(stride), "padding": tuple(padding), "ceil_mode": draw(st.booleans())}
    if dilated:
        options["dilation"] = tuple(dilation)
    return (draw(st.integers(0, 2)), draw(st.integers(1, 2)), *extents), tuple(kernel), options


def random_values(shape, dtype, ties=False, seed=0):
    """Standard normal numbers, or small integers, among which there are ties."""
    rng = np.random.default_rng(seed)
    return (rng.integers(-2, 3, shape) if ties else rng.standard_normal(shape)).astype(dtype)


def function_of_rank(name, rank, suffix=""):
    """gpuconv's function of that name for one, two or three axes."""
    return getattr(gpuconv, f"{name}{rank}d{suffix}")
