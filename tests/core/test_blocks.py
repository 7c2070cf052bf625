"""Calls in blocks: what is computed a block at a time is what one call computes, for every function."""

import numpy as np
import pytest

import gpuconv
from gpuconv.core import blocks
from gpuconv.core.device import missing_for_emulator, use_device
from gpuconv.core.dtypes import half_types
from gpuconv.testing import assert_close
from gpuconv.testing.operations import valid_calls

CALLS = valid_calls()
STATISTICS = ("mean", "var", "running_mean", "running_var")
ADDED = ("linear", "weight_grad", "bias_grad", "_norm", "_loss", "cross_entropy", "bce_with_logits")
"""In the names of functions that add in another order than one call does: the blocks' sums, or few rows' products."""

emulator = pytest.param(
    "emulator", marks=pytest.mark.skipif(bool(missing_for_emulator()), reason=f"{missing_for_emulator()}")
)


@pytest.fixture
def small_blocks(monkeypatch):
    """Blocks of a few elements, for arrays of a few hundred."""

    def set_limit(limit):
        monkeypatch.setattr(blocks, "LIMIT_BYTES", limit)
        monkeypatch.setattr(blocks, "STREAM_BYTES", limit)

    return set_limit


def _each(change, arguments):
    """Arguments with their float32 arrays changed, but for statistics, and labels and indices left as they are."""

    def changed(name, a):
        if isinstance(a, (list, tuple)):
            return type(a)(changed(name, one) for one in a)
        plain = isinstance(a, np.ndarray) and a.dtype == np.float32 and name not in STATISTICS
        return change(a) if plain else a.copy() if isinstance(a, np.ndarray) else a

    return {name: changed(name, a) for name, a in arguments.items()}


def _results(name, arguments):
    found = getattr(gpuconv, name)(**arguments)
    return found if isinstance(found, tuple) else (found,)


def _assert_same(name, found, expected):
    for a, b in zip(found, expected, strict=True):
        assert (a.shape, a.dtype) == (b.shape, b.dtype)
        if any(part in name for part in ADDED) and not name.endswith("_input_grad"):
            assert_close(a, b.astype(np.float64), terms=1000)
        else:
            assert a.tobytes() == b.tobytes()


@pytest.mark.parametrize("limit", [64, 1500])
@pytest.mark.parametrize("name", CALLS)
def test_16_bit_arrays(name, limit, small_blocks):
    for dtype in half_types():
        arguments = _each(lambda a, dtype=dtype: a.astype(dtype), CALLS[name])
        expected = _results(name, arguments)
        small_blocks(limit)
        _assert_same(name, _results(name, _each(lambda a: a, arguments)), expected)
        small_blocks(1 << 25)


@pytest.mark.parametrize("name", CALLS)
def test_arrays_in_another_order(name, small_blocks):
    arguments = _each(np.asfortranarray, CALLS[name])
    expected = _results(name, CALLS[name])
    small_blocks(300)
    _assert_same(name, _results(name, arguments), expected)


@pytest.mark.parametrize("device", [emulator])
@pytest.mark.parametrize(
    "name", ["gelu_grad", "dropout", "dropout2d_grad", "softmax", "cross_entropy", "batch_norm2d_grad", "max_pool2d"]
)
def test_on_cuda(name, device, on, small_blocks):
    arguments = _each(lambda a: a.astype(np.float16), CALLS[name])
    with use_device("cpu"):
        expected = _results(name, arguments)
    small_blocks(200)
    for a, b in zip(_results(name, arguments), expected, strict=True):
        assert a.dtype == b.dtype
        if a.dtype.kind == "u":
            assert a.tobytes() == b.tobytes()
        else:
            assert_close(a, b.astype(np.float64), terms=100)
