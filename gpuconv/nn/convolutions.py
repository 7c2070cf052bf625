"""Convolutions over one to three axes as layers."""

from typing import Any

from ..conv import (
    conv1d,
    conv1d_bias_grad,
    conv1d_input_grad,
    conv1d_weight_grad,
    conv2d,
    conv2d_bias_grad,
    conv2d_input_grad,
    conv2d_weight_grad,
    conv3d,
    conv3d_bias_grad,
    conv3d_input_grad,
    conv3d_weight_grad,
)
from ..core.options import one_of
from ..core.shapes import Padding, Size, sides_of
from ..core.typing import Array
from ..resample.pad import pad, pad_input_grad
from .checks import require_input
from .conv_layer import ConvLayer, Passes
from .init import Initializer, Seed

PADDING_MODES = ("zeros", "reflect", "replicate", "circular")


class _Convolution(ConvLayer):
    """A convolution with a bias for each filter."""

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Size,
        stride: Size = 1,
        padding: Padding = 0,
        dilation: Size = 1,
        groups: int = 1,
        bias: bool = True,
        padding_mode: str = "zeros",
        device: str | None = None,
        dtype: Any = None,
        *,
        init: Initializer | None = None,
        seed: Seed = None,
    ) -> None:
        one_of(type(self).__name__, "padding_mode", padding_mode, PADDING_MODES)
        channels = in_channels, out_channels
        self._set_options(channels, kernel_size, stride, padding, dilation, groups, padding_mode)
        shape = out_channels, in_channels // groups, *self.kernel_size
        super().__init__(shape, out_channels, bias, init, seed, device, dtype)

    def forward(self, x: Array) -> Array:
        """Convolve x with the weights and add the bias."""
        ranks = (self.passes.rank + 2,)
        require_input(type(self).__name__, x, self.weight.data, ranks, self.in_channels, "in_channels")
        self._shape = x.shape
        if self.padding_mode != "zeros":
            x = pad(x, self._margins(), self.padding_mode)
        self._x = x
        return self.passes.forward(x, self.weight.data, self.bias_data, **self._options())

    def backward(self, dy: Array, *, input_grad: bool = True) -> Array | None:
        """Compute the gradients, equations (13) and (20)."""
        dx = self._gradients(self.saved(self._x), dy, input_grad, self._options())
        if dx is None or self.padding_mode == "zeros":
            return dx
        return pad_input_grad(dx, self._shape, self._margins(), self.padding_mode)

    def _options(self) -> dict[str, Any]:
        """Options of the functions; an input padded before needs no padding."""
        options = super()._options()
        return options if self.padding_mode == "zeros" else {**options, "padding": 0}

    def _margins(self) -> tuple[int, ...]:
        """The padding as `pad` takes it: both sides of the last axis, then of the one before it."""
        sides = sides_of(type(self).__name__, self.padding, self.kernel_size, self.stride, self.dilation)
        return tuple(amount for both in reversed(sides) for amount in both)


class Conv1d(_Convolution):
    """One-dimensional convolution, (N, C, W) to (N, K, Q); parameters as for `Conv2d`.

    Examples
    --------
    >>> layer = nn.Conv1d(3, 8, 5, padding=2)
    >>> layer(np.zeros((2, 3, 20), np.float32)).shape
    (2, 8, 20)
    """

    passes = Passes(1, conv1d, conv1d_input_grad, conv1d_weight_grad, conv1d_bias_grad)


class Conv2d(_Convolution):
    """Two-dimensional convolution, (N, C, H, W) to (N, K, P, Q), with a bias for each filter.

    Parameters
    ----------
    in_channels, out_channels : int
    kernel_size, stride : int or one for each axis
    padding : int, one for each axis, (before, after) for each axis, "same", "valid" or "full"
    dilation : int or one for each axis
    groups : int
    bias : bool
    padding_mode : {"zeros", "reflect", "replicate", "circular"}
        What x is padded with.
    device : {"cpu", "cuda"}, optional
        Default: `gpuconv.device()`.
    dtype : float16, bfloat16, float32 or float64, optional
        Default: float32.
    init : initializer, optional
        For the weights, the bias is 0 then. Default: both as torch.nn.Conv2d.
    seed : int or numpy.random.Generator, optional

    Raises
    ------
    ValueError
        If the groups do not divide the channels, or a size is not positive.

    Examples
    --------
    >>> import numpy as np
    >>> from gpuconv import nn
    >>> conv = nn.Conv2d(3, 64, 3, 1, 1)
    >>> conv
    Conv2d(3, 64, kernel_size=(3, 3), stride=(1, 1), padding=(1, 1))
    >>> conv(np.ones((2, 3, 8, 8), np.float32)).shape
    (2, 64, 8, 8)
    """

    passes = Passes(2, conv2d, conv2d_input_grad, conv2d_weight_grad, conv2d_bias_grad)


class Conv3d(_Convolution):
    """Three-dimensional convolution, (N, C, D, H, W) to (N, K, O, P, Q); parameters as for `Conv2d`.

    Examples
    --------
    >>> layer = nn.Conv3d(1, 4, 3)
    >>> layer(np.zeros((2, 1, 5, 8, 8), np.float32)).shape
    (2, 4, 3, 6, 6)
    """

    passes = Passes(3, conv3d, conv3d_input_grad, conv3d_weight_grad, conv3d_bias_grad)
