"""Global average and max pooling: one value per channel and sample."""

from collections.abc import Sequence

from ..core.device import Array
from .to_size import pool_to_maxima, pool_to_maxima_input_grad, pool_to_means, pool_to_means_input_grad


def global_avg_pool2d(x: Array, *, out: Array | None = None) -> Array:
    """The mean of each plane: adaptive_avg_pool2d(x, 1).

    Parameters
    ----------
    x : array (N, C, H, W), float16, bfloat16, float32 or float64
    out : array (N, C, 1, 1), optional
        Memory for the result; must not overlap x.

    Returns
    -------
    array (N, C, 1, 1)

    Notes
    -----
    Deterministic. Errors: docs/errors.md.

    Examples
    --------
    >>> gpuconv.global_avg_pool2d(np.arange(16.0).reshape(1, 1, 4, 4))
    array([[[[7.5]]]])
    """
    return pool_to_means("global_avg_pool2d", 2, x, 1, out)


def global_avg_pool2d_input_grad(dy: Array, input_shape: Sequence[int], *, out: Array | None = None) -> Array:
    """dx: each plane is filled with its gradient / (H W).

    Parameters
    ----------
    dy : array (N, C, 1, 1), float16, bfloat16, float32 or float64
    input_shape : (N, C, H, W)
    out : array (N, C, H, W), optional
        Memory for the result; must not overlap dy.

    Returns
    -------
    array (N, C, H, W)

    Notes
    -----
    Deterministic. Errors: docs/errors.md.

    Examples
    --------
    >>> gpuconv.global_avg_pool2d_input_grad(np.array([[[[4.0]]]]), (1, 1, 2, 2))
    array([[[[1., 1.],
             [1., 1.]]]])
    """
    return pool_to_means_input_grad("global_avg_pool2d_input_grad", 2, dy, input_shape, out, windows=1)


def global_max_pool2d(x: Array) -> tuple[Array, Array]:
    """Maximum of each plane, and its index: adaptive_max_pool2d(x, 1).

    Parameters
    ----------
    x : array (N, C, H, W), float16, bfloat16, float32 or float64

    Returns
    -------
    y : array (N, C, 1, 1)
    indices : array (N, C, 1, 1), int64
        Position of the winner in its plane, h * W + w.

    Notes
    -----
    Ties and NaN as for `max_pool2d`. Deterministic. Errors: docs/errors.md.

    Examples
    --------
    >>> y, indices = gpuconv.global_max_pool2d(np.array([[[[1.0, 3.0], [2.0, 0.0]]]]))
    >>> y, indices
    (array([[[[3.]]]]), array([[[[1]]]]))
    """
    return pool_to_maxima("global_max_pool2d", 2, x, 1)


def global_max_pool2d_input_grad(
    dy: Array, indices: Array, input_shape: Sequence[int], *, out: Array | None = None
) -> Array:
    """dx: dy is routed to the maximum of each plane.

    Parameters
    ----------
    dy : array (N, C, 1, 1), float16, bfloat16, float32 or float64
    indices : array (N, C, 1, 1), integer
        As global_max_pool2d returned them.
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
    Deterministic. Errors: docs/errors.md.

    Examples
    --------
    >>> _, indices = gpuconv.global_max_pool2d(np.array([[[[1.0, 3.0], [2.0, 0.0]]]]))
    >>> gpuconv.global_max_pool2d_input_grad(np.array([[[[5.0]]]]), indices, (1, 1, 2, 2))
    array([[[[0., 5.],
             [0., 0.]]]])
    """
    return pool_to_maxima_input_grad("global_max_pool2d_input_grad", 2, dy, indices, input_shape, out, windows=1)


def global_avg_pool1d(x: Array, *, out: Array | None = None) -> Array:
    """From x (N, C, W) to (N, C, 1); everything else as for `global_avg_pool2d`.

    Examples
    --------
    >>> gpuconv.global_avg_pool1d(np.arange(5.0).reshape(1, 1, 5))
    array([[[2.]]])
    """
    return pool_to_means("global_avg_pool1d", 1, x, 1, out)


