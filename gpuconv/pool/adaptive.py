"""Adaptive average and max pooling to a fixed output size."""

from collections.abc import Sequence

from ..core.device import Array
from .to_size import OutputSize, pool_to_maxima, pool_to_maxima_input_grad, pool_to_means, pool_to_means_input_grad


def adaptive_avg_pool2d(x: Array, output_size: OutputSize, *, out: Array | None = None) -> Array:
    """The mean of each of P x Q windows, whatever the size of x.

    Parameters
    ----------
    x : array (N, C, H, W), float16, bfloat16, float32 or float64
    output_size : int, None or a pair of them
        P and Q; None keeps the size of x.
    out : array (N, C, P, Q), optional
        Memory for the result; must not overlap x.

    Returns
    -------
    array (N, C, P, Q)

    Notes
    -----
    Window i of P over H positions is floor(i H / P) to ceil((i + 1) H / P), as in PyTorch: they may overlap, and differ
    by one in size. Deterministic. Errors: docs/errors.md.

    Examples
    --------
    >>> gpuconv.adaptive_avg_pool2d(np.arange(16.0).reshape(1, 1, 4, 4), (2, 1))
    array([[[[ 3.5],
             [11.5]]]])
    """
    return pool_to_means("adaptive_avg_pool2d", 2, x, output_size, out)


def adaptive_avg_pool2d_input_grad(dy: Array, input_shape: Sequence[int], *, out: Array | None = None) -> Array:
    """dx: each output gradient is spread evenly over its window.

    Parameters
    ----------
    dy : array (N, C, P, Q), float16, bfloat16, float32 or float64
        Its shape says what the output size was.
    input_shape : (N, C, H, W)
    out : array (N, C, H, W), optional
        Memory for the result; must not overlap dy.

    Returns
    -------
    array (N, C, H, W)

    Notes
    -----
    Each input gathers from the windows that cover it, without atomics: deterministic. Errors: docs/errors.md.

    Examples
    --------
    >>> gpuconv.adaptive_avg_pool2d_input_grad(np.array([[[[8.0], [16.0]]]]), (1, 1, 4, 4))
    array([[[[1., 1., 1., 1.],
             [1., 1., 1., 1.],
             [2., 2., 2., 2.],
             [2., 2., 2., 2.]]]])
    """
    return pool_to_means_input_grad("adaptive_avg_pool2d_input_grad", 2, dy, input_shape, out)


def adaptive_max_pool2d(x: Array, output_size: OutputSize) -> tuple[Array, Array]:
    """Maximum of each of P x Q windows, and its index.

    Parameters
    ----------
    x : array (N, C, H, W), float16, bfloat16, float32 or float64
    output_size : int, None or a pair of them
        P and Q; None keeps the size of x.

    Returns
    -------
    y : array (N, C, P, Q)
    indices : array (N, C, P, Q), int64
        Position of each maximum in its plane, h * W + w. The windows are of several sizes, so there is no mask of
        positions inside them; these are the indices that PyTorch returns and `max_unpool2d` takes.

    Notes
    -----
    Windows as for `adaptive_avg_pool2d`; ties and NaN as for `max_pool2d`. Deterministic. Errors: docs/errors.md.

    Examples
    --------
    >>> y, indices = gpuconv.adaptive_max_pool2d(np.arange(16.0).reshape(1, 1, 4, 4), (2, 1))
    >>> y.ravel(), indices.ravel()
    (array([ 7., 15.]), array([ 7, 15]))
    """
    return pool_to_maxima("adaptive_max_pool2d", 2, x, output_size)


def adaptive_max_pool2d_input_grad(
    dy: Array, indices: Array, input_shape: Sequence[int], *, out: Array | None = None
) -> Array:
    """dx: each input collects the gradients of the windows it won.

    Parameters
    ----------
    dy : array (N, C, P, Q), float16, bfloat16, float32 or float64
    indices : array (N, C, P, Q), integer
        As adaptive_max_pool2d returned them; one outside its window is ignored.
    input_shape : (N, C, H, W)
    out : array (N, C, H, W), optional
        Memory for the result; must not overlap dy or indices.

    Returns
    -------
    array (N, C, H, W)

    Raises
    ------
    ValueError
        If an index lies outside its plane.

    Notes
    -----
    Each input gathers from the windows that cover it, without atomics: deterministic. Errors: docs/errors.md.

    Examples
    --------
    >>> y, indices = gpuconv.adaptive_max_pool2d(np.arange(4.0).reshape(1, 1, 2, 2), 1)
    >>> gpuconv.adaptive_max_pool2d_input_grad(np.ones_like(y), indices, (1, 1, 2, 2))
    array([[[[0., 0.],
             [0., 1.]]]])
    """
    return pool_to_maxima_input_grad("adaptive_max_pool2d_input_grad", 2, dy, indices, input_shape, out)


