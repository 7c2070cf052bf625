"""Pooling layers. Each keeps what its backward pass needs from the last forward pass, and nothing else."""

from collections.abc import Callable
from typing import Any, ClassVar, NamedTuple

from .. import pool
from ..core.arrays import require_array
from ..core.shapes import Padding, Size, several, sides_of
from ..core.typing import Array
from .checks import only
from .module import Module

INDICES = "gpuconv.nn.functional has the indices"


class Passes(NamedTuple):
    """The functions of a pooling."""

    forward: Callable[..., Any]
    input_grad: Callable[..., Array]


class _WindowPool(Module):
    """Pooling over windows along `rank` axes."""

    rank: ClassVar[int]
    passes: ClassVar[Passes]

    def _set_windows(self, kernel_size: Size, stride: Size | None, padding: Padding) -> None:
        """Check the sizes and keep them as they were given, which is how torch.nn shows them."""
        op = type(self).__name__
        kernel = several(op, "kernel_size", kernel_size, self.rank)
        steps = kernel if stride is None else several(op, "stride", stride, self.rank)
        sides_of(op, padding, kernel, steps, (1,) * self.rank)
        self.kernel_size, self.stride, self.padding = kernel_size, kernel_size if stride is None else stride, padding
        self._shape: tuple[int, ...] | None = None


class _MaxPool(_WindowPool):
    """Max pooling along `rank` axes."""

    def __init__(
        self,
        kernel_size: Size,
        stride: Size | None = None,
        padding: Padding = 0,
        dilation: Size = 1,
        return_indices: bool = False,
        ceil_mode: bool = False,
    ) -> None:
        self._set_windows(kernel_size, stride, padding)
        only(type(self).__name__, "return_indices", return_indices, False, INDICES)
        several(type(self).__name__, "dilation", dilation, self.rank)
        self.dilation, self.ceil_mode = dilation, ceil_mode
        self._mask: Array | None = None

    def forward(self, x: Array) -> Array:
        """Take the maximum of each window, and keep its position as the mask."""
        require_array(type(self).__name__, "x", x)
        y: Array
        y, mask = self.passes.forward(x, self.kernel_size, **self._options())
        self._shape, self._mask = x.shape, mask
        return y

    def backward(self, dy: Array, *, input_grad: bool = True) -> Array | None:
        """Route dy to each window's argmax."""
        if not input_grad:
            return None
        shape = self.saved(self._shape)
        return self.passes.input_grad(dy, self._mask, shape, self.kernel_size, **self._options())

    def extra_repr(self) -> str:
        """Return the windows."""
        sizes = f"kernel_size={self.kernel_size}, stride={self.stride}, padding={self.padding}"
        return f"{sizes}, dilation={self.dilation}, ceil_mode={self.ceil_mode}"

    def _options(self) -> dict[str, Any]:
        windows = {"stride": self.stride, "padding": self.padding, "dilation": self.dilation}
        return {**windows, "ceil_mode": self.ceil_mode}


class _AvgPool(_WindowPool):
    """Average pooling along `rank` axes."""

    divisor_override: int | None = None

    def __init__(
        self,
        kernel_size: Size,
        stride: Size | None = None,
        padding: Padding = 0,
        ceil_mode: bool = False,
        count_include_pad: bool = True,
        divisor_override: int | None = None,
        *,
        dilation: Size = 1,
    ) -> None:
        self._set_windows(kernel_size, stride, padding)
        several(type(self).__name__, "dilation", dilation, self.rank)
        self.ceil_mode, self.count_include_pad, self.dilation = ceil_mode, count_include_pad, dilation
        self.divisor_override = divisor_override

    def forward(self, x: Array) -> Array:
        """Take the mean of each window."""
        require_array(type(self).__name__, "x", x)
        y: Array = self.passes.forward(x, self.kernel_size, **self._options())
        self._shape = x.shape
        return y

    def backward(self, dy: Array, *, input_grad: bool = True) -> Array | None:
        """Spread dy evenly over each window."""
        if not input_grad:
            return None
        return self.passes.input_grad(dy, self.saved(self._shape), self.kernel_size, **self._options())

    def extra_repr(self) -> str:
        """Return the windows."""
        dilation = "" if self.dilation == 1 else f", dilation={self.dilation}"
        return f"kernel_size={self.kernel_size}, stride={self.stride}, padding={self.padding}{dilation}"

    def _options(self) -> dict[str, Any]:
        windows = {"stride": self.stride, "padding": self.padding, "dilation": self.dilation}
        options = {**windows, "ceil_mode": self.ceil_mode, "count_include_pad": self.count_include_pad}
        if self.divisor_override is not None:  # which the function of one axis does not take
            options["divisor_override"] = self.divisor_override
        return options


