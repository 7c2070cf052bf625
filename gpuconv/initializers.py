"""Initial weights, seeded, the same values on both targets: drawn on the host in float64, rounded once, then moved.

Different values for different units are what breaks the symmetry between them (docs/backprop.md). Fans are those of
torch.nn.init: a weight (K, C, R, S) has fan_in = C R S and fan_out = K R S.
"""

import math
import operator
from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import numpy as np

from .arguments import FLOATING
from .backend import Array, to_device

Seed: TypeAlias = int | np.random.Generator | None
Initializer: TypeAlias = Callable[..., Array]


def zeros(shape: Sequence[int], *, seed: Seed = None, dtype: Any = np.float32) -> Array:
    """All zeros: right for biases, and for weights the start that never separates its units."""
    return constant(shape, 0.0, seed=seed, dtype=dtype)


def constant(shape: Sequence[int], value: float = 0.1, *, seed: Seed = None, dtype: Any = np.float32) -> Array:
    """One value everywhere: units that start equal stay equal.

    Parameters
    ----------
    shape : sequence of int
    value : float
    seed : ignored
        Taken so that every initialiser is called alike.
    dtype : float32 or float64

    Returns
    -------
    array on `device()`
    """
    return _on_device("constant", np.full(_shape("constant", shape), value, np.float64), dtype)


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
    """
    _finite("uniform", low=low, high=high)
    if low > high:
        raise ValueError(f"uniform: high is {high}, expected at least low={low}")
    return _on_device("uniform", np.random.default_rng(seed).uniform(low, high, _shape("uniform", shape)), dtype)


def normal(
    shape: Sequence[int], mean: float = 0.0, std: float = 1.0, *, seed: Seed = None, dtype: Any = np.float32
) -> Array:
    """Normal with that mean and standard deviation; parameters as for `uniform`.

    Raises
    ------
    ValueError
        If std is negative, or mean or std is not finite.
    """
    _finite("normal", mean=mean, std=std)
    if std < 0:
        raise ValueError(f"normal: std is {std}, expected at least 0")
    return _on_device("normal", np.random.default_rng(seed).normal(mean, std, _shape("normal", shape)), dtype)


def xavier_uniform(shape: Sequence[int], gain: float = 1.0, *, seed: Seed = None, dtype: Any = np.float32) -> Array:
    """Uniform on +-gain sqrt(6 / (fan_in + fan_out)) (Glorot and Bengio, 2010)."""
    bound = gain * math.sqrt(6 / sum(_fans("xavier_uniform", shape)))
    return uniform(shape, -bound, bound, seed=seed, dtype=dtype)


def xavier_normal(shape: Sequence[int], gain: float = 1.0, *, seed: Seed = None, dtype: Any = np.float32) -> Array:
    """Normal with standard deviation gain sqrt(2 / (fan_in + fan_out)) (Glorot and Bengio, 2010)."""
    return normal(shape, 0.0, gain * math.sqrt(2 / sum(_fans("xavier_normal", shape))), seed=seed, dtype=dtype)


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
        Negative slope of the leaky ReLU that follows.
    mode : {"fan_in", "fan_out"}
        Which pass keeps its variance: forward or backward.
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
    """Normal with standard deviation gain / sqrt(fan); parameters as for `kaiming_uniform` (He et al., 2015)."""
    std = _kaiming_std("kaiming_normal", shape, a, mode, nonlinearity)
    return normal(shape, 0.0, std, seed=seed, dtype=dtype)


def calculate_gain(nonlinearity: str, param: float | None = None) -> float:
    """Factor that keeps the variance through a nonlinearity, as torch.nn.init has it.

    Parameters
    ----------
    nonlinearity : {"linear", "conv2d", "sigmoid", "tanh", "relu", "leaky_relu", "selu"}
    param : float, optional
        Negative slope of leaky_relu, 0.01 by default.

    Returns
    -------
    float

    Raises
    ------
    ValueError
        If the nonlinearity is unknown.
    """
    if nonlinearity == "leaky_relu":
        return math.sqrt(2 / (1 + (0.01 if param is None else param) ** 2))
    gains = {"linear": 1.0, "conv2d": 1.0, "sigmoid": 1.0, "tanh": 5 / 3, "relu": math.sqrt(2), "selu": 0.75}
    if nonlinearity not in gains:
        expected = ", ".join(map(repr, (*gains, "leaky_relu")))
        raise ValueError(f"calculate_gain: nonlinearity is {nonlinearity!r}, expected one of {expected}")
    return gains[nonlinearity]


BY_NAME: dict[str, Initializer] = {
    "zeros": zeros,
    "constant": constant,
    "uniform": uniform,
    "normal": normal,
    "xavier_uniform": xavier_uniform,
    "xavier_normal": xavier_normal,
    "kaiming_uniform": kaiming_uniform,
    "kaiming_normal": kaiming_normal,
}


def _kaiming_std(op: str, shape: Sequence[int], a: float, mode: str, nonlinearity: str) -> float:
    if mode not in ("fan_in", "fan_out"):
        raise ValueError(f"{op}: mode is {mode!r}, expected 'fan_in' or 'fan_out'")
    fan = _fans(op, shape)[mode == "fan_out"]
    return calculate_gain(nonlinearity, a) / math.sqrt(fan)


def _fans(op: str, shape: Sequence[int]) -> tuple[int, int]:
    """(fan_in, fan_out) of weights (outputs, inputs, ...)."""
    shape = _shape(op, shape)
    if len(shape) < 2 or math.prod(shape) == 0:
        raise ValueError(f"{op}: shape is {shape}, expected at least two dimensions, none of them 0")
    field = math.prod(shape[2:])
    return shape[1] * field, shape[0] * field


def _shape(op: str, shape: Any) -> tuple[int, ...]:
    try:
        sizes = tuple(operator.index(size) for size in shape)
    except TypeError:
        raise TypeError(f"{op}: shape is {shape!r}, expected a sequence of integers") from None
    if min(sizes, default=0) < 0:
        raise ValueError(f"{op}: shape is {sizes}, expected no negative size")
    return sizes


def _finite(op: str, **options: float) -> None:
    for name, value in options.items():
        if not math.isfinite(value):
            raise ValueError(f"{op}: {name} is {value}, expected a finite number")


def _on_device(op: str, values: np.ndarray[Any, Any], dtype: Any) -> Array:
    if np.dtype(dtype).name not in FLOATING:
        raise TypeError(f"{op}: dtype is {np.dtype(dtype)}, expected float32 or float64")
    return to_device(values.astype(dtype))
