"""Losses as objects: called with a prediction and a target, then asked for the gradient."""

from collections.abc import Callable
from typing import Any, ClassVar

from .. import loss as f
from ..core.device import Array


class Loss:
    """Base of the losses: keeps prediction and target between the two passes.

    Parameters
    ----------
    **options
        Passed on to the function and to its gradient.
    """

    function: ClassVar[Callable[..., Array]]
    gradient: ClassVar[Callable[..., Array]]

    def __init__(self, **options: Any) -> None:
        self.options = options
        self._last: tuple[Array, Array] | None = None

    def __call__(self, prediction: Array, target: Array) -> Array:
        """The loss, an array of no dimensions (unless reduction is "none")."""
        loss = type(self).function(prediction, target, **self.options)
        self._last = (prediction, target)
        return loss

    def backward(self) -> Array:
        """Gradient with respect to the prediction of the last call.

        Raises
        ------
        RuntimeError
            If there was none.
        """
        if self._last is None:
            raise RuntimeError(f"{type(self).__name__}.backward was called before the loss")
        return type(self).gradient(*self._last, **self.options)


class CrossEntropyLoss(Loss):
    """Cross-entropy of logits and class indices or probabilities; options as for `gpuconv.cross_entropy`."""

    function, gradient = f.cross_entropy, f.cross_entropy_grad

    def __init__(
        self,
        *,
        weight: Array | None = None,
        ignore_index: int = -100,
        reduction: str = "mean",
        label_smoothing: float = 0.0,
    ) -> None:
        super().__init__(weight=weight, ignore_index=ignore_index, reduction=reduction, label_smoothing=label_smoothing)


class NLLLoss(Loss):
    """The negative log-likelihood; options as for `gpuconv.nll_loss`."""

    function, gradient = f.nll_loss, f.nll_loss_grad

    def __init__(self, *, weight: Array | None = None, ignore_index: int = -100, reduction: str = "mean") -> None:
        super().__init__(weight=weight, ignore_index=ignore_index, reduction=reduction)


class BCEWithLogitsLoss(Loss):
    """Binary cross-entropy of logits; options as for `gpuconv.bce_with_logits`."""

    function, gradient = f.bce_with_logits, f.bce_with_logits_grad

    def __init__(
        self, *, weight: Array | None = None, pos_weight: Array | None = None, reduction: str = "mean"
    ) -> None:
        super().__init__(weight=weight, pos_weight=pos_weight, reduction=reduction)


class MSELoss(Loss):
    """The quadratic loss; options as for `gpuconv.mse_loss`."""

    function, gradient = f.mse_loss, f.mse_loss_grad

    def __init__(self, *, reduction: str = "mean") -> None:
        super().__init__(reduction=reduction)


class L1Loss(Loss):
    """The absolute loss; options as for `gpuconv.l1_loss`."""

    function, gradient = f.l1_loss, f.l1_loss_grad

    def __init__(self, *, reduction: str = "mean") -> None:
        super().__init__(reduction=reduction)


class HuberLoss(Loss):
    """Huber's loss; options as for `gpuconv.huber_loss`."""

    function, gradient = f.huber_loss, f.huber_loss_grad

    def __init__(self, *, delta: float = 1.0, reduction: str = "mean") -> None:
        super().__init__(delta=delta, reduction=reduction)


class SmoothL1Loss(Loss):
    """The smooth absolute loss; options as for `gpuconv.smooth_l1_loss`."""

    function, gradient = f.smooth_l1_loss, f.smooth_l1_loss_grad

    def __init__(self, *, beta: float = 1.0, reduction: str = "mean") -> None:
        super().__init__(beta=beta, reduction=reduction)
