"""Batch and group normalization as layers."""

from collections.abc import Callable
from typing import Any, ClassVar

import numpy as np

from ..core.device import to_device
from ..core.dtypes import wide
from ..core.graph import refuse_recording
from ..core.options import finite, flag
from ..core.shapes import positive
from ..core.typing import Array
from ..norm import batch, batch_grad, group
from .checks import LAYOUTS, require_input
from .init import ones, zeros
from .module import Module
from .parameter import Buffer, Parameter


class _Normalization(Module):
    """A layer with a weight and a bias for each channel, or without."""

    weight: Parameter | None
    bias: Parameter | None

    def _set_affine(self, channels: int, affine: bool, bias: bool, device: str | None, dtype: Any) -> None:
        """Make the weight, all ones, and the bias, all zeros."""
        op = type(self).__name__
        self.affine, with_bias = flag(op, "affine", affine), flag(op, "bias", bias)
        self._channels = channels
        self.weight = Parameter(to_device(ones((channels,), dtype=dtype), device)) if affine else None
        self.bias = Parameter(to_device(zeros((channels,), dtype=dtype), device)) if affine and with_bias else None

    def _accumulate(self, dweight: Array, dbias: Array) -> None:
        if self.weight is not None:
            self.weight.accumulate(dweight)
        if self.bias is not None:
            self.bias.accumulate(dbias)


class _BatchNorm(_Normalization):
    """Batch normalization of inputs of some ranks."""

    ranks: ClassVar[tuple[int, ...]]
    function: ClassVar[Callable[..., Array]]
    gradient: ClassVar[Callable[..., tuple[Array, Array, Array]]]

    def __init__(
        self,
        num_features: int,
        eps: float = 1e-5,
        momentum: float | None = 0.1,
        affine: bool = True,
        track_running_stats: bool = True,
        device: str | None = None,
        dtype: Any = None,
        *,
        bias: bool = True,
    ) -> None:
        op, dtype = type(self).__name__, np.float32 if dtype is None else dtype
        self.num_features = features = positive(op, "num_features", num_features)
        self.eps = finite(op, "eps", eps, at_least=0)
        self.momentum = None if momentum is None else finite(op, "momentum", momentum)
        self._set_affine(features, affine, bias, device, dtype)
        self.track_running_stats = tracked = flag(op, "track_running_stats", track_running_stats)
        self.running_mean = Buffer(to_device(zeros((features,), dtype=wide(dtype)), device)) if tracked else None
        self.running_var = Buffer(to_device(ones((features,), dtype=wide(dtype)), device)) if tracked else None
        self.num_batches_tracked = Buffer(to_device(np.zeros((), np.int64), device)) if tracked else None
        self._saved: tuple[Array, Array, Array, bool] | None = None

    def forward(self, x: Array) -> Array:
        """Normalize each channel with its batch's statistics in training, with the running ones in evaluation."""
        require_input(type(self).__name__, x, _data(self.weight), self.ranks, self.num_features, "num_features")
        of_batch = self.training or self.running_mean is None
        mean, var = self._batch_statistics(x) if of_batch else (_data(self.running_mean), _data(self.running_var))
        self._saved = x, mean, var, of_batch
        return type(self).function(x, mean, var, _data(self.weight), _data(self.bias), eps=self.eps)

    def backward(self, dy: Array, *, input_grad: bool = True) -> Array | None:
        """Compute the gradients of `gpuconv.batch_norm2d_grad`."""
        x, mean, var, of_batch = self.saved(self._saved)
        weight = _data(self.weight)
        dx, dweight, dbias = type(self).gradient(dy, x, mean, var, weight, training=of_batch, eps=self.eps)
        self._accumulate(dweight, dbias)
        return dx if input_grad else None

    def extra_repr(self) -> str:
        """Return the options."""
        options = f"eps={self.eps}, momentum={self.momentum}, affine={self.affine}, bias={self.bias is not None}"
        return f"{self.num_features}, {options}, track_running_stats={self.track_running_stats}"

    def _batch_statistics(self, x: Array) -> tuple[Any, Any]:
        """The batch's statistics; the running ones follow, by momentum or as the mean over all batches so far."""
        if not self.training or self.num_batches_tracked is None:
            return batch.batch_norm_statistics(x)
        if self.momentum is None:
            refuse_recording(type(self).__name__, "momentum None reads the number of batches")
        self.num_batches_tracked.data += 1
        momentum = 1 / int(self.num_batches_tracked.data) if self.momentum is None else self.momentum
        running = _data(self.running_mean), _data(self.running_var)
        return batch.batch_norm_statistics(x, *running, momentum=momentum)


