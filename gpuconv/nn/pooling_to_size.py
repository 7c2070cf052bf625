"""Pooling layers that are given the size of their output, or pool whole planes."""

from typing import Any, ClassVar

from .. import pool
from ..core.arrays import require_array
from ..core.typing import Array
from ..pool.to_size import OutputSize
from .checks import only
from .module import Module
from .pooling import INDICES, Passes


class _SizedPool(Module):
    """Pooling to an output of a given size."""

    passes: ClassVar[Passes]

    def __init__(self, *size: Any) -> None:
        self._size = size
        self._indices: tuple[Array, ...] = ()
        self._shape: tuple[int, ...] | None = None

    def forward(self, x: Array) -> Array:
        """Take the mean or the maximum of each window; the positions of maxima are kept."""
        require_array(type(self).__name__, "x", x)
        result: Any = self.passes.forward(x, *self._size)
        y, *indices = result if isinstance(result, tuple) else (result,)
        self._shape, self._indices = x.shape, tuple(indices)
        pooled: Array = y
        return pooled

    def backward(self, dy: Array, *, input_grad: bool = True) -> Array | None:
        """Spread dy evenly over each window, or route it to the maximum."""
        shape = self.saved(self._shape)
        return self.passes.input_grad(dy, *self._indices, shape) if input_grad else None


class _AdaptiveAvgPool(_SizedPool):
    """Average pooling to a size."""

    def __init__(self, output_size: OutputSize) -> None:
        super().__init__(output_size)
        self.output_size = output_size

    def extra_repr(self) -> str:
        """Return the size of the output."""
        return f"output_size={self.output_size}"


class _AdaptiveMaxPool(_AdaptiveAvgPool):
    """Max pooling to a size."""

    def __init__(self, output_size: OutputSize, return_indices: bool = False) -> None:
        only(type(self).__name__, "return_indices", return_indices, False, INDICES)
        super().__init__(output_size)


class _GlobalPool(_SizedPool):
    """Pooling of whole planes."""

    def __init__(self) -> None:
        super().__init__()


class AdaptiveAvgPool1d(_AdaptiveAvgPool):
    """Average pooling to a size; parameters as for `gpuconv.adaptive_avg_pool1d`.

    Examples
    --------
    >>> nn.AdaptiveAvgPool1d(2)(np.arange(5.0).reshape(1, 1, 5))
    array([[[1., 3.]]])
    """

    passes = Passes(pool.adaptive_avg_pool1d, pool.adaptive_avg_pool1d_input_grad)


class AdaptiveAvgPool2d(_AdaptiveAvgPool):
    """Average pooling to a size; parameters as for `gpuconv.adaptive_avg_pool2d`.

    Examples
    --------
    >>> nn.AdaptiveAvgPool2d((2, 1))(np.arange(16.0).reshape(1, 1, 4, 4))
    array([[[[ 3.5],
             [11.5]]]])
    """

    passes = Passes(pool.adaptive_avg_pool2d, pool.adaptive_avg_pool2d_input_grad)


class AdaptiveAvgPool3d(_AdaptiveAvgPool):
    """Average pooling to a size; parameters as for `gpuconv.adaptive_avg_pool3d`.

    Examples
    --------
    >>> nn.AdaptiveAvgPool3d(1)(np.arange(8.0).reshape(1, 1, 2, 2, 2))
    array([[[[[3.5]]]]])
    """

    passes = Passes(pool.adaptive_avg_pool3d, pool.adaptive_avg_pool3d_input_grad)


class AdaptiveMaxPool1d(_AdaptiveMaxPool):
    """Max pooling to a size; parameters as for `gpuconv.adaptive_max_pool1d`.

    Examples
    --------
    >>> nn.AdaptiveMaxPool1d(2)(np.arange(5.0).reshape(1, 1, 5))
    array([[[2., 4.]]])
    """

    passes = Passes(pool.adaptive_max_pool1d, pool.adaptive_max_pool1d_input_grad)


class AdaptiveMaxPool2d(_AdaptiveMaxPool):
    """Max pooling to a size; parameters as for `gpuconv.adaptive_max_pool2d`.

    Examples
    --------
    >>> nn.AdaptiveMaxPool2d(1)(np.arange(16.0).reshape(1, 1, 4, 4))
    array([[[[15.]]]])
    """

    passes = Passes(pool.adaptive_max_pool2d, pool.adaptive_max_pool2d_input_grad)


class AdaptiveMaxPool3d(_AdaptiveMaxPool):
    """Max pooling to a size; parameters as for `gpuconv.adaptive_max_pool3d`.

    Examples
    --------
    >>> nn.AdaptiveMaxPool3d(1)(np.arange(8.0).reshape(1, 1, 2, 2, 2))
    array([[[[[7.]]]]])
    """

    passes = Passes(pool.adaptive_max_pool3d, pool.adaptive_max_pool3d_input_grad)


class GlobalAvgPool1d(_GlobalPool):
    """Average of each whole row: `gpuconv.global_avg_pool1d`.

    Examples
    --------
    >>> nn.GlobalAvgPool1d()(np.arange(5.0).reshape(1, 1, 5))
    array([[[2.]]])
    """

    passes = Passes(pool.global_avg_pool1d, pool.global_avg_pool1d_input_grad)


class GlobalAvgPool2d(_GlobalPool):
    """Average of each whole plane: `gpuconv.global_avg_pool2d`.

    Examples
    --------
    >>> nn.GlobalAvgPool2d()(np.arange(16.0).reshape(1, 1, 4, 4))
    array([[[[7.5]]]])
    """

    passes = Passes(pool.global_avg_pool2d, pool.global_avg_pool2d_input_grad)


class GlobalAvgPool3d(_GlobalPool):
    """Average of each whole volume: `gpuconv.global_avg_pool3d`.

    Examples
    --------
    >>> nn.GlobalAvgPool3d()(np.arange(8.0).reshape(1, 1, 2, 2, 2))
    array([[[[[3.5]]]]])
    """

    passes = Passes(pool.global_avg_pool3d, pool.global_avg_pool3d_input_grad)


class GlobalMaxPool1d(_GlobalPool):
    """Maximum of each whole row: `gpuconv.global_max_pool1d`.

    Examples
    --------
    >>> nn.GlobalMaxPool1d()(np.arange(5.0).reshape(1, 1, 5))
    array([[[4.]]])
    """

    passes = Passes(pool.global_max_pool1d, pool.global_max_pool1d_input_grad)


class GlobalMaxPool2d(_GlobalPool):
    """Maximum of each whole plane: `gpuconv.global_max_pool2d`.

    Examples
    --------
    >>> nn.GlobalMaxPool2d()(np.arange(16.0).reshape(1, 1, 4, 4))
    array([[[[15.]]]])
    """

    passes = Passes(pool.global_max_pool2d, pool.global_max_pool2d_input_grad)


class GlobalMaxPool3d(_GlobalPool):
    """Maximum of each whole volume: `gpuconv.global_max_pool3d`.

    Examples
    --------
    >>> nn.GlobalMaxPool3d()(np.arange(8.0).reshape(1, 1, 2, 2, 2))
    array([[[[[7.]]]]])
    """

    passes = Passes(pool.global_max_pool3d, pool.global_max_pool3d_input_grad)
