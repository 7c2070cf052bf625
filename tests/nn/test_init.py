"""Initializers: the right distributions, from a seed, the same everywhere."""

import math

import numpy as np
import pytest

import gpuconv
from gpuconv.nn import init

SHAPE = (64, 32, 3, 3)
FAN_IN, FAN_OUT = 32 * 9, 64 * 9


@pytest.mark.parametrize(
    ("draw", "deviation", "bound"),
    [
        (init.xavier_uniform, math.sqrt(2 / (FAN_IN + FAN_OUT)), math.sqrt(6 / (FAN_IN + FAN_OUT))),
        (init.xavier_normal, math.sqrt(2 / (FAN_IN + FAN_OUT)), math.inf),
        (init.kaiming_uniform, math.sqrt(2 / FAN_IN), math.sqrt(6 / FAN_IN)),
        (init.kaiming_normal, math.sqrt(2 / FAN_IN), math.inf),
        (init.normal, 1.0, math.inf),
    ],
)
def test_zero_mean_and_the_deviation_of_the_paper(draw, deviation, bound):
    w = draw(SHAPE, seed=0)
    assert w.shape == SHAPE
    assert w.dtype == np.float32
    assert abs(w.mean()) < 4 * deviation / math.sqrt(w.size)
    assert abs(w.std() / deviation - 1) < 4 / math.sqrt(w.size)
    assert np.abs(w).max() <= bound


def test_fan_out_and_slope():
    w = init.kaiming_normal(SHAPE, 0.5, "fan_out", seed=0)
    assert abs(w.std() / math.sqrt(2 / 1.25 / FAN_OUT) - 1) < 0.02


def test_constants():
    assert not init.zeros((3, 4)).any()
    assert (init.constant((3, 4), 0.3) == np.float32(0.3)).all()
    w = init.uniform((1000,), 2, 3, seed=0)
    assert w.min() >= 2
    assert w.max() <= 3


@pytest.mark.parametrize("name", init.BY_NAME)
def test_a_seed_gives_the_same_values_rounded_once(name):
    draw = init.BY_NAME[name]
    single, double = draw(SHAPE, seed=7), draw(SHAPE, seed=7, dtype=np.float64)
    assert np.array_equal(single, draw(SHAPE, seed=7))
    assert np.array_equal(single, double.astype(np.float32))
    if name not in ("zeros", "constant"):
        assert not np.array_equal(single, draw(SHAPE, seed=8))


def test_a_generator_goes_on():
    rng = np.random.default_rng(0)
    assert not np.array_equal(init.normal((5,), seed=rng), init.normal((5,), seed=rng))


@pytest.mark.parametrize(
    ("nonlinearity", "param", "gain"),
    [("linear", None, 1), ("relu", None, 2**0.5), ("leaky_relu", 0.2, (2 / 1.04) ** 0.5), ("tanh", None, 5 / 3)],
)
def test_gains(nonlinearity, param, gain):
    assert init.calculate_gain(nonlinearity, param) == pytest.approx(gain)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: init.kaiming_normal((5,)), r"shape is \(5,\), expected at least two dimensions"),
        (lambda: init.kaiming_normal((5, 0)), r"shape is \(5, 0\)"),
        (lambda: init.kaiming_uniform((5, 5), mode="fan"), "mode is 'fan', expected 'fan_in' or 'fan_out'"),
        (lambda: init.calculate_gain("swish"), "nonlinearity is 'swish', expected one of 'linear'"),
        (lambda: init.normal((5,), std=-1), "std is -1, expected at least 0"),
        (lambda: init.uniform((5,), 1, 0), "high is 0, expected at least low=1"),
        (lambda: init.uniform((5,), 0, math.inf), "uniform: high is inf, expected a finite number"),
        (lambda: init.normal((5,), math.nan), "normal: mean is nan, expected a finite number"),
        (lambda: init.zeros((5, -1)), r"shape is \(5, -1\), expected no negative size"),
    ],
)
def test_wrong_options_are_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()


@pytest.mark.parametrize("draw", [init.zeros, init.normal, init.kaiming_uniform])
def test_wrong_kinds_are_named(draw):
    with pytest.raises(TypeError, match="dtype is int64, expected float32, float64"):
        draw((5, 5), dtype=np.int64)
    for shape in (5, (5, 2.5), "ab"):
        with pytest.raises(TypeError, match=r"shape is .*, expected a sequence of integers"):
            draw(shape)


