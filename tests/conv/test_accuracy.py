"""gpuconv.precision: "exact" keeps "auto" to the algorithms whose outputs are sums of what they see."""

import os
import subprocess
import sys

import numpy as np
import pytest

import gpuconv
from gpuconv.conv import accuracy
from gpuconv.conv.shape import conv_shape
from gpuconv.kernels.conv.cpu import select as cpu_select

SHAPE = conv_shape("test", (4, 64, 32, 32), (64, 64, 3, 3), padding=1)


@pytest.fixture
def arrays():
    rng = np.random.default_rng(0)
    return rng.standard_normal(SHAPE.x_shape, np.float32), rng.standard_normal(SHAPE.w_shape, np.float32)


def _passes(x, w, **choice):
    y = gpuconv.conv2d(x, w, padding=1, **choice)
    dx = gpuconv.conv2d_input_grad(x, w, x.shape, padding=1, **choice)
    return y, dx, gpuconv.conv2d_weight_grad(x, x, w.shape, padding=1, **choice)


@pytest.mark.parametrize("operation", ["fprop", "dgrad", "wgrad"])
def test_exact_leaves_winograd_out(operation):
    assert cpu_select.select(SHAPE, operation, np.dtype(np.float32)) == "winograd"
    assert cpu_select.select(SHAPE, operation, np.dtype(np.float32), True) in ("direct", "filter_vectorized")


def test_cuda_leaves_it_out_too():
    pytest.importorskip("numba_cuda", reason="numba-cuda is not installed")
    from gpuconv.kernels.conv.cuda import select as cuda_select

    shape = SHAPE._replace(n=64, c=256, k=256, h=16, w=16, p=16, q=16)
    names = [cuda_select._select(shape, "fprop", np.dtype(np.float32), None, exact) for exact in (False, True)]
    assert names[0] == "winograd" != names[1]


def test_results_are_those_of_the_direct_forms_within_the_block(arrays):
    fast, winograd = _passes(*arrays), _passes(*arrays, algorithm="winograd")
    with gpuconv.precision("exact"):
        exact, asked_for = _passes(*arrays), _passes(*arrays, algorithm="winograd")
        transposed = gpuconv.conv_transpose2d(*arrays, padding=1)
    for f, e, a, w in zip(fast, exact, asked_for, winograd, strict=True):
        np.testing.assert_array_equal(f, w)
        np.testing.assert_array_equal(a, w)
        assert not np.array_equal(e, w)
    np.testing.assert_array_equal(transposed, exact[1])
    np.testing.assert_array_equal(_passes(*arrays)[0], fast[0])


def test_blocks_nest_and_end():
    with gpuconv.precision("exact"):
        with gpuconv.precision("fast"):
            assert accuracy.automatic("auto") == "auto"
        assert accuracy.automatic("auto") == "exact"
        assert accuracy.automatic("direct") == "direct"
    assert accuracy.chosen == "fast"


def test_an_unknown_name_is_refused_and_changes_nothing():
    with pytest.raises(ValueError, match=r"precision: name is 'best', expected one of 'exact', 'fast'"):
        gpuconv.precision("best")
    assert accuracy.chosen == "fast"


@pytest.mark.parametrize(
    ("value", "answer"), [("exact", "exact"), ("", "auto"), ("best", "GPUCONV_PRECISION is 'best'")]
)
def test_the_environment_chooses_first(value, answer):
    program = "from gpuconv.conv import accuracy; print(accuracy.automatic('auto'))"
    environment = {**os.environ, "GPUCONV_PRECISION": value}
    done = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=False)
    assert answer in done.stdout + done.stderr
