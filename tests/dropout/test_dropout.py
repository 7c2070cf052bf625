"""Dropout: the generator against its published vectors, masks against the oracle."""

import numpy as np
import pytest

import gpuconv
from gpuconv import nn
from gpuconv.kernels.dropout.scalar import philox
from gpuconv.testing import assert_close, check_adjoint
from tests import reference
from tests.devices import on_every_device

# The known answers that the authors publish with Random123 (kat_vectors, philox4x32 10): counter, key, words.
KNOWN = [
    ((0, 0, 0, 0), (0, 0), (0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8)),
    ((2**32 - 1,) * 4, (2**32 - 1,) * 2, (0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD)),
    (
        (0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344),
        (0xA4093822, 0x299F31D0),
        (0xD16CFE09, 0x94FDCCEB, 0x5001E420, 0x24126EA1),
    ),
]  # fmt: skip


@pytest.mark.parametrize(("counter", "key", "words"), KNOWN)
def test_the_generator_gives_the_known_answers(counter, key, words):
    joined = [np.uint64(low | high << 32) for low, high in (counter[:2], counter[2:], key)]
    assert tuple(int(word) for word in philox(*joined)) == words
    assert tuple(reference.philox4x32(counter, key)) == words


@on_every_device
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("p", [0.25, 0.5, 1e-3, 1.0])
@pytest.mark.parametrize("shape", [(), (1,), (4,), (3, 7), (0, 2)], ids=str)
def test_dropout_agrees_with_the_oracle(shape, p, dtype, device, on):
    x = np.asarray(np.random.default_rng(0).standard_normal(shape), dtype)
    options = {"seed": 2**64 - 7, "offset": 2**63 + 5}
    factors = reference.dropout_factors(x.size, p if p < 1 else 0, **options).reshape(shape) * (p < 1)
    y = gpuconv.dropout(gpuconv.to_device(x), p, **options)
    assert_close(y, x.astype(np.float64) * factors)
    assert np.array_equal(gpuconv.to_host(gpuconv.dropout_grad(gpuconv.to_device(x), p, **options)), gpuconv.to_host(y))


@on_every_device
@pytest.mark.parametrize("shape", [(2, 3, 2, 2), (3, 2, 1, 1), (1, 9, 1, 3), (2, 0, 3, 3)], ids=str)
def test_dropout2d_drops_whole_channels(shape, device, on):
    x = np.random.default_rng(0).standard_normal(shape).astype(np.float32)
    factors = reference.dropout_factors(shape[0] * shape[1], 0.4, 11, 0).reshape(*shape[:2], 1, 1)
    y = gpuconv.dropout2d(gpuconv.to_device(x), 0.4, seed=11)
    assert_close(y, x.astype(np.float64) * factors)
    dx = gpuconv.dropout2d_grad(gpuconv.to_device(x), 0.4, seed=11)
    assert np.array_equal(gpuconv.to_host(dx), gpuconv.to_host(y))
    check_adjoint(x, gpuconv.to_host(y), gpuconv.to_host(dx), x)


@on_every_device
def test_what_is_not_training_is_the_input_itself(device, on):
    x = gpuconv.to_device(np.ones((2, 2), np.float32))
    assert gpuconv.dropout(x, 0.9, training=False, seed=0) is x
    assert gpuconv.dropout(x, 0, seed=0) is x
    out = gpuconv.to_device(np.zeros((2, 2), np.float32))
    assert gpuconv.dropout(x, 0.9, training=False, seed=0, out=out) is out
    assert gpuconv.to_host(out).all()


def test_as_many_are_dropped_as_asked_for_and_neighbors_are_independent():
    kept = gpuconv.dropout(np.ones((1000, 1001), np.float32), 0.3, seed=5) > 0
    assert kept.mean() == pytest.approx(0.7, abs=0.002)
    assert (kept[:, 1:] & kept[:, :-1]).mean() == pytest.approx(0.49, abs=0.003)
    assert (kept[1:] & kept[:-1]).mean() == pytest.approx(0.49, abs=0.003)
    other = gpuconv.dropout(np.ones((1000, 1001), np.float32), 0.3, seed=5, offset=1) > 0
    assert (kept & other).mean() == pytest.approx(0.49, abs=0.003)


