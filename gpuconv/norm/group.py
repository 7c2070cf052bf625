"""Group normalization and its gradients, for NumPy and CuPy arrays."""

import math
from typing import Any

from ..core.arrays import shaped
from ..core.call import Call
from ..core.device import Array
from ..core.options import finite
from ..core.plan import run_known
from ..core.shapes import positive
from . import blocks
from .batch import inverse_deviations, require_channels, rows_of
from .plans import group_norm_grad_plan, group_norm_plan, remember


def group_norm(
    x: Array,
    num_groups: int,
    weight: Array | None = None,
    bias: Array | None = None,
    eps: float = 1e-5,
    *,
    mean: Array | None = None,
    var: Array | None = None,
    out: Array | None = None,
) -> Array:
    """weight (x - mean) / sqrt(variance + eps) + bias, for each sample and group of channels (Wu and He, 2018).

    Parameters
    ----------
    x : array (N, C, ...), float16, bfloat16, float32 or float64
    num_groups : int
        Divides C. 1 normalizes whole samples, C each channel alone.
    weight, bias : array (C,), optional
        Default: 1 and 0.
    eps : float
        Added to the variance, which is the biased one.
    mean, var : array (N, num_groups), optional
        As `group_norm_statistics` gave them, which happens here otherwise.
    out : array like x, optional
        Memory for the result; may be x itself.

    Returns
    -------
    array like x

    Raises
    ------
    ValueError
        If the groups do not divide the channels, or a group has a single value.

    Notes
    -----
    The sums are taken in a fixed order: deterministic. Errors: docs/errors.md.

    Examples
    --------
    >>> gpuconv.group_norm(np.array([[1.0, 3.0, 10.0, 30.0]]), 2).round(4)
    array([[-1.,  1., -1.,  1.]])
    """
    op = "group_norm"
    if out is None and mean is None and var is None:
        known = run_known(group_norm_plan, (x, weight, bias), (num_groups, eps))
        if known is not None:
            return known
    plain = mean is None
    options: dict[str, Any] = {"weight": weight, "bias": bias, "mean": mean, "var": var}
    call = Call(op, tuple(options), float32=("mean", "var"), convert=False, x=x, **options)
    groups = _groups(op, x, num_groups)
    require_channels(op, x, weight=weight, bias=bias)
    tiny = call.compute_dtype.type(finite(op, "eps", eps, at_least=0))
    if x.size == groups:
        raise ValueError(f"{op}: x has shape {x.shape}, one value for each of {groups} groups, expected more")
    if (mean is None) != (var is None):
        raise ValueError(f"{op}: only one of mean and var is given, expected both or none")
    with call.device:
        large = call.needs_blocks(x.shape, temporary=3 * x.shape[0] * groups)
        if large and blocks.fit_samples(call, x):
            call.check_out(x.shape, out)
            return blocks.normalize_samples(call, group_norm, groups, eps, out)
        if not large:
            call.convert()
            x, weight, bias, mean, var = call.arrays
        if mean is None or var is None:
            mean, var = _statistics(call, x, groups)
        _require_statistics(op, x, groups, mean=mean, var=var)
        if large:
            call.check_out(x.shape, out)
            inverse = blocks.inverse_deviations(call, x, mean, var, tiny, True)
            mean, inverse = blocks.of_channels(x, mean, inverse)
            return blocks.normalize(call, x, mean, inverse, weight, bias, out)
        y = call.output(x.shape, out, coinciding=(x,))
        if x.size:
            inverse = inverse_deviations(call, _sets_of(x, groups), mean, var, tiny, True)
            call.kernels.norm.normalize(rows_of(x), mean, inverse, weight, bias, rows_of(y))
    if plain:
        remember(call, group_norm_plan, {"x": x, "weight": weight, "bias": bias}, (num_groups, eps))
    return call.finish(y)


def group_norm_statistics(x: Array, num_groups: int) -> tuple[Array, Array]:
    """Mean and biased variance of each sample's groups of channels, in one pass over x.

    Parameters
    ----------
    x : array (N, C, ...), float16, bfloat16, float32 or float64
    num_groups : int
        Divides C.

    Returns
    -------
    mean, var : array (N, num_groups)
        0 where x is empty.

    Raises
    ------
    ValueError
        If the groups do not divide the channels.

    Notes
    -----
    What a forward pass keeps for `group_norm_grad`. Deterministic. Errors: docs/errors.md.

    Examples
    --------
    >>> gpuconv.group_norm_statistics(np.array([[1.0, 3.0, 10.0, 30.0]]), 2)
    (array([[ 2., 20.]]), array([[  1., 100.]]))
    """
    call = Call("group_norm_statistics", convert=False, x=x)
    groups = _groups(call.op, x, num_groups)
    with call.device:
        if not call.needs_blocks():
            call.convert()
            (x,) = call.arrays
        return _statistics(call, x, groups)


