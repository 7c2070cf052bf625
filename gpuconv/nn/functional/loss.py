"""Losses under torch.nn.functional's names. The options that PyTorch has deprecated keep their positions."""

import gpuconv as g

from ...core.device import Array
from ..checks import only
from ..loss import refuse_deprecated


def cross_entropy(
    input: Array, target: Array, weight: Array | None = None, size_average: None = None, ignore_index: int = -100,
    reduce: None = None, reduction: str = "mean", label_smoothing: float = 0.0,
) -> Array:  # fmt: skip
    """Compute the cross-entropy of logits and class indices or probabilities: `gpuconv.cross_entropy`."""
    refuse_deprecated("cross_entropy", size_average, reduce)
    return g.cross_entropy(
        input, target, weight=weight, ignore_index=ignore_index, reduction=reduction, label_smoothing=label_smoothing
    )


def nll_loss(
    input: Array, target: Array, weight: Array | None = None, size_average: None = None, ignore_index: int = -100,
    reduce: None = None, reduction: str = "mean",
) -> Array:  # fmt: skip
    """Compute the negative log-likelihood: `gpuconv.nll_loss`."""
    refuse_deprecated("nll_loss", size_average, reduce)
    return g.nll_loss(input, target, weight=weight, ignore_index=ignore_index, reduction=reduction)


def binary_cross_entropy_with_logits(
    input: Array, target: Array, weight: Array | None = None, size_average: None = None, reduce: None = None,
    reduction: str = "mean", pos_weight: Array | None = None,
) -> Array:  # fmt: skip
    """Compute the binary cross-entropy of logits: `gpuconv.bce_with_logits`."""
    refuse_deprecated("binary_cross_entropy_with_logits", size_average, reduce)
    return g.bce_with_logits(input, target, weight=weight, pos_weight=pos_weight, reduction=reduction)


def mse_loss(
    input: Array, target: Array, size_average: None = None, reduce: None = None, reduction: str = "mean",
    weight: None = None,
) -> Array:  # fmt: skip
    """Compute the quadratic loss: `gpuconv.mse_loss`."""
    refuse_deprecated("mse_loss", size_average, reduce)
    only("mse_loss", "weight", weight, None)
    return g.mse_loss(input, target, reduction=reduction)


def l1_loss(
    input: Array, target: Array, size_average: None = None, reduce: None = None, reduction: str = "mean",
    weight: None = None,
) -> Array:  # fmt: skip
    """Compute the absolute loss: `gpuconv.l1_loss`."""
    refuse_deprecated("l1_loss", size_average, reduce)
    only("l1_loss", "weight", weight, None)
    return g.l1_loss(input, target, reduction=reduction)


def smooth_l1_loss(
    input: Array, target: Array, size_average: None = None, reduce: None = None, reduction: str = "mean",
    beta: float = 1.0,
) -> Array:  # fmt: skip
    """Compute the smooth absolute loss: `gpuconv.smooth_l1_loss`."""
    refuse_deprecated("smooth_l1_loss", size_average, reduce)
    return g.smooth_l1_loss(input, target, beta=beta, reduction=reduction)


def huber_loss(
    input: Array, target: Array, reduction: str = "mean", delta: float = 1.0, weight: None = None,
) -> Array:  # fmt: skip
    """Compute Huber's loss: `gpuconv.huber_loss`."""
    only("huber_loss", "weight", weight, None)
    return g.huber_loss(input, target, delta=delta, reduction=reduction)