class BatchNorm1d(_BatchNorm):
    """Batch normalization of (N, C) or (N, C, L); parameters as for `BatchNorm2d`.

    Examples
    --------
    >>> layer = nn.BatchNorm1d(1, dtype=np.float64)
    >>> layer(np.array([[1.0], [3.0]])).round(4)
    array([[-1.],
           [ 1.]])
    """

    ranks = (2, 3)
    function, gradient = batch.batch_norm1d, batch_grad.batch_norm1d_grad


class BatchNorm2d(_BatchNorm):
    """Batch normalization of (N, C, H, W).

    Parameters
    ----------
    num_features : int
        Channels.
    eps : float
    momentum : float, optional
        Weight of a batch in the running statistics; None: all batches weigh the same.
    affine : bool
        Whether each channel has a weight and a bias.
    track_running_stats : bool
        Without, evaluation normalizes with the batch's statistics too.
    device : {"cpu", "cuda"}, optional
        Default: `gpuconv.device()`.
    dtype : float16, bfloat16, float32 or float64, optional
        Of the weight and the bias, float32 by default; statistics of 16-bit types are float32.
    bias : bool
        With affine: whether each channel has a bias.

    Raises
    ------
    ValueError
        If num_features is not positive.

    Examples
    --------
    >>> layer = nn.BatchNorm2d(1, dtype=np.float64)
    >>> layer(np.arange(4.0).reshape(1, 1, 2, 2)).round(4)
    array([[[[-1.3416, -0.4472],
             [ 0.4472,  1.3416]]]])
    """

    ranks = (4,)
    function, gradient = batch.batch_norm2d, batch_grad.batch_norm2d_grad


class BatchNorm3d(_BatchNorm):
    """Batch normalization of (N, C, D, H, W); parameters as for `BatchNorm2d`.

    Examples
    --------
    >>> layer = nn.BatchNorm3d(2)
    >>> layer(np.zeros((1, 2, 3, 4, 4), np.float32)).shape
    (1, 2, 3, 4, 4)
    """

    ranks = (5,)
    function, gradient = batch.batch_norm3d, batch_grad.batch_norm3d_grad


class GroupNorm(_Normalization):
    """Group normalization of (N, C, ...), the same in training and evaluation.

    Parameters
    ----------
    num_groups, num_channels : int
    eps : float
    affine : bool
        Whether each channel has a weight and a bias.
    device, dtype, bias
        As for `BatchNorm2d`.

    Raises
    ------
    ValueError
        If the groups do not divide the channels.

    Examples
    --------
    >>> layer = nn.GroupNorm(2, 4, dtype=np.float64)
    >>> layer(np.array([[1.0, 3.0, 10.0, 30.0]])).round(4)
    array([[-1.,  1., -1.,  1.]])
    """

    def __init__(
        self,
        num_groups: int,
        num_channels: int,
        eps: float = 1e-5,
        affine: bool = True,
        device: str | None = None,
        dtype: Any = None,
        *,
        bias: bool = True,
    ) -> None:
        op = "GroupNorm"
        self.num_groups = positive(op, "num_groups", num_groups)
        self.num_channels = positive(op, "num_channels", num_channels)
        if num_channels % num_groups:
            raise ValueError(f"{op}: num_groups is {num_groups}, expected a divisor of num_channels={num_channels}")
        self.eps = finite(op, "eps", eps, at_least=0)
        self._set_affine(self.num_channels, affine, bias, device, np.float32 if dtype is None else dtype)
        self._saved: tuple[Array, Array, Array] | None = None

    def forward(self, x: Array) -> Array:
        """Normalize each sample's groups of channels with their statistics."""
        require_input("GroupNorm", x, _data(self.weight), tuple(LAYOUTS), self.num_channels, "num_channels")
        mean, var = group.group_norm_statistics(x, self.num_groups)
        self._saved = x, mean, var
        affine = _data(self.weight), _data(self.bias)
        return group.group_norm(x, self.num_groups, *affine, self.eps, mean=mean, var=var)

    def backward(self, dy: Array, *, input_grad: bool = True) -> Array | None:
        """Compute the gradients of `gpuconv.group_norm_grad`."""
        x, mean, var = self.saved(self._saved)
        arguments = self.num_groups, mean, var, _data(self.weight), self.eps
        dx, dweight, dbias = group.group_norm_grad(dy, x, *arguments)
        self._accumulate(dweight, dbias)
        return dx if input_grad else None

    def extra_repr(self) -> str:
        """Return the options."""
        options = f"eps={self.eps}, affine={self.affine}, bias={self.bias is not None}"
        return f"{self.num_groups}, {self.num_channels}, {options}"


def _data(entry: Parameter | Buffer | None) -> Any:
    return None if entry is None else entry.data