class MaxPool1d(_MaxPool):
    """Max pooling; parameters as for `MaxPool2d`.

    Examples
    --------
    >>> nn.MaxPool1d(2)(np.array([[[1.0, 3.0, 2.0, 0.0]]]))
    array([[[3., 2.]]])
    """

    rank, passes = 1, Passes(pool.max_pool1d, pool.max_pool1d_input_grad)


class MaxPool2d(_MaxPool):
    """Max pooling, (N, C, H, W) to (N, C, P, Q).

    Parameters
    ----------
    kernel_size : int or pair
    stride : int or pair, optional
        Default: kernel_size.
    padding, dilation, ceil_mode
        As for `gpuconv.max_pool2d`.
    return_indices : bool
        Not supported: `gpuconv.nn.functional.max_pool2d` returns indices, `gpuconv.max_pool2d` the mask.

    Examples
    --------
    >>> from gpuconv import nn
    >>> nn.MaxPool2d(3, 2, 1)
    MaxPool2d(kernel_size=3, stride=2, padding=1, dilation=1, ceil_mode=False)
    """

    rank, passes = 2, Passes(pool.max_pool2d, pool.max_pool2d_input_grad)


class MaxPool3d(_MaxPool):
    """Max pooling; parameters as for `MaxPool2d`.

    Examples
    --------
    >>> nn.MaxPool3d(2)(np.arange(8.0).reshape(1, 1, 2, 2, 2))
    array([[[[[7.]]]]])
    """

    rank, passes = 3, Passes(pool.max_pool3d, pool.max_pool3d_input_grad)


class AvgPool1d(_AvgPool):
    """Average pooling; parameters as for `gpuconv.avg_pool1d`.

    Examples
    --------
    >>> nn.AvgPool1d(2)(np.array([[[1.0, 3.0, 2.0, 0.0]]]))
    array([[[2., 1.]]])
    """

    rank, passes = 1, Passes(pool.avg_pool1d, pool.avg_pool1d_input_grad)

    def __init__(
        self,
        kernel_size: Size,
        stride: Size | None = None,
        padding: Padding = 0,
        ceil_mode: bool = False,
        count_include_pad: bool = True,
        *,
        dilation: Size = 1,
    ) -> None:
        super().__init__(kernel_size, stride, padding, ceil_mode, count_include_pad, dilation=dilation)

    def extra_repr(self) -> str:
        """Return the windows, as tuples of one."""
        sizes = [("kernel_size", self.kernel_size), ("stride", self.stride), ("padding", self.padding)]
        sizes += [("dilation", self.dilation)] * (self.dilation != 1)
        return ", ".join(f"{name}={(size,) if isinstance(size, int) else size}" for name, size in sizes)


class AvgPool2d(_AvgPool):
    """Average pooling; parameters as for `gpuconv.avg_pool2d`.

    Examples
    --------
    >>> nn.AvgPool2d(2)(np.arange(16.0).reshape(1, 1, 4, 4))
    array([[[[ 2.5,  4.5],
             [10.5, 12.5]]]])
    """

    rank, passes = 2, Passes(pool.avg_pool2d, pool.avg_pool2d_input_grad)


class AvgPool3d(_AvgPool):
    """Average pooling; parameters as for `gpuconv.avg_pool3d`.

    Examples
    --------
    >>> nn.AvgPool3d(2)(np.arange(8.0).reshape(1, 1, 2, 2, 2))
    array([[[[[3.5]]]]])
    """

    rank, passes = 3, Passes(pool.avg_pool3d, pool.avg_pool3d_input_grad)
