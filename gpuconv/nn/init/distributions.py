"""Initializers that draw from a distribution."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from ...core.device import Array
from ...core.options import number, one_of
from .drawing import Seed, fans, finite, on_device, sizes_of

LINEAR = ("linear", *(f"conv{t}{n}d" for t in ("", "_transpose") for n in (1, 2, 3)))
GAINS = {**dict.fromkeys(LINEAR, 1.0), "sigmoid": 1.0, "tanh": 5 / 3, "relu": math.sqrt(2), "selu": 0.75}
MIN_ACCEPTANCE = 0.3
"""Probability of [low, high] above which normal values are drawn and those outside rejected."""
MAX_EXPONENT = 40.0
"""No value is drawn where the density has fallen by exp(-MAX_EXPONENT)."""


def uniform(
    shape: Sequence[int], low: float = 0.0, high: float = 1.0, *, seed: Seed = None, dtype: Any = np.float32
) -> Array:
    """Uniform on [low, high).

    Parameters
    ----------
    shape : sequence of int
    low, high : float
    seed : int or numpy.random.Generator, optional
        The same seed gives the same values on every device.
    dtype : float32 or float64

    Returns
    -------
    array on `device()`

    Raises
    ------
    ValueError
        If high < low, or one of them is not finite.

    Examples
    --------
    >>> w = nn.init.uniform((100, 10), seed=0)
    >>> w.shape, bool((w == nn.init.uniform((100, 10), seed=0)).all())
    ((100, 10), True)
    """
    finite("uniform", low=low, high=high)
    if low > high:
        raise ValueError(f"uniform: high is {high}, expected at least low={low}")
    return on_device("uniform", np.random.default_rng(seed).uniform(low, high, sizes_of("uniform", shape)), dtype)


def normal(
    shape: Sequence[int], mean: float = 0.0, std: float = 1.0, *, seed: Seed = None, dtype: Any = np.float32
) -> Array:
    """Normal with that mean and standard deviation; parameters as for `uniform`.

    Raises
    ------
    ValueError
        If std is negative, or mean or std is not finite.

    Examples
    --------
    >>> w = nn.init.normal((100, 100), seed=0)
    >>> round(float(w.std()), 2)
    1.0
    """
    finite("normal", mean=mean, std=std)
    if std < 0:
        raise ValueError(f"normal: std is {std}, expected at least 0")
    return on_device("normal", np.random.default_rng(seed).normal(mean, std, sizes_of("normal", shape)), dtype)


def xavier_uniform(shape: Sequence[int], gain: float = 1.0, *, seed: Seed = None, dtype: Any = np.float32) -> Array:
    """Uniform on +-gain sqrt(6 / (fan_in + fan_out)) (Glorot and Bengio, 2010).

    Examples
    --------
    >>> w = nn.init.xavier_uniform((4, 2), seed=0)
    >>> bool((abs(w) <= 1).all())
    True
    """
    bound = gain * math.sqrt(6 / sum(fans("xavier_uniform", shape)))
    return uniform(shape, -bound, bound, seed=seed, dtype=dtype)


def xavier_normal(shape: Sequence[int], gain: float = 1.0, *, seed: Seed = None, dtype: Any = np.float32) -> Array:
    """Normal with standard deviation gain sqrt(2 / (fan_in + fan_out)) (Glorot and Bengio, 2010).

    Examples
    --------
    >>> nn.init.xavier_normal((8, 3, 5, 5), seed=0).shape
    (8, 3, 5, 5)
    """
    return normal(shape, 0.0, gain * math.sqrt(2 / sum(fans("xavier_normal", shape))), seed=seed, dtype=dtype)


def kaiming_uniform(
    shape: Sequence[int],
    a: float = 0.0,
    mode: str = "fan_in",
    nonlinearity: str = "leaky_relu",
    *,
    seed: Seed = None,
    dtype: Any = np.float32,
) -> Array:
    """Uniform on +-gain sqrt(3 / fan) (He et al., 2015).

    Parameters
    ----------
    shape : sequence of int
    a : float
        Negative slope of the leaky ReLU after the layer.
    mode : {"fan_in", "fan_out"}
        Pass whose variance is kept: forward (fan_in) or backward (fan_out).
    nonlinearity : str
        As for `calculate_gain`.
    seed, dtype
        As for `uniform`.

    Returns
    -------
    array on `device()`

    Raises
    ------
    ValueError
        If the shape has fewer than two dimensions, or mode or nonlinearity is unknown.

    Examples
    --------
    >>> nn.init.kaiming_uniform((8, 3, 5, 5), seed=0).shape
    (8, 3, 5, 5)
    """
    bound = math.sqrt(3) * _kaiming_std("kaiming_uniform", shape, a, mode, nonlinearity)
    return uniform(shape, -bound, bound, seed=seed, dtype=dtype)


def kaiming_normal(
    shape: Sequence[int],
    a: float = 0.0,
    mode: str = "fan_in",
    nonlinearity: str = "leaky_relu",
    *,
    seed: Seed = None,
    dtype: Any = np.float32,
) -> Array:
    """Normal with standard deviation gain / sqrt(fan); parameters as for `kaiming_uniform` (He et al., 2015).

    Examples
    --------
    >>> w = nn.init.kaiming_normal((64, 50), seed=0)
    >>> round(float(w.std()), 1)
    0.2
    """
    std = _kaiming_std("kaiming_normal", shape, a, mode, nonlinearity)
    return normal(shape, 0.0, std, seed=seed, dtype=dtype)


def trunc_normal(
    shape: Sequence[int],
    mean: float = 0.0,
    std: float = 1.0,
    a: float = -2.0,
    b: float = 2.0,
    *,
    seed: Seed = None,
    dtype: Any = np.float32,
) -> Array:
    """Truncated normal: values outside [a, b] are drawn again.

    Parameters
    ----------
    shape : sequence of int
    mean, std : float
        Of the distribution before truncation.
    a, b : float
        Smallest and largest value, not multiples of std; infinite for no bound.
    seed, dtype
        As for `uniform`.

    Returns
    -------
    array on `device()`

    Raises
    ------
    ValueError
        If std is not positive, b <= a, or mean or std is not finite.

    Notes
    -----
    Exact for every interval: where it holds little of the distribution, uniform values are drawn and rejected.

    Examples
    --------
    >>> w = nn.init.trunc_normal((100, 100), seed=0)
    >>> bool((abs(w) <= 2).all())
    True
    """
    finite("trunc_normal", mean=mean, std=std)
    if std <= 0:
        raise ValueError(f"trunc_normal: std is {std}, expected a number above 0")
    if not a < b:
        raise ValueError(f"trunc_normal: b is {b}, expected a number above a={a}")
    rng, sizes = np.random.default_rng(seed), sizes_of("trunc_normal", shape)
    values = mean + std * _truncated(rng, sizes, (a - mean) / std, (b - mean) / std)
    return on_device("trunc_normal", np.clip(values, a, b), dtype)


def _truncated(rng: np.random.Generator, sizes: tuple[int, ...], low: float, high: float) -> np.ndarray[Any, Any]:
    """Standard normal values within [low, high]."""
    peak = min(max(low, 0.0), high)  # where the density is largest
    reach = min(MAX_EXPONENT / abs(peak), math.sqrt(2 * MAX_EXPONENT)) if peak else math.sqrt(2 * MAX_EXPONENT)
    start, stop = max(low, peak - reach), min(high, peak + reach)
    likely = (math.erf(high / math.sqrt(2)) - math.erf(low / math.sqrt(2))) / 2 > MIN_ACCEPTANCE
    values, wrong = np.empty(sizes), np.ones(sizes, bool)
    while count := int(wrong.sum()):
        if likely:
            drawn = rng.standard_normal(count)
            refused = (drawn < low) | (drawn > high)
        else:
            drawn = rng.uniform(start, stop, count)
            refused = np.log1p(-rng.random(count)) > (peak**2 - drawn**2) / 2
        values[wrong] = drawn
        wrong[wrong] = refused
    return values


def calculate_gain(nonlinearity: str, param: float | None = None) -> float:
    """Factor that keeps the variance through a nonlinearity, as in torch.nn.init.

    Parameters
    ----------
    nonlinearity : str
        "linear", "conv1d" to "conv3d", "conv_transpose1d" to "conv_transpose3d", "sigmoid", "tanh", "relu",
        "leaky_relu" or "selu".
    param : float, optional
        Negative slope of leaky_relu, 0.01 by default.

    Returns
    -------
    float

    Raises
    ------
    ValueError
        If the nonlinearity is unknown.
    TypeError
        If param is not a number.

    Examples
    --------
    >>> round(nn.init.calculate_gain("relu"), 4)
    1.4142
    """
    one_of("calculate_gain", "nonlinearity", nonlinearity, (*GAINS, "leaky_relu"))
    if nonlinearity == "leaky_relu":
        return math.sqrt(2 / (1 + (0.01 if param is None else number("calculate_gain", "param", param)) ** 2))
    return GAINS[nonlinearity]


def _kaiming_std(op: str, shape: Sequence[int], a: float, mode: str, nonlinearity: str) -> float:
    if mode not in ("fan_in", "fan_out"):
        raise ValueError(f"{op}: mode is {mode!r}, expected 'fan_in' or 'fan_out'")
    fan = fans(op, shape)[mode == "fan_out"]
    return calculate_gain(nonlinearity, a) / math.sqrt(fan)
