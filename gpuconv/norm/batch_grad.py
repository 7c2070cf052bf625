"""Gradients of batch normalization, for NumPy and CuPy arrays."""

from typing import Any

from ..core.call import Call
from ..core.device import Array, array_module
from ..core.options import finite, flag
from ..core.plan import run_known
from . import blocks
from .batch import inverse_deviations, require_channels, require_layout, rows_of
from .plans import batch_norm_grad_plan, remember


def batch_norm1d_grad(
    dy: Array, x: Array, mean: Array, var: Array, weight: Array | None = None, *,
    training: bool = False, eps: float = 1e-5, out: Array | None = None,
) -> tuple[Array, Array, Array]:  # fmt: skip
    """Gradients of `batch_norm1d`; everything else as for `batch_norm2d_grad`.

    Examples
    --------
    >>> x, dy = np.array([[1.0], [3.0]]), np.array([[1.0], [0.0]])
    >>> mean, var = gpuconv.batch_norm_statistics(x)
    >>> dx, dweight, dbias = gpuconv.batch_norm1d_grad(dy, x, mean, var, np.ones(1), training=True)
    >>> dweight.round(4), dbias
    (array([-1.]), array([1.]))
    """
    return _batch_norm_grad("batch_norm1d_grad", dy, x, mean, var, weight, training, eps, out)


def batch_norm2d_grad(
    dy: Array,
    x: Array,
    mean: Array,
    var: Array,
    weight: Array | None = None,
    *,
    training: bool = False,
    eps: float = 1e-5,
    out: Array | None = None,
) -> tuple[Array, Array, Array]:
    """dx, dweight and dbias.

    With xhat = (x - mean) / sqrt(var + eps): dbias = sum dy, dweight = sum dy xhat, and in training
    dx = weight (dy - mean(dy) - xhat mean(dy xhat)) / sqrt(var + eps); else weight dy / sqrt(var + eps).

    Parameters
    ----------
    dy, x : array (N, C, H, W), float16, bfloat16, float32 or float64
        Gradient of the result, and the argument of the forward call.
    mean, var : array (C,)
        What the forward call normalized with: in training from `batch_norm_statistics`, else the running statistics.
    weight : array (C,), optional
        Default: 1.
    training : bool
        Whether the statistics depend on x.
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
    >>> x = np.arange(8.0).reshape(1, 2, 2, 2)
    >>> mean, var = gpuconv.batch_norm_statistics(x)
    >>> dx, dweight, dbias = gpuconv.batch_norm2d_grad(np.ones_like(x), x, mean, var, np.ones(2), training=True)
    >>> dbias
    array([4., 4.])
    """
    return _batch_norm_grad("batch_norm2d_grad", dy, x, mean, var, weight, training, eps, out)


def batch_norm3d_grad(
    dy: Array, x: Array, mean: Array, var: Array, weight: Array | None = None, *,
    training: bool = False, eps: float = 1e-5, out: Array | None = None,
) -> tuple[Array, Array, Array]:  # fmt: skip
    """Gradients of `batch_norm3d`; everything else as for `batch_norm2d_grad`.

    Examples
    --------
    >>> x = np.arange(4.0).reshape(1, 1, 1, 2, 2)
    >>> mean, var = gpuconv.batch_norm_statistics(x)
    >>> dx, dweight, dbias = gpuconv.batch_norm3d_grad(np.ones_like(x), x, mean, var, np.ones(1), training=True)
    >>> dbias
    array([4.])
    """
    return _batch_norm_grad("batch_norm3d_grad", dy, x, mean, var, weight, training, eps, out)


def _batch_norm_grad(
    op: str,
    dy: Array,
    x: Array,
    mean: Array,
    var: Array,
    weight: Array | None,
    training: bool,
    eps: float,
    out: Array | None,
) -> tuple[Array, Array, Array]:
    options = op, training, eps
    known: Any = run_known(batch_norm_grad_plan, (dy, x, mean, var, weight), options) if out is None else None
    if known is not None:
        return known  # type: ignore[no-any-return]
    call = Call(op, ("weight",), float32=("mean", "var"), convert=False, dy=dy, x=x, mean=mean, var=var, weight=weight)
    require_layout(op, "x", x)
    call.require_shape("dy", dy, x.shape, "the shape of x")
    require_channels(op, x, mean=mean, var=var, weight=weight)
    tiny, kernels = call.compute_dtype.type(finite(op, "eps", eps, at_least=0)), call.kernels.norm
    batch_statistics = flag(op, "training", training)
    with call.device:
        kept = 2 * call.keeps(dy, x)
        if not kept and call.needs_blocks(x.shape):
            call.check_out(x.shape, out)
            return blocks.gradients(call, dy, x, mean[None], var[None], weight, tiny, (1,), batch_statistics, out)
        call.convert(kept)
        dy, x, mean, var, weight = call.arrays
        dx = call.output(x.shape, out, coinciding=(dy, x), dtype=call.dtype if kept else None)
        # sums of dy and dy xhat per channel, from them dweight, dbias and the means
        sums, means = ([call.output((1, x.shape[1])) for _ in range(2)] for _ in range(2))
        dweight, dbias = (call.output(x.shape[1:2]) for _ in range(2))
        terms = max(x.size // max(x.shape[1], 1), 1)
        inverse = inverse_deviations(call, rows_of(x), mean, var, tiny, batch_statistics)
        statistics = mean.reshape(1, -1), inverse.reshape(1, -1)
        kernels.gradient_sums(rows_of(dy), rows_of(x), *statistics, *sums)
        kernels.set_means(*sums, weight, terms, *means, dweight, dbias)
        # dx, through the batch statistics if they depend on x
        if batch_statistics:
            kernels.input_grad(rows_of(dy), rows_of(x), *statistics, weight, *means, rows_of(dx))
        else:
            zeros = array_module(mean).zeros_like(statistics[0])
            kernels.normalize(rows_of(dy), zeros, statistics[1], weight, None, rows_of(dx))
    operands = {"dy": dy, "x": x, "mean": mean, "var": var, "weight": weight}
    remember(call, batch_norm_grad_plan, operands, options)
    return call.finish(dx), call.finish(dweight), call.finish(dbias)