def test_the_mask_is_the_same_for_any_number_of_threads():
    numba = pytest.importorskip("numba")
    x, threads = np.ones(1_000_003, np.float32), numba.get_num_threads()
    y = gpuconv.dropout(x, 0.5, seed=1)
    numba.set_num_threads(1)
    try:
        assert np.array_equal(y, gpuconv.dropout(x, 0.5, seed=1))
    finally:
        numba.set_num_threads(threads)
    assert np.array_equal(y[:1001], gpuconv.dropout(x[:1001], 0.5, seed=1))


@on_every_device
@pytest.mark.parametrize("name", ["dropout", "dropout2d"])
@pytest.mark.parametrize("sign", [1, -1])
def test_a_dropped_infinity_is_zero(sign, name, device, on):
    """Forward and backward: what is dropped is not multiplied."""
    ones = np.ones((2, 9, 3, 3), np.float32)
    kept = gpuconv.to_host(getattr(gpuconv, name)(gpuconv.to_device(ones), 0.5, seed=1)) > 0
    for function in (name, f"{name}_grad"):
        y = getattr(gpuconv, function)(gpuconv.to_device(sign * np.inf * ones), 0.5, seed=1)
        assert np.array_equal(gpuconv.to_host(y), np.where(kept, sign * np.inf, 0))


def test_a_dropped_infinity_is_zero_on_the_emulated_device(emulated):
    y = gpuconv.dropout(np.full(67, np.inf, np.float32), 0.5, seed=1)
    assert set(y.tolist()) == {0, np.inf}


def test_nan_stays():
    x = np.full(64, np.nan, np.float32)
    assert np.isnan(gpuconv.dropout(x, 0.5, seed=0)).all()


@pytest.mark.parametrize("kind", [nn.Dropout, nn.Dropout2d])
def test_layers_draw_anew_each_time_and_start_again_from_their_seed(kind):
    x = np.ones((2, 8, 2, 2), np.float32)
    a, b = kind(0.5, seed=3), kind(0.5, seed=3)
    first, second = a(x), a(x)
    assert not np.array_equal(first, second)
    assert np.array_equal(b(x), first)
    assert np.array_equal(b.backward(x), first)
    assert b.backward(x, input_grad=False) is None
    assert b.eval()(x) is x
    assert b.backward(x) is x


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda x: gpuconv.dropout(x, 1.5, seed=0), ValueError, "p is 1.5, expected 0 <= p <= 1"),
        (lambda x: gpuconv.dropout(x, float("nan"), seed=0), ValueError, "p is nan"),
        (lambda x: gpuconv.dropout(x, seed=-1), ValueError, r"seed is -1, expected 0 <= seed < 2\*\*64"),
        (lambda x: gpuconv.dropout(x, seed=2**64), ValueError, "seed is 18446744073709551616"),
        (lambda x: gpuconv.dropout(x, seed=None), TypeError, "seed is None, expected an integer"),
        (lambda x: gpuconv.dropout(x, seed=0, offset=0.5), TypeError, "offset is 0.5, expected an integer"),
        (
            lambda x: gpuconv.dropout(x, seed=0, training=None),
            TypeError,
            "training is None, expected True or False",
        ),
        (lambda x: gpuconv.dropout2d(x, seed=0), ValueError, r"dropout2d: x has shape \(2, 3\), expected four"),
        (lambda x: gpuconv.dropout2d_grad(x, seed=0), ValueError, r"dy has shape \(2, 3\), expected four"),
        (lambda x: nn.Dropout(-0.1), ValueError, "Dropout: p is -0.1, expected 0 <= p <= 1"),
    ],
)
def test_bad_input_is_named(call, error, message):
    with pytest.raises(error, match=message):
        call(np.zeros((2, 3)))
