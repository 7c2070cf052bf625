"""What a NaN or an infinity reaches: the outputs that it has a share of, and no others; and sums of many terms."""

from fractions import Fraction

import numpy as np
import pytest

import gpuconv
from gpuconv.core.device import use_device
from tests.devices import on_every_device

SIZES = [(4, 4), (4, 7), (4, 8), (4, 12), (7, 3), (9, 3), (5, 1), (1, 5), (6, 4), (10, 28)]
BAD = [np.nan, np.inf, -np.inf]


def _shares(length, size, aligned):
    """Share of each input in each output, in fractions."""
    shares = np.zeros((size, length), object)
    for i in range(size):
        if size == length:
            at = Fraction(i)
        elif aligned:
            at = Fraction(i * (length - 1), size - 1) if size > 1 else Fraction(0)
        else:
            at = max(Fraction((2 * i + 1) * length, 2 * size) - Fraction(1, 2), Fraction(0))
        left = min(int(at), length - 1)
        shares[i, left] += 1 - (at - left)
        shares[i, min(left + 1, length - 1)] += at - left
    return shares


def _assert_reach(length, size, aligned, bad):
    shares = _shares(length, size, aligned)
    options = {"size": size, "mode": "linear", "align_corners": aligned}
    x, dy = np.arange(1, length + 1, dtype=np.float32), np.arange(1, size + 1, dtype=np.float32)
    for matrix, values, call in (
        (shares, x, lambda v: gpuconv.upsample(v, **options)),
        (shares.T, dy, lambda v: gpuconv.upsample_input_grad(v, (1, 1, length), **options)),
    ):
        clean = gpuconv.to_host(call(gpuconv.to_device(values.reshape(1, 1, -1))))[0, 0]
        np.testing.assert_allclose(clean, matrix.astype(float) @ values, rtol=1e-6)
        for position in {0, len(values) // 2, len(values) - 1}:
            spoilt = values.copy()
            spoilt[position] = bad
            found = gpuconv.to_host(call(gpuconv.to_device(spoilt.reshape(1, 1, -1))))[0, 0]
            reached = matrix[:, position] != 0
            assert np.array_equal(found, np.where(reached, bad, clean), equal_nan=True)


@on_every_device
@pytest.mark.parametrize("bad", BAD)
@pytest.mark.parametrize("aligned", [False, True])
@pytest.mark.parametrize(("length", "size"), SIZES)
def test_a_bad_value_reaches_what_it_has_a_share_of(length, size, aligned, bad, device, on):
    _assert_reach(length, size, aligned, bad)


def test_a_bad_value_on_the_emulated_device(emulated):
    _assert_reach(4, 4, False, np.nan)
    _assert_reach(4, 7, True, np.inf)


@on_every_device
@pytest.mark.parametrize("aligned", [False, True])
@pytest.mark.parametrize("mode", ["nearest", "linear", "bilinear", "trilinear"])
def test_equal_sizes_are_the_identity_bit_for_bit(mode, aligned, device, on):
    axes = {"linear": 1, "trilinear": 3}.get(mode, 2)
    x = np.random.default_rng(0).standard_normal((2, 3, 5, 4, 6)[: 2 + axes]).astype(np.float32)
    x.reshape(-1)[[1, 5, 9, 13]] = np.nan, np.inf, -np.inf, -0.0
    options = {"mode": mode, "align_corners": None if mode == "nearest" else aligned}
    for size in ({"size": x.shape[2:]}, {"scale_factor": 1.0}):
        y = gpuconv.to_host(gpuconv.upsample(gpuconv.to_device(x), **size, **options))
        dx = gpuconv.to_host(gpuconv.upsample_input_grad(gpuconv.to_device(x), x.shape, **size, **options))
        for found in (y, dx):
            assert found.view(np.uint32).tolist() == x.view(np.uint32).tolist()


@on_every_device
@pytest.mark.parametrize("mode", ["bilinear", "trilinear"])
def test_an_axis_that_keeps_its_size_spreads_nothing(mode, device, on):
    """One bad pixel stays in its row where rows are kept and columns doubled."""
    x = np.ones((1, 1, 3, 3, 3)[: 4 if mode == "bilinear" else 5], np.float32)
    x[0, 0, 1] = np.nan
    size = (*x.shape[2:-1], 6)
    y = gpuconv.to_host(gpuconv.upsample(gpuconv.to_device(x), size, mode=mode))
    assert np.isnan(y[0, 0, 1]).all()
    assert (y[0, 0, [0, 2]] == 1).all()


@pytest.mark.parametrize(("device", "size"), [("cpu", 1000), ("emulator", 70)])
@pytest.mark.parametrize("mode", ["nearest", "bilinear"])
def test_gradients_of_many_terms_keep_their_digits(mode, device, size):
    """The gradient of a map of one pixel is the sum over the result."""
    dy = np.full((1, 2, size, size), 0.1, np.float32)
    with use_device(device):
        dx = gpuconv.upsample_input_grad(dy, (1, 2, 1, 1), size, mode=mode)
    np.testing.assert_allclose(dx, np.full((1, 2, 1, 1), float(np.float32(0.1)) * size * size), rtol=2e-7)