def adaptive_avg_pool1d(x: Array, output_size: OutputSize, *, out: Array | None = None) -> Array:
    """From x (N, C, W) to (N, C, Q); everything else as for `adaptive_avg_pool2d`.

    Examples
    --------
    >>> gpuconv.adaptive_avg_pool1d(np.arange(5.0).reshape(1, 1, 5), 2)
    array([[[1., 3.]]])
    """
    return pool_to_means("adaptive_avg_pool1d", 1, x, output_size, out)


def adaptive_avg_pool1d_input_grad(dy: Array, input_shape: Sequence[int], *, out: Array | None = None) -> Array:
    """dx (N, C, W) from dy (N, C, Q); everything else as for `adaptive_avg_pool2d_input_grad`.

    Examples
    --------
    >>> gpuconv.adaptive_avg_pool1d_input_grad(np.array([[[3.0, 6.0]]]), (1, 1, 5))
    array([[[1., 1., 3., 2., 2.]]])
    """
    return pool_to_means_input_grad("adaptive_avg_pool1d_input_grad", 1, dy, input_shape, out)


def adaptive_max_pool1d(x: Array, output_size: OutputSize) -> tuple[Array, Array]:
    """From x (N, C, W) to (N, C, Q); everything else as for `adaptive_max_pool2d`.

    Examples
    --------
    >>> y, indices = gpuconv.adaptive_max_pool1d(np.array([[[1.0, 3.0, 2.0, 0.0, 5.0]]]), 2)
    >>> y, indices
    (array([[[3., 5.]]]), array([[[1, 4]]]))
    """
    return pool_to_maxima("adaptive_max_pool1d", 1, x, output_size)


def adaptive_max_pool1d_input_grad(
    dy: Array, indices: Array, input_shape: Sequence[int], *, out: Array | None = None
) -> Array:
    """dx (N, C, W) from dy (N, C, Q); everything else as for `adaptive_max_pool2d_input_grad`.

    Examples
    --------
    >>> _, indices = gpuconv.adaptive_max_pool1d(np.array([[[1.0, 3.0, 2.0, 0.0, 5.0]]]), 2)
    >>> gpuconv.adaptive_max_pool1d_input_grad(np.array([[[10.0, 20.0]]]), indices, (1, 1, 5))
    array([[[ 0., 10.,  0.,  0., 20.]]])
    """
    return pool_to_maxima_input_grad("adaptive_max_pool1d_input_grad", 1, dy, indices, input_shape, out)


def adaptive_avg_pool3d(x: Array, output_size: OutputSize, *, out: Array | None = None) -> Array:
    """From x (N, C, D, H, W) to (N, C, Z, P, Q); everything else as for `adaptive_avg_pool2d`.

    Examples
    --------
    >>> gpuconv.adaptive_avg_pool3d(np.arange(8.0).reshape(1, 1, 2, 2, 2), (2, 1, 1)).ravel()
    array([1.5, 5.5])
    """
    return pool_to_means("adaptive_avg_pool3d", 3, x, output_size, out)


def adaptive_avg_pool3d_input_grad(dy: Array, input_shape: Sequence[int], *, out: Array | None = None) -> Array:
    """dx (N, C, D, H, W) from dy (N, C, Z, P, Q); everything else as for `adaptive_avg_pool2d_input_grad`.

    Examples
    --------
    >>> gpuconv.adaptive_avg_pool3d_input_grad(np.full((1, 1, 1, 1, 1), 8.0), (1, 1, 2, 2, 2)).ravel()
    array([1., 1., 1., 1., 1., 1., 1., 1.])
    """
    return pool_to_means_input_grad("adaptive_avg_pool3d_input_grad", 3, dy, input_shape, out)


def adaptive_max_pool3d(x: Array, output_size: OutputSize) -> tuple[Array, Array]:
    """From x (N, C, D, H, W) to (N, C, Z, P, Q); everything else as for `adaptive_max_pool2d`.

    Examples
    --------
    >>> y, indices = gpuconv.adaptive_max_pool3d(np.arange(8.0).reshape(1, 1, 2, 2, 2), (2, 1, 1))
    >>> y.ravel(), indices.ravel()
    (array([3., 7.]), array([3, 7]))
    """
    return pool_to_maxima("adaptive_max_pool3d", 3, x, output_size)


def adaptive_max_pool3d_input_grad(
    dy: Array, indices: Array, input_shape: Sequence[int], *, out: Array | None = None
) -> Array:
    """dx (N, C, D, H, W) from dy (N, C, Z, P, Q); everything else as for `adaptive_max_pool2d_input_grad`.

    Examples
    --------
    >>> y, indices = gpuconv.adaptive_max_pool3d(np.arange(8.0).reshape(1, 1, 2, 2, 2), 1)
    >>> gpuconv.adaptive_max_pool3d_input_grad(np.ones_like(y), indices, (1, 1, 2, 2, 2)).ravel()
    array([0., 0., 0., 0., 0., 0., 0., 1.])
    """
    return pool_to_maxima_input_grad("adaptive_max_pool3d_input_grad", 3, dy, indices, input_shape, out)
