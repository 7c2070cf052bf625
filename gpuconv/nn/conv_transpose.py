"""Transposed convolutions over one to three axes as layers."""

from collections.abc import Sequence
from typing import Any

from ..conv import (
    conv_transpose1d,
    conv_transpose1d_bias_grad,
    conv_transpose1d_input_grad,
    conv_transpose1d_weight_grad,
    conv_transpose2d,
    conv_transpose2d_bias_grad,
    conv_transpose2d_input_grad,
    conv_transpose2d_weight_grad,
    conv_transpose3d,
    conv_transpose3d_bias_grad,
    conv_transpose3d_input_grad,
    conv_transpose3d_weight_grad,
)
from ..core.shapes import Padding, Size, natural
from ..core.typing import Array
from .checks import only, require_input
from .conv_layer import ConvLayer, Passes, as_one
from .init import Initializer, Seed


class _Transposed(ConvLayer):
    """A transposed convolution with a bias for each channel of the result."""

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Size,
        stride: Size = 1,
        padding: Padding = 0,
        output_padding: int | Sequence[int] = 0,
        groups: int = 1,
        bias: bool = True,
        dilation: Size = 1,
        padding_mode: str = "zeros",
        device: str | None = None,
        dtype: Any = None,
        *,
        init: Initializer | None = None,
        seed: Seed = None,
    ) -> None:
        only(type(self).__name__, "padding_mode", padding_mode, "zeros")
        channels = in_channels, out_channels
        self._set_options(channels, kernel_size, stride, padding, dilation, groups, padding_mode)
        shape = in_channels, out_channels // groups, *self.kernel_size
        super().__init__(shape, out_channels, bias, init, seed, device, dtype)
        self.output_padding = self._output_padding(output_padding)

    def forward(self, x: Array) -> Array:
        """Compute the transposed convolution of x with the weights and add the bias."""
        ranks = (self.passes.rank + 2,)
        require_input(type(self).__name__, x, self.weight.data, ranks, self.in_channels, "in_channels")
        self._x = x
        return self.passes.forward(x, self.weight.data, self.bias_data, **self._options())

    def backward(self, dy: Array, *, input_grad: bool = True) -> Array | None:
        """Compute the gradients, which are those of a convolution with x and dy exchanged."""
        return self._gradients(self.saved(self._x), dy, input_grad, self._options())

    def _options(self) -> dict[str, Any]:
        """Options of the functions."""
        return {**super()._options(), "output_padding": as_one(self.output_padding)}

    def _output_padding(self, value: Any) -> tuple[int, ...]:
        """One size for each axis."""
        op, rank = type(self).__name__, self.passes.rank
        each = value if isinstance(value, Sequence) and not isinstance(value, str) else (value,) * rank
        if len(each) != rank:
            raise ValueError(f"{op}: output_padding is {value!r}, expected an int or one for each of {rank} axes")
        return tuple(natural(op, "output_padding", size) for size in each)


class ConvTranspose1d(_Transposed):
    """One-dimensional transposed convolution, (N, K, Q) to (N, C, W); parameters as for `ConvTranspose2d`.

    Examples
    --------
    >>> layer = nn.ConvTranspose1d(4, 2, 2, stride=2)
    >>> layer(np.zeros((1, 4, 5), np.float32)).shape
    (1, 2, 10)
    """

    passes = Passes(
        1, conv_transpose1d, conv_transpose1d_input_grad, conv_transpose1d_weight_grad, conv_transpose1d_bias_grad
    )


class ConvTranspose2d(_Transposed):
    """Two-dimensional transposed convolution, (N, K, P, Q) to (N, C, H, W), with a bias for each channel.

    Parameters
    ----------
    in_channels, out_channels : int
        K and C.
    kernel_size, stride : int or one for each axis
    padding : int, one for each axis, (before, after) for each axis, "same", "valid" or "full"
    output_padding : int or one for each axis
    groups : int
    bias : bool
    dilation : int or one for each axis
    padding_mode : {"zeros"}
    device : {"cpu", "cuda"}, optional
        Default: `gpuconv.device()`.
    dtype : float16, bfloat16, float32 or float64, optional
        Default: float32.
    init : initializer, optional
        For the weights, the bias is 0 then. Default: both as torch.nn.ConvTranspose2d.
    seed : int or numpy.random.Generator, optional

    Raises
    ------
    ValueError
        If the groups do not divide the channels, or a size is not positive.

    Examples
    --------
    >>> layer = nn.ConvTranspose2d(4, 2, 2, stride=2)
    >>> layer(np.zeros((1, 4, 5, 5), np.float32)).shape
    (1, 2, 10, 10)
    """

    passes = Passes(
        2, conv_transpose2d, conv_transpose2d_input_grad, conv_transpose2d_weight_grad, conv_transpose2d_bias_grad
    )


class ConvTranspose3d(_Transposed):
    """Transposed convolution over three axes, (N, K, O, P, Q) to (N, C, D, H, W), as `ConvTranspose2d`.

    Examples
    --------
    >>> layer = nn.ConvTranspose3d(4, 2, 2, stride=2)
    >>> layer(np.zeros((1, 4, 2, 3, 3), np.float32)).shape
    (1, 2, 4, 6, 6)
    """

    passes = Passes(
        3, conv_transpose3d, conv_transpose3d_input_grad, conv_transpose3d_weight_grad, conv_transpose3d_bias_grad
    )
