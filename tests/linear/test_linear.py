"""The fully connected layer and its gradients."""

import numpy as np
import pytest

import gpuconv
from gpuconv.testing import assert_close
from tests import reference
from tests.devices import on_every_device

SHAPES = [(5, 7, 3), (1, 1, 1), (64, 120, 84), (33, 65, 10), (0, 4, 2), (3, 50, 21)]
SHAPES += [(300, 33, 1), (70, 141, 3), (2, 47, 40), (9, 150, 13), (603, 4100, 2), (5, 128, 5)]  # skinny products
"""(samples, input features, output features)."""

cases = pytest.mark.parametrize(("shape", "dtype"), [(s, d) for s in SHAPES for d in (np.float32, np.float64)], ids=str)


def _arrays(shape, dtype):
    """x (M, C), w (K, C), b (K,) and dy (M, K)."""
    m, c, k = shape
    rng = np.random.default_rng(0)
    return tuple(rng.standard_normal(s).astype(dtype) for s in ((m, c), (k, c), (k,), (m, k)))


@on_every_device
@cases
@pytest.mark.parametrize("bias", [True, False], ids=["bias", "no bias"])
def test_linear_agrees_with_the_oracle(shape, dtype, bias, device, on):
    x, w, b, _ = _arrays(shape, dtype)
    b = b if bias else None
    y = gpuconv.linear(gpuconv.to_device(x), gpuconv.to_device(w), None if b is None else gpuconv.to_device(b))
    assert_close(y, reference.linear(x, w, b), terms=shape[1])


@on_every_device
@cases
def test_the_gradients_agree_with_the_oracle(shape, dtype, device, on):
    (x, w, _, dy), (m, _, k) = _arrays(shape, dtype), shape
    dx, dw, db = reference.linear_grads(dy, x, w)
    xd, wd, dyd = map(gpuconv.to_device, (x, w, dy))
    assert_close(gpuconv.linear_input_grad(dyd, wd), dx, terms=k)
    assert_close(gpuconv.linear_weight_grad(xd, dyd), dw, terms=m)
    assert_close(gpuconv.linear_bias_grad(dyd), db, terms=m)