def global_avg_pool1d_input_grad(dy: Array, input_shape: Sequence[int], *, out: Array | None = None) -> Array:
    """dx (N, C, W) from dy (N, C, 1); everything else as for `global_avg_pool2d_input_grad`.

    Examples
    --------
    >>> gpuconv.global_avg_pool1d_input_grad(np.array([[[5.0]]]), (1, 1, 5))
    array([[[1., 1., 1., 1., 1.]]])
    """
    return pool_to_means_input_grad("global_avg_pool1d_input_grad", 1, dy, input_shape, out, windows=1)


def global_max_pool1d(x: Array) -> tuple[Array, Array]:
    """From x (N, C, W) to (N, C, 1); everything else as for `global_max_pool2d`.

    Examples
    --------
    >>> y, indices = gpuconv.global_max_pool1d(np.array([[[1.0, 3.0, 2.0]]]))
    >>> y, indices
    (array([[[3.]]]), array([[[1]]]))
    """
    return pool_to_maxima("global_max_pool1d", 1, x, 1)


def global_max_pool1d_input_grad(
    dy: Array, indices: Array, input_shape: Sequence[int], *, out: Array | None = None
) -> Array:
    """dx (N, C, W) from dy (N, C, 1); everything else as for `global_max_pool2d_input_grad`.

    Examples
    --------
    >>> _, indices = gpuconv.global_max_pool1d(np.array([[[1.0, 3.0, 2.0]]]))
    >>> gpuconv.global_max_pool1d_input_grad(np.array([[[5.0]]]), indices, (1, 1, 3))
    array([[[0., 5., 0.]]])
    """
    return pool_to_maxima_input_grad("global_max_pool1d_input_grad", 1, dy, indices, input_shape, out, windows=1)


def global_avg_pool3d(x: Array, *, out: Array | None = None) -> Array:
    """From x (N, C, D, H, W) to (N, C, 1, 1, 1); everything else as for `global_avg_pool2d`.

    Examples
    --------
    >>> gpuconv.global_avg_pool3d(np.arange(8.0).reshape(1, 1, 2, 2, 2))
    array([[[[[3.5]]]]])
    """
    return pool_to_means("global_avg_pool3d", 3, x, 1, out)


def global_avg_pool3d_input_grad(dy: Array, input_shape: Sequence[int], *, out: Array | None = None) -> Array:
    """dx (N, C, D, H, W) from dy (N, C, 1, 1, 1); everything else as for `global_avg_pool2d_input_grad`.

    Examples
    --------
    >>> gpuconv.global_avg_pool3d_input_grad(np.full((1, 1, 1, 1, 1), 8.0), (1, 1, 2, 2, 2)).ravel()
    array([1., 1., 1., 1., 1., 1., 1., 1.])
    """
    return pool_to_means_input_grad("global_avg_pool3d_input_grad", 3, dy, input_shape, out, windows=1)


def global_max_pool3d(x: Array) -> tuple[Array, Array]:
    """From x (N, C, D, H, W) to (N, C, 1, 1, 1); everything else as for `global_max_pool2d`.

    Examples
    --------
    >>> y, indices = gpuconv.global_max_pool3d(np.arange(8.0).reshape(1, 1, 2, 2, 2))
    >>> y.item(), indices.item()
    (7.0, 7)
    """
    return pool_to_maxima("global_max_pool3d", 3, x, 1)


def global_max_pool3d_input_grad(
    dy: Array, indices: Array, input_shape: Sequence[int], *, out: Array | None = None
) -> Array:
    """dx (N, C, D, H, W) from dy (N, C, 1, 1, 1); everything else as for `global_max_pool2d_input_grad`.

    Examples
    --------
    >>> _, indices = gpuconv.global_max_pool3d(np.arange(8.0).reshape(1, 1, 2, 2, 2))
    >>> gpuconv.global_max_pool3d_input_grad(np.ones((1, 1, 1, 1, 1)), indices, (1, 1, 2, 2, 2)).ravel()
    array([0., 0., 0., 0., 0., 0., 0., 1.])
    """
    return pool_to_maxima_input_grad("global_max_pool3d_input_grad", 3, dy, indices, input_shape, out, windows=1)
