"""Proof for kernels, ours and yours: one tolerance table, a gradient check, an adjoint check.

Nothing here looks inside a kernel: a gradient is compared with finite differences of the forward function in float64,
and a linear operation with its adjoint.
"""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from ..core.device import Array, array_module, to_host
from ..core.dtypes import wide

TOLERANCE = {"direct": 8.0, "implicit_gemm": 8.0, "winograd": 64.0, "fft": 2.0, "tf32": 2.0**13}
"""Largest error of one rounding by algorithm, in units of the dtype's epsilon.

Winograd's F(4x4, 3x3) multiplies by up to 8 and cancels: it costs some three bits, 1e-5 of the largest output in
float32. tf32 has an epsilon of 2^-10, 2^13 times that of float32, and both factors are rounded to it. The FFT's entry
is for each of its log2(size) stages, whatever the number of terms.
"""

HALF_EPSILON = {"float16": 2.0**-10, "bfloat16": 2.0**-7}
"""Of the types that results are only rounded to: what is computed in float32 adds a float32's error."""

STEP = 1e-5
"""Finite-difference step in float64, near the cube root of epsilon: rounding and curvature errors are about equal."""

DIFFERENCE_TOLERANCE = 1e-6
"""Relative error of a central difference with that step."""

KINK_TOLERANCE = 1e-4
"""Relative size of a bend above which a direction crosses a kink: a smooth function's is of the order of h."""


class GradientError(AssertionError):
    """A gradient is not the derivative of its function; the message says which argument and by how much."""


class GradientReport(NamedTuple):
    """What `check_gradients` found."""

    error: float
    """Largest relative error over arguments and directions."""
    tolerance: float
    directions: int
    """Directions compared, over all arguments."""
    kinks: int
    """Directions set aside because they cross a kink (a tie of max_pool2d, the corner of relu)."""


def tolerance(dtype: Any, terms: int = 1, algorithm: str = "direct", size: int = 1) -> float:
    """Largest allowed error of a result, relative to its largest element.

    Parameters
    ----------
    dtype : dtype
        Of the result; float16 and bfloat16 are computed in float32 and rounded once.
    terms : int
        Number of products each element sums, such as C * R * S: rounding errors grow with its square root.
    algorithm : str
        A key of TOLERANCE.
    size : int
        Positions of an image with its padding, with the logarithm of which the FFT's error grows.

    Returns
    -------
    float

    Examples
    --------
    >>> from gpuconv.testing import tolerance
    >>> tolerance("float32", terms=9) == 3 * tolerance("float32")
    True
    """
    dtype = np.dtype(dtype)
    rounding = HALF_EPSILON.get(dtype.name, 0.0)
    growth = np.log2(max(terms, size, 2)) if algorithm == "fft" else max(terms, 1) ** 0.5
    return float(rounding + TOLERANCE[algorithm] * np.finfo(wide(dtype)).eps * growth)


def relative_error(actual: Array, expected: Array, magnitude: Array | None = None) -> float:
    """Largest difference over the largest element expected; infinite where NaN or infinity do not agree.

    Parameters
    ----------
    actual, expected : array of one shape
    magnitude : array, optional
        Root of the sum of the squared terms each element sums. Where few elements are expected, all of them may cancel
        to near nothing: what they were summed from is then the size to compare with.

    Returns
    -------
    float

    Examples
    --------
    >>> from gpuconv.testing import relative_error
    >>> relative_error(np.array([1.0, 4.5]), np.array([1.0, 4.0]))
    0.125
    """
    a, e = to_host(actual).astype(np.float64), to_host(expected).astype(np.float64)
    if a.shape != e.shape:
        raise ValueError(f"relative_error: actual has shape {a.shape}, expected {e.shape}")
    finite = np.isfinite(e)
    if not (np.array_equal(np.isfinite(a), finite) and np.array_equal(a[~finite], e[~finite], equal_nan=True)):
        return float("inf")
    if not finite.any():
        return 0.0
    scale = np.abs(e[finite]).max()
    if magnitude is not None:
        scale = max(scale, np.abs(to_host(magnitude)).max())
    return float(np.abs(a[finite] - e[finite]).max() / (scale if scale > 0 else 1.0))


def assert_close(
    actual: Array,
    expected: Array,
    *,
    dtype: Any = None,
    terms: int = 1,
    algorithm: str = "direct",
    size: int = 1,
    magnitude: Array | None = None,
) -> None:
    """Fail where a result is further from the expected one than the table allows.

    Parameters
    ----------
    actual, expected : array of one shape
    dtype : dtype, optional
        Default: the dtype of actual.
    terms, algorithm, size
        As in `tolerance`.
    magnitude : array, optional
        As in `relative_error`.

    Raises
    ------
    AssertionError
        With the error, the bound and where they come from.

    Examples
    --------
    >>> from gpuconv.testing import assert_close
    >>> assert_close(np.array([1.0, 2.0]), np.array([1.0, 2.5]))
    Traceback (most recent call last):
    AssertionError: relative error 2.00e-01 > ... (float64, direct, 1 terms)
    """
    dtype = actual.dtype if dtype is None else dtype
    error, bound = relative_error(actual, expected, magnitude), tolerance(dtype, terms, algorithm, size)
    if not error <= bound:
        raise AssertionError(
            f"relative error {error:.2e} > {bound:.2e} ({np.dtype(dtype)}, {algorithm}, {terms} terms)"
        )


