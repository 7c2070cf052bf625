"""Pooling layers. Each keeps what its backward pass needs from the last forward pass, and nothing else."""

from typing import Any, ClassVar

from .. import pool
from ..core.device import Array
from ..core.shapes import Padding, Size, several
from ..pool.adaptive import OutputSize
from .module import Module


class _MaxPool(Module):
    """Maximum pooling along `rank` axes."""

    rank: ClassVar[int]

    def __init__(
        self,
        kernel_size: Size,
        *,
        stride: Size | None = None,
        padding: Padding = 0,
        dilation: Size = 1,
        ceil_mode: bool = False,
    ) -> None:
        self.kernel_size = several(type(self).__name__, "kernel_size", kernel_size, self.rank)
        self.options: dict[str, Any] = {
            "stride": stride,
            "padding": padding,
            "dilation": dilation,
            "ceil_mode": ceil_mode,
        }
        self._mask: Array | None = None
        self._shape: tuple[int, ...] | None = None

    def forward(self, x: Array) -> Array:
        """The largest of each window; where it was stays behind as the mask."""
        self._shape = x.shape
        y, self._mask = getattr(pool, f"max_pool{self.rank}d")(x, self.kernel_size, **self.options)
        return y

    def backward(self, dy: Array, *, input_grad: bool = True) -> Array | None:
        """The winners get it all."""
        if not input_grad:
            return None
        gradient = getattr(pool, f"max_pool{self.rank}d_input_grad")
        return gradient(dy, self.saved(self._mask), self.saved(self._shape), self.kernel_size, **self.options)


class _AvgPool(Module):
    """Average pooling along `rank` axes."""

    rank: ClassVar[int]

    def __init__(
        self,
        kernel_size: Size,
        *,
        stride: Size | None = None,
        padding: Padding = 0,
        ceil_mode: bool = False,
        count_include_pad: bool = True,
        divisor_override: int | None = None,
    ) -> None:
        self.kernel_size = several(type(self).__name__, "kernel_size", kernel_size, self.rank)
        self.options: dict[str, Any] = {
            "stride": stride,
            "padding": padding,
            "ceil_mode": ceil_mode,
            "count_include_pad": count_include_pad,
        }
        if divisor_override is not None:  # which the function of one axis does not take
            self.options["divisor_override"] = divisor_override
        self._shape: tuple[int, ...] | None = None

    def forward(self, x: Array) -> Array:
        """The mean of each window."""
        self._shape = x.shape
        return getattr(pool, f"avg_pool{self.rank}d")(x, self.kernel_size, **self.options)

    def backward(self, dy: Array, *, input_grad: bool = True) -> Array | None:
        """Spread evenly."""
        if not input_grad:
            return None
        gradient = getattr(pool, f"avg_pool{self.rank}d_input_grad")
        return gradient(dy, self.saved(self._shape), self.kernel_size, **self.options)


class _ToSize(Module):
    """Pooling to an output of a given size; `operation` is the function's name."""

    operation: ClassVar[str]

    def __init__(self, *size: Any) -> None:
        self._size = size
        self._indices: tuple[Array, ...] = ()
        self._shape: tuple[int, ...] | None = None

    def forward(self, x: Array) -> Array:
        """A number for each window; of maxima, where they were stays behind."""
        self._shape = x.shape
        result = getattr(pool, self.operation)(x, *self._size)
        if not isinstance(result, tuple):
            return result
        self._indices = result[1:]
        return result[0]

    def backward(self, dy: Array, *, input_grad: bool = True) -> Array | None:
        """Spread evenly, or to the winners alone."""
        shape = self.saved(self._shape)
        return getattr(pool, f"{self.operation}_input_grad")(dy, *self._indices, shape) if input_grad else None


class _Adaptive(_ToSize):
    """Parameters as for the function."""

    def __init__(self, output_size: OutputSize) -> None:
        super().__init__(output_size)


class _Global(_ToSize):
    """No parameters."""

    def __init__(self) -> None:
        super().__init__()


class MaxPool1d(_MaxPool):
    """Maximum pooling; parameters as for `gpuconv.max_pool1d`."""

    rank = 1


class MaxPool2d(_MaxPool):
    """Maximum pooling; parameters as for `gpuconv.max_pool2d`."""

    rank = 2


class MaxPool3d(_MaxPool):
    """Maximum pooling; parameters as for `gpuconv.max_pool3d`."""

    rank = 3


class AvgPool1d(_AvgPool):
    """Average pooling; parameters as for `gpuconv.avg_pool1d`."""

    rank = 1


class AvgPool2d(_AvgPool):
    """Average pooling; parameters as for `gpuconv.avg_pool2d`."""

    rank = 2


class AvgPool3d(_AvgPool):
    """Average pooling; parameters as for `gpuconv.avg_pool3d`."""

    rank = 3


class AdaptiveAvgPool1d(_Adaptive):
    """Averages to a size; the parameter as for `gpuconv.adaptive_avg_pool1d`."""

    operation = "adaptive_avg_pool1d"


class AdaptiveAvgPool2d(_Adaptive):
    """Averages to a size; the parameter as for `gpuconv.adaptive_avg_pool2d`."""

    operation = "adaptive_avg_pool2d"


class AdaptiveAvgPool3d(_Adaptive):
    """Averages to a size; the parameter as for `gpuconv.adaptive_avg_pool3d`."""

    operation = "adaptive_avg_pool3d"


class AdaptiveMaxPool1d(_Adaptive):
    """Maxima to a size; the parameter as for `gpuconv.adaptive_max_pool1d`."""

    operation = "adaptive_max_pool1d"


class AdaptiveMaxPool2d(_Adaptive):
    """Maxima to a size; the parameter as for `gpuconv.adaptive_max_pool2d`."""

    operation = "adaptive_max_pool2d"


class AdaptiveMaxPool3d(_Adaptive):
    """Maxima to a size; the parameter as for `gpuconv.adaptive_max_pool3d`."""

    operation = "adaptive_max_pool3d"


class GlobalAvgPool1d(_Global):
    """Averages of whole planes: `gpuconv.global_avg_pool1d`."""

    operation = "global_avg_pool1d"


class GlobalAvgPool2d(_Global):
    """Averages of whole planes: `gpuconv.global_avg_pool2d`."""

    operation = "global_avg_pool2d"


class GlobalAvgPool3d(_Global):
    """Averages of whole planes: `gpuconv.global_avg_pool3d`."""

    operation = "global_avg_pool3d"


class GlobalMaxPool1d(_Global):
    """Maxima of whole planes: `gpuconv.global_max_pool1d`."""

    operation = "global_max_pool1d"


class GlobalMaxPool2d(_Global):
    """Maxima of whole planes: `gpuconv.global_max_pool2d`."""

    operation = "global_max_pool2d"


class GlobalMaxPool3d(_Global):
    """Maxima of whole planes: `gpuconv.global_max_pool3d`."""

    operation = "global_max_pool3d"
