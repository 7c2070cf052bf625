"""Linear layers, normalization, dropout and resampling under torch.nn.functional's names."""

from collections.abc import Sequence

import numpy as np

import gpuconv as g

from ...core.device import Array
from ..checks import only

_rng = np.random.default_rng()


def linear(input: Array, weight: Array, bias: Array | None = None) -> Array:
    """Compute x W^T + b of x (N, C): `gpuconv.linear`."""
    return g.linear(input, weight, bias)


def batch_norm(
    input: Array, running_mean: Array | None, running_var: Array | None, weight: Array | None = None,
    bias: Array | None = None, training: bool = False, momentum: float = 0.1, eps: float = 1e-5,
) -> Array:  # fmt: skip
    """Normalize each channel of (N, C, ...): `gpuconv.batch_norm1d`, `batch_norm2d` or `batch_norm3d`, by the rank."""
    function = {4: g.batch_norm2d, 5: g.batch_norm3d}.get(getattr(input, "ndim", 2), g.batch_norm1d)
    statistics = running_mean, running_var
    return function(input, *statistics, weight, bias, training=training, momentum=momentum, eps=eps)


def group_norm(
    input: Array, num_groups: int, weight: Array | None = None, bias: Array | None = None, eps: float = 1e-5
) -> Array:
    """Normalize each sample's groups of channels: `gpuconv.group_norm`."""
    return g.group_norm(input, num_groups, weight, bias, eps)


def dropout(
    input: Array, p: float = 0.5, training: bool = True, inplace: bool = False, *, seed: int | None = None
) -> Array:
    """Drop elements at random: `gpuconv.dropout`, with a seed drawn anew unless one is given."""
    return g.dropout(input, p, training=training, seed=_seed(seed), out=input if inplace else None)


def dropout2d(
    input: Array, p: float = 0.5, training: bool = True, inplace: bool = False, *, seed: int | None = None
) -> Array:
    """Drop channels at random: `gpuconv.dropout2d`, with a seed drawn anew unless one is given."""
    return g.dropout2d(input, p, training=training, seed=_seed(seed), out=input if inplace else None)


def pad(input: Array, pad: Sequence[int], mode: str = "constant", value: float | None = None) -> Array:
    """Pad the last axes, both sides of the last axis first: `gpuconv.pad`."""
    return g.pad(input, pad, mode, value)


def interpolate(
    input: Array, size: int | Sequence[int] | None = None, scale_factor: float | Sequence[float] | None = None,
    mode: str = "nearest", align_corners: bool | None = None, recompute_scale_factor: bool | None = None,
    antialias: bool = False,
) -> Array:  # fmt: skip
    """Resample to another size: `gpuconv.upsample`."""
    if recompute_scale_factor:
        only("interpolate", "recompute_scale_factor", recompute_scale_factor, None, "pass size")
    only("interpolate", "antialias", antialias, False)
    return g.upsample(input, size, scale_factor, mode, align_corners)


def upsample(
    input: Array, size: int | Sequence[int] | None = None, scale_factor: float | Sequence[float] | None = None,
    mode: str = "nearest", align_corners: bool | None = None,
) -> Array:  # fmt: skip
    """Resample to another size: `gpuconv.upsample`."""
    return g.upsample(input, size, scale_factor, mode, align_corners)


def _seed(seed: int | None) -> int:
    """The seed, or a new one."""
    return int(_rng.integers(2**63)) if seed is None else seed
