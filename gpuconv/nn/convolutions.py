"""Convolutions over one to three axes, and transposed ones, as layers."""

from collections.abc import Callable, Sequence
from typing import Any, ClassVar, NamedTuple

import numpy as np

from ..conv.conv_3d import conv3d, conv3d_bias_grad, conv3d_input_grad, conv3d_weight_grad
from ..conv.conv_transpose_1d import (
    conv_transpose1d,
    conv_transpose1d_bias_grad,
    conv_transpose1d_input_grad,
    conv_transpose1d_weight_grad,
)
from ..conv.conv_transpose_2d import (
    conv_transpose2d,
    conv_transpose2d_bias_grad,
    conv_transpose2d_input_grad,
    conv_transpose2d_weight_grad,
)
from ..conv.conv_transpose_3d import (
    conv_transpose3d,
    conv_transpose3d_bias_grad,
    conv_transpose3d_input_grad,
    conv_transpose3d_weight_grad,
)
from ..conv.functional import conv2d, conv2d_bias_grad, conv2d_input_grad, conv2d_weight_grad
from ..conv.functional_nd import conv1d, conv1d_bias_grad, conv1d_input_grad, conv1d_weight_grad
from ..core.device import Array
from ..core.shapes import Padding, Size, positive, several
from .init import Initializer, Seed
from .layers import Weighted


class _Passes(NamedTuple):
    """The functions of an operation, and over how many axes it goes."""

    rank: int
    forward: Callable[..., Array]
    input_grad: Callable[..., Array]
    weight_grad: Callable[..., Array]
    bias_grad: Callable[..., Array]


class _Layer(Weighted):
    """Both passes of a convolution, transposed or not."""

    passes: ClassVar[_Passes]
    options: dict[str, Any]

    def forward(self, x: Array) -> Array:
        """The operation of that name."""
        self._x = x
        return self.passes.forward(x, self.weight.data, self.bias_data, **self.options)

    def backward(self, dy: Array, *, input_grad: bool = True) -> Array | None:
        """Equations (13) and (20)."""
        x, w = self.saved(self._x), self.weight.data
        self.weight.accumulate(self.passes.weight_grad(x, dy, w.shape, **self.options))
        if self.bias is not None:
            self.bias.accumulate(self.passes.bias_grad(dy))
        return self.passes.input_grad(dy, w, x.shape, **self.options) if input_grad else None

    def _kernel(self, in_channels: int, out_channels: int, groups: int, kernel_size: Size) -> tuple[int, ...]:
        """The kernel's sizes; the channels are checked."""
        op = type(self).__name__
        for name, size in (("in_channels", in_channels), ("out_channels", out_channels), ("groups", groups)):
            positive(op, name, size)
        if in_channels % groups or out_channels % groups:
            raise ValueError(
                f"{op}: groups is {groups}, expected a divisor of in_channels={in_channels} and "
                f"out_channels={out_channels}"
            )
        return several(op, "kernel_size", kernel_size, self.passes.rank)


class _Convolution(_Layer):
    """A convolution with a bias for each filter."""

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Size,
        *,
        stride: Size = 1,
        padding: Padding = 0,
        dilation: Size = 1,
        groups: int = 1,
        bias: bool = True,
        init: Initializer | None = None,
        seed: Seed = None,
        dtype: Any = np.float32,
    ) -> None:
        kernel = self._kernel(in_channels, out_channels, groups, kernel_size)
        shape = out_channels, in_channels // groups, *kernel
        super().__init__(shape, out_channels, bias, init, seed, dtype)
        self.options = {"stride": stride, "padding": padding, "dilation": dilation, "groups": groups}


class _Transposed(_Layer):
    """A transposed convolution with a bias for each channel of the result."""

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Size,
        *,
        stride: Size = 1,
        padding: Padding = 0,
        output_padding: int | Sequence[int] = 0,
        groups: int = 1,
        bias: bool = True,
        dilation: Size = 1,
        init: Initializer | None = None,
        seed: Seed = None,
        dtype: Any = np.float32,
    ) -> None:
        kernel = self._kernel(in_channels, out_channels, groups, kernel_size)
        shape = in_channels, out_channels // groups, *kernel
        super().__init__(shape, out_channels, bias, init, seed, dtype)
        self.options = {"stride": stride, "padding": padding, "dilation": dilation, "groups": groups}
        self.options["output_padding"] = output_padding


class Conv1d(_Convolution):
    """One-dimensional convolution, (N, C, W) to (N, K, Q); parameters as for Conv2d."""

    passes = _Passes(1, conv1d, conv1d_input_grad, conv1d_weight_grad, conv1d_bias_grad)


class Conv2d(_Convolution):
    """Two-dimensional convolution, (N, C, H, W) to (N, K, P, Q), with a bias for each filter.

    Parameters
    ----------
    in_channels, out_channels : int
    kernel_size, stride, dilation : int or one for each axis
    padding : int, one for each axis, (before, after) for each axis, "same" or "valid"
    groups : int
    bias : bool
    init : initialiser, optional
        For the weights, the bias is 0 then. Default: both as torch.nn.Conv2d.
    seed : int or numpy.random.Generator, optional
    dtype : float16, bfloat16, float32 or float64

    Raises
    ------
    ValueError
        If the groups do not divide the channels, or a size is not positive.
    """

    passes = _Passes(2, conv2d, conv2d_input_grad, conv2d_weight_grad, conv2d_bias_grad)


class Conv3d(_Convolution):
    """Three-dimensional convolution, (N, C, D, H, W) to (N, K, O, P, Q); parameters as for Conv2d."""

    passes = _Passes(3, conv3d, conv3d_input_grad, conv3d_weight_grad, conv3d_bias_grad)


class ConvTranspose1d(_Transposed):
    """One-dimensional transposed convolution, (N, K, Q) to (N, C, W); parameters as for ConvTranspose2d."""

    passes = _Passes(
        1, conv_transpose1d, conv_transpose1d_input_grad, conv_transpose1d_weight_grad, conv_transpose1d_bias_grad
    )


class ConvTranspose2d(_Transposed):
    """Two-dimensional transposed convolution, (N, K, P, Q) to (N, C, H, W), with a bias for each channel.

    Parameters
    ----------
    in_channels, out_channels : int
        K and C.
    kernel_size, stride, dilation : int or one for each axis
    padding : int, one for each axis, (before, after) for each axis, "same" or "valid"
    output_padding : int or one for each axis
    groups : int
    bias : bool
    init : initialiser, optional
        For the weights, the bias is 0 then. Default: both as torch.nn.ConvTranspose2d.
    seed : int or numpy.random.Generator, optional
    dtype : float16, bfloat16, float32 or float64

    Raises
    ------
    ValueError
        If the groups do not divide the channels, or a size is not positive.
    """

    passes = _Passes(
        2, conv_transpose2d, conv_transpose2d_input_grad, conv_transpose2d_weight_grad, conv_transpose2d_bias_grad
    )


class ConvTranspose3d(_Transposed):
    """Transposed convolution over three axes, (N, K, O, P, Q) to (N, C, D, H, W); parameters as for ConvTranspose2d."""

    passes = _Passes(
        3, conv_transpose3d, conv_transpose3d_input_grad, conv_transpose3d_weight_grad, conv_transpose3d_bias_grad
    )