def test_layers_start_as_torch_starts_them():
    layer = gpuconv.nn.Conv2d(32, 64, 3, seed=0)
    bound = 1 / math.sqrt(FAN_IN)
    for parameter in layer.parameters():
        assert 0.9 * bound < np.abs(parameter.data).max() <= bound


@pytest.mark.parametrize("shape", [(6, 6), (4, 9), (9, 4), (8, 3, 5, 5), (5, 0)])
def test_orthogonal_rows_or_columns(shape):
    w = init.orthogonal(shape, 1.5, seed=0, dtype=np.float64).reshape(shape[0], -1)
    product = w @ w.T if w.shape[0] <= w.shape[1] else w.T @ w
    assert np.allclose(product, 2.25 * np.eye(len(product)))


def test_orthogonal_matrices_have_no_preferred_sign():
    traces = [np.trace(init.orthogonal((3, 3), seed=seed)) for seed in range(400)]
    assert abs(np.mean(traces)) < 0.2  # of a Haar-distributed matrix it is 0 +- 1


@pytest.mark.parametrize("kernel", [(3,), (3, 4), (3, 1, 5)])
def test_dirac_passes_channels_on(kernel):
    w = init.dirac((6, 2, *kernel), 2)
    expected = np.zeros_like(w)
    middle = tuple(size // 2 for size in kernel)
    for group, channel in np.ndindex(2, 2):
        expected[(3 * group + channel, channel, *middle)] = 1
    assert np.array_equal(w, expected)


def test_a_dirac_convolution_is_the_identity():
    x = np.random.default_rng(0).standard_normal((2, 4, 5, 5)).astype(np.float32)
    assert np.array_equal(gpuconv.conv2d(x, init.dirac((4, 2, 3, 3), 2), padding=1, groups=2), x)


def test_eye_ones_and_sparse():
    assert np.array_equal(init.eye((2, 3)), np.eye(2, 3))
    assert init.ones((2, 3)).sum() == 6
    w = init.sparse((10, 200), 0.25, seed=0)
    assert ((w == 0).sum(0) == 3).all()
    assert 0.005 < w.std() < 0.01
    assert len({tuple(column) for column in (w == 0).T}) > 50  # the zeros stand in different places


@pytest.mark.parametrize(
    ("low", "high"), [(-2.0, 2.0), (-0.1, 0.3), (1.0, math.inf), (5.0, 5.5), (-math.inf, -8.0), (-math.inf, math.inf)]
)
def test_truncated_normals_have_the_moments_of_their_density(low, high):
    mean, std = 0.5, 2.0
    w = init.trunc_normal((20_000,), mean, std, mean + std * low, mean + std * high, seed=0, dtype=np.float64)
    z = (w - mean) / std
    assert z.min() >= low - 1e-12
    assert z.max() <= high + 1e-12
    grid = np.linspace(max(low, -12), min(high, 12), 400_001)
    density = np.exp(-((grid**2) - (grid**2).min()) / 2)
    expected = (grid * density).sum() / density.sum()
    deviation = math.sqrt(((grid - expected) ** 2 * density).sum() / density.sum())
    assert abs(z.mean() - expected) < 4 * deviation / math.sqrt(z.size)
    assert abs(z.std() / deviation - 1) < 0.03


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: init.trunc_normal((5,), a=2, b=2), "b is 2, expected a number above a=2"),
        (lambda: init.trunc_normal((5,), std=0), "std is 0, expected a number above 0"),
        (lambda: init.dirac((5, 5)), r"shape is \(5, 5\), expected 3, 4 or 5 dimensions"),
        (lambda: init.dirac((5, 5, 3), 2), r"groups is 2, expected a divisor of shape\[0\]=5"),
        (lambda: init.eye((5, 5, 3)), r"shape is \(5, 5, 3\), expected two dimensions"),
        (lambda: init.orthogonal((5,)), r"shape is \(5,\), expected at least two dimensions"),
        (lambda: init.sparse((5, 5), 1.5), "sparsity is 1.5, expected 0 to 1"),
    ],
)
def test_wrong_options_of_structured_ones_are_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()
