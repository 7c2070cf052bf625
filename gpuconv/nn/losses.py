"""Losses as objects: called with a prediction and a target, then asked for the gradient."""

from typing import Any

from ..backend import Array
from ..losses import cross_entropy, cross_entropy_grad, mse_loss, mse_loss_grad


class Loss:
    """Base of the losses: keeps prediction and target between the two passes."""

    def __init__(self, **options: Any) -> None:
        self.options = options
        self._last: tuple[Array, Array] | None = None

    def __call__(self, prediction: Array, target: Array) -> Array:
        """The loss, an array of no dimensions (unless reduction is "none")."""
        loss = self._forward(prediction, target)
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
        return self._backward(*self._last)

    def _forward(self, prediction: Array, target: Array) -> Array:
        raise TypeError(f"{type(self).__name__} defines no loss")

    def _backward(self, prediction: Array, target: Array) -> Array:
        raise TypeError(f"{type(self).__name__} defines no gradient")


class CrossEntropyLoss(Loss):
    """Cross-entropy of logits and class indices; options as for `gpuconv.cross_entropy`."""

    def __init__(
        self,
        *,
        weight: Array | None = None,
        ignore_index: int = -100,
        reduction: str = "mean",
        label_smoothing: float = 0.0,
    ) -> None:
        super().__init__(weight=weight, ignore_index=ignore_index, reduction=reduction, label_smoothing=label_smoothing)

    def _forward(self, prediction: Array, target: Array) -> Array:
        return cross_entropy(prediction, target, **self.options)

    def _backward(self, prediction: Array, target: Array) -> Array:
        return cross_entropy_grad(prediction, target, **self.options)


class MSELoss(Loss):
    """The quadratic loss; options as for `gpuconv.mse_loss`."""

    def __init__(self, *, reduction: str = "mean") -> None:
        super().__init__(reduction=reduction)

    def _forward(self, prediction: Array, target: Array) -> Array:
        return mse_loss(prediction, target, **self.options)

    def _backward(self, prediction: Array, target: Array) -> Array:
        return mse_loss_grad(prediction, target, **self.options)
