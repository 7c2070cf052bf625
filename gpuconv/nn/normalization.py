"""Layers that normalise."""

from typing import Any, ClassVar

import numpy as np

from ..core.arrays import finite, flag
from ..core.device import Array, to_device
from ..core.graph import refuse_recording
from ..core.half import wide
from ..core.shapes import positive
from ..norm import batch, group
from .init import ones, zeros
from .module import Buffer, Module, Parameter


class _BatchNorm(Module):
    """Batch normalisation of inputs of one rank."""

    rank: ClassVar[int]

    def __init__(
        self,
        num_features: int,
        *,
        eps: float = 1e-5,
        momentum: float | None = 0.1,
        affine: bool = True,
        track_running_stats: bool = True,
        dtype: Any = np.float32,
    ) -> None:
        op = type(self).__name__
        features, self.eps = positive(op, "num_features", num_features), finite(op, "eps", eps, at_least=0)
        self.momentum = None if momentum is None else finite(op, "momentum", momentum)
        affine, tracked = flag(op, "affine", affine), flag(op, "track_running_stats", track_running_stats)
        self.weight = Parameter(ones((features,), dtype=dtype)) if affine else None
        self.bias = Parameter(zeros((features,), dtype=dtype)) if affine else None
        self.running_mean = Buffer(zeros((features,), dtype=wide(dtype))) if tracked else None
        self.running_var = Buffer(ones((features,), dtype=wide(dtype))) if tracked else None
        self.num_batches_tracked = Buffer(to_device(np.zeros((), np.int64))) if tracked else None
        self._saved: tuple[Array, Array, Array, bool] | None = None

    def forward(self, x: Array) -> Array:
        """The channels of x, each with its batch's statistics in training and its running ones in evaluation."""
        own = self.training or self.running_mean is None
        mean, var = self._batch_statistics(x) if own else (_data(self.running_mean), _data(self.running_var))
        self._saved = x, mean, var, own
        f = getattr(batch, f"batch_norm{self.rank}d")
        y: Array = f(x, mean, var, _data(self.weight), _data(self.bias), eps=self.eps)
        return y

    def backward(self, dy: Array, *, input_grad: bool = True) -> Array | None:
        """The gradients of `gpuconv.batch_norm2d_grad`."""
        x, mean, var, own = self.saved(self._saved)
        f_grad = getattr(batch, f"batch_norm{self.rank}d_grad")
        dx, dweight, dbias = f_grad(dy, x, mean, var, _data(self.weight), training=own, eps=self.eps)
        if self.weight is not None and self.bias is not None:
            self.weight.accumulate(dweight)
            self.bias.accumulate(dbias)
        return dx if input_grad else None

    def _batch_statistics(self, x: Array) -> tuple[Array, Array]:
        """The batch's statistics; the running ones follow, by momentum or as the mean over all batches so far."""
        if not self.training or self.num_batches_tracked is None:
            return batch.batch_norm_statistics(x)
        if self.momentum is None:
            refuse_recording(type(self).__name__, "momentum None reads how many batches there were")
        self.num_batches_tracked.data += 1
        momentum = 1 / int(self.num_batches_tracked.data) if self.momentum is None else self.momentum
        running = _data(self.running_mean), _data(self.running_var)
        return batch.batch_norm_statistics(x, *running, momentum=momentum)


class BatchNorm1d(_BatchNorm):
    """Batch normalisation of (N, C) or (N, C, L); parameters as for `BatchNorm2d`."""

    rank = 1


class BatchNorm2d(_BatchNorm):
    """Batch normalisation of (N, C, H, W).

    Parameters
    ----------
    num_features : int
        Channels.
    eps : float
    momentum : float, optional
        Weight of a batch in the running statistics; None: all batches weigh the same.
    affine : bool
        Whether there are a weight and a bias for each channel.
    track_running_stats : bool
        Without, evaluation normalises with the batch's statistics too.
    dtype : float16, bfloat16, float32 or float64
        Of the weight and the bias; statistics of 16-bit types are float32.

    Raises
    ------
    ValueError
        If num_features is not positive.
    """

    rank = 2


class BatchNorm3d(_BatchNorm):
    """Batch normalisation of (N, C, D, H, W); parameters as for `BatchNorm2d`."""

    rank = 3


class GroupNorm(Module):
    """Group normalisation of (N, C, ...), the same in training and evaluation.

    Parameters
    ----------
    num_groups, num_channels : int
    eps : float
    affine : bool
        Whether there are a weight and a bias for each channel.
    dtype : float16, bfloat16, float32 or float64

    Raises
    ------
    ValueError
        If the groups do not divide the channels.
    """

    def __init__(
        self, num_groups: int, num_channels: int, *, eps: float = 1e-5, affine: bool = True, dtype: Any = np.float32
    ) -> None:
        op = "GroupNorm"
        self.num_groups, channels = positive(op, "num_groups", num_groups), positive(op, "num_channels", num_channels)
        if channels % self.num_groups:
            raise ValueError(f"{op}: num_groups is {num_groups}, expected a divisor of num_channels={num_channels}")
        self.eps, affine = finite(op, "eps", eps, at_least=0), flag(op, "affine", affine)
        self.weight = Parameter(ones((channels,), dtype=dtype)) if affine else None
        self.bias = Parameter(zeros((channels,), dtype=dtype)) if affine else None
        self._saved: tuple[Array, Array, Array] | None = None

    def forward(self, x: Array) -> Array:
        """Each sample's groups of channels with their own statistics."""
        mean, var = group.group_norm_statistics(x, self.num_groups)
        self._saved = x, mean, var
        affine = _data(self.weight), _data(self.bias)
        return group.group_norm(x, self.num_groups, *affine, self.eps, mean=mean, var=var)

    def backward(self, dy: Array, *, input_grad: bool = True) -> Array | None:
        """The gradients of `gpuconv.group_norm_grad`."""
        x, mean, var = self.saved(self._saved)
        arguments = self.num_groups, mean, var, _data(self.weight), self.eps
        dx, dweight, dbias = group.group_norm_grad(dy, x, *arguments)
        if self.weight is not None and self.bias is not None:
            self.weight.accumulate(dweight)
            self.bias.accumulate(dbias)
        return dx if input_grad else None


def _data(entry: Parameter | Buffer | None) -> Array | None:
    return None if entry is None else entry.data