def check_adjoint(dy: Array, y: Array, dx: Array, x: Array, *, terms: int = 1, algorithm: str = "direct") -> float:
    """Check <f(x), dy> = <x, f*(dy)> for a linear f with y = f(x) and dx = f*(dy).

    Parameters
    ----------
    dy, y : array of one shape
    dx, x : array of one shape
    terms, algorithm
        As in `tolerance`.

    Returns
    -------
    float
        The difference of the two products, relative to the sum of their terms' magnitudes.

    Raises
    ------
    GradientError
        If it is larger than the table allows.

    Examples
    --------
    >>> from gpuconv.testing import check_adjoint
    >>> x, w = np.arange(16.0).reshape(1, 1, 4, 4), np.ones((1, 1, 3, 3))
    >>> y = gpuconv.conv2d(x, w)
    >>> check_adjoint(y, y, gpuconv.conv2d_input_grad(y, w, x.shape), x)
    0.0
    """
    left, right = (np.multiply(*map(_double, pair)) for pair in ((y, dy), (x, dx)))
    scale = max(np.abs(left).sum(), np.abs(right).sum(), np.finfo(np.float64).tiny)
    error = float(abs(left.sum() - right.sum()) / scale)
    bound = tolerance(y.dtype, terms, algorithm)
    if not error <= bound:
        raise GradientError(f"check_adjoint: <f(x), dy> and <x, f*(dy)> differ by {error:.2e} > {bound:.2e}")
    return error


def check_gradients(
    forward: Callable[..., Array],
    backward: Callable[..., Sequence[Array | None]],
    *inputs: Array,
    directions: int = 4,
    seed: int = 0,
) -> GradientReport:
    """Compare gradients with central differences of the forward function along random directions.

    Parameters
    ----------
    forward : callable
        forward(*inputs) -> array.
    backward : callable
        backward(dy, *inputs) -> one gradient for each input, or None for an input not to check.
    *inputs : array, float64
    directions : int
        Directions for each input.
    seed : int
        Of the directions and of dy.

    Returns
    -------
    GradientReport

    Raises
    ------
    TypeError
        If an input is not float64: finite differences mean nothing in less.
    GradientError
        If a gradient is wrong, or every direction crosses a kink.

    Notes
    -----
    For L(x) = <forward(x), dy> and a direction v, compares <backward(dy), v> with (L(x + h v) - L(x - h v)) / 2h. A
    direction whose difference changes when h is halved, or that has a corner in its middle, is drawn again.

    Examples
    --------
    >>> from gpuconv.testing import check_gradients
    >>> x = np.linspace(-1.0, 1.0, 5)
    >>> report = check_gradients(gpuconv.tanh, lambda dy, x: (gpuconv.tanh_grad(dy, x),), x)
    >>> report.directions, report.error < report.tolerance
    (4, True)
    """
    for position, a in enumerate(inputs):
        if a.dtype != np.float64:
            raise TypeError(f"check_gradients: input {position} has dtype {a.dtype}, expected float64")
    rng = np.random.default_rng(seed)
    dy = _random_like(rng, forward(*inputs))
    worst, checked, kinks = 0.0, 0, 0
    for position, gradient in enumerate(backward(dy, *inputs)):
        if gradient is None:
            continue
        for _ in range(directions):
            v, slope, crossed = _smooth_direction(forward, dy, inputs, position, rng)
            kinks += crossed
            products = _double(gradient) * _double(v)
            error = abs(products.sum() - slope) / max(np.abs(products).sum(), abs(slope), 1e-12)
            worst, checked = max(worst, float(error)), checked + 1
            if not error <= DIFFERENCE_TOLERANCE:
                raise GradientError(
                    f"check_gradients: gradient of input {position} is off by {error:.2e} > {DIFFERENCE_TOLERANCE:.0e} "
                    f"(relative; finite difference {slope:.6g}, gradient {products.sum():.6g})"
                )
    return GradientReport(worst, DIFFERENCE_TOLERANCE, checked, kinks)


def _smooth_direction(
    forward: Callable[..., Array], dy: Array, inputs: Sequence[Array], position: int, rng: np.random.Generator
) -> tuple[Array, float, int]:
    """A direction that crosses no kink, the slope along it, and how many that did were set aside."""
    attempts = 20
    for crossed in range(attempts):
        v = _random_like(rng, inputs[position])

        def loss(step: float, v: Any = v) -> float:
            moved = [a + step * v if i == position else a for i, a in enumerate(inputs)]
            return float((_double(forward(*moved)) * _double(dy)).sum())

        here, ends = loss(0.0), [(loss(h), loss(-h), h) for h in (STEP, STEP / 2)]
        wide, narrow = ((up - down) / (2 * h) for up, down, h in ends)
        bend, bend_of_half = (abs(up - 2 * here + down) / h for up, down, h in ends)
        smallest = KINK_TOLERANCE * max(abs(wide), abs(narrow), 1.0)
        # Curvature bends in proportion to the step; a corner in the middle bends as much at half of it.
        if abs(wide - narrow) <= smallest and (bend_of_half <= smallest or bend_of_half < 0.75 * bend):
            return v, narrow, crossed
    raise GradientError(f"check_gradients: every one of {attempts} directions of input {position} crosses a kink")


def _random_like(rng: np.random.Generator, a: Array) -> Array:
    drawn: Array = array_module(a).asarray(rng.standard_normal(a.shape).astype(a.dtype))
    return drawn


def _double(a: Array) -> Any:
    return to_host(a).astype(np.float64)