def group_norm_grad(
    dy: Array,
    x: Array,
    num_groups: int,
    mean: Array,
    var: Array,
    weight: Array | None = None,
    eps: float = 1e-5,
    *,
    out: Array | None = None,
) -> tuple[Array, Array, Array]:
    """dx, dweight and dbias.

    With xhat = (x - mean) / sqrt(var + eps) and g = weight dy: dbias = sum dy, dweight = sum dy xhat, and
    dx = (g - mean(g) - xhat mean(g xhat)) / sqrt(var + eps), the means over a sample's group of channels.

    Parameters
    ----------
    dy, x : array (N, C, ...), float16, bfloat16, float32 or float64
        Gradient of the result, and the argument of the forward call.
    num_groups : int
    mean, var : array (N, num_groups)
        From `group_norm_statistics`.
    weight : array (C,), optional
        Default: 1.
    eps : float
        As in the forward call.
    out : array like x, optional
        Memory for dx; may be dy or x itself.

    Returns
    -------
    dx : array like x
    dweight, dbias : array (C,)

    Notes
    -----
    The sums are taken in a fixed order: deterministic. Errors: docs/errors.md.

    Examples
    --------
    >>> x = np.array([[1.0, 3.0, 10.0, 30.0]])
    >>> mean, var = gpuconv.group_norm_statistics(x, 2)
    >>> dx, dweight, dbias = gpuconv.group_norm_grad(np.ones_like(x), x, 2, mean, var, np.ones(4))
    >>> dweight.round(4), dbias
    (array([-1.,  1., -1.,  1.]), array([1., 1., 1., 1.]))
    """
    op = "group_norm_grad"
    known: Any = None
    if out is None:
        known = run_known(group_norm_grad_plan, (dy, x, mean, var, weight), (num_groups, eps))
    if known is not None:
        return known  # type: ignore[no-any-return]
    call = Call(op, ("weight",), float32=("mean", "var"), convert=False, dy=dy, x=x, mean=mean, var=var, weight=weight)
    groups = _groups(op, x, num_groups)
    call.require_shape("dy", dy, x.shape, "the shape of x")
    require_channels(op, x, weight=weight)
    _require_statistics(op, x, groups, mean=mean, var=var)
    tiny, kernels = call.compute_dtype.type(finite(op, "eps", eps, at_least=0)), call.kernels.norm
    (n, c), positions = x.shape[:2], math.prod(x.shape[2:])
    with call.device:
        if call.needs_blocks(x.shape, temporary=2 * n * c):
            call.check_out(x.shape, out)
            if blocks.fit_samples(call, x):
                return blocks.gradients_of_samples(call, group_norm_grad, groups, eps, out)
            return blocks.gradients(call, dy, x, mean, var, weight, tiny, (0, 1), True, out)
        call.convert()
        dy, x, mean, var, weight = call.arrays
        dx = call.output(x.shape, out, coinciding=(dy, x))
        dweight, dbias = (call.output((c,)) for _ in range(2))
        if x.size:
            sums, means = ([call.output(shape) for _ in range(2)] for shape in ((n, c), (n, groups)))
            planes = (1, n * c, positions)
            inverse = inverse_deviations(call, _sets_of(x, groups), mean, var, tiny, True)
            operands = rows_of(dy), rows_of(x), mean, inverse, weight
            # in one pass, unless an intermediate result overflows; dx is written before that is known
            if out is not None or not kernels.sample_gradients(*operands, rows_of(dx), dweight, dbias):
                kernels.gradient_sums(dy.reshape(planes), x.reshape(planes), mean, inverse, *sums)
                kernels.set_means(*sums, weight, c // groups * positions, *means, dweight, dbias)
                kernels.input_grad(*operands, *means, rows_of(dx))
        else:
            dweight[...] = dbias[...] = 0
    arrays = {"dy": dy, "x": x, "mean": mean, "var": var, "weight": weight}
    remember(call, group_norm_grad_plan, arrays, (num_groups, eps))
    return call.finish(dx), call.finish(dweight), call.finish(dbias)


def _statistics(call: Call, x: Array, groups: int) -> tuple[Array, Array]:
    """Mean and variance of each sample's groups of channels, 0 for an empty x."""
    if not call.takes(x):
        return blocks.moments(call, x.reshape(x.shape[0], groups, x.shape[1] // groups, *x.shape[2:]), (0, 1))
    mean, var = (call.output((x.shape[0], groups)) for _ in range(2))
    if x.size:
        call.kernels.norm.moments(_sets_of(x, groups), mean, var)
    else:
        mean[...] = var[...] = 0
    return mean, var


def _sets_of(x: Array, groups: int) -> Array:
    """x as (1, sets, elements of a set), the layout of the reductions."""
    sets: Array = x.reshape(1, x.shape[0] * groups, x.size // (x.shape[0] * groups))
    return sets


def _groups(op: str, x: Array, num_groups: int) -> int:
    groups = positive(op, "num_groups", num_groups)
    if x.ndim < 2:
        raise ValueError(f"{op}: x has shape {x.shape}, expected at least two dimensions (N, C, ...)")
    if x.shape[1] % groups or x.shape[1] == 0:
        raise ValueError(f"{op}: num_groups is {groups}, expected a divisor of the {x.shape[1]} channels of x")
    return groups


def _require_statistics(op: str, x: Array, groups: int, **arrays: Array) -> None:
    for name, a in arrays.items():
        shaped(op, name, a, (x.shape[0], groups), "one for each sample and group")
