"""Losses as objects: called with a prediction and a target, then asked for the gradient."""

import inspect
from collections.abc import Callable
from typing import Any, ClassVar

from .. import loss as f
from ..core.hints import described
from ..core.options import number, one_of
from ..core.typing import Array
from .checks import name_layer, only

REDUCTIONS = ("mean", "sum", "none")
_INSTEAD = "PyTorch has deprecated it, use reduction"


class Loss:
    """Base of the losses: keeps prediction and target between the two passes.

    Parameters
    ----------
    reduction : {"mean", "sum", "none"}
    **options
        Passed on to the function and to its gradient.

    Raises
    ------
    ValueError
        If the reduction is unknown.

    Examples
    --------
    >>> import numpy as np
    >>> from gpuconv import nn
    >>> loss = nn.MSELoss()
    >>> float(loss(np.ones((2, 3)), np.zeros((2, 3))))
    1.0
    >>> loss.backward().shape
    (2, 3)
    """

    function: ClassVar[Callable[..., Array]]
    gradient: ClassVar[Callable[..., Array]]

    def __init__(self, reduction: str = "mean", **options: Any) -> None:
        one_of(type(self).__name__, "reduction", reduction, REDUCTIONS)
        self.options = {**options, "reduction": reduction}
        self._last: tuple[Array, Array] | None = None

    def __call__(self, input: Array, target: Array) -> Array:
        """Compute the loss, an array of no dimensions (unless reduction is "none").

        Parameters
        ----------
        input : array
            The prediction.
        target : array
        """
        try:
            loss = type(self).function(input, target, **self.options)
        except (TypeError, ValueError) as error:
            name_layer(error, self)
            raise
        self._last = (input, target)
        return loss

    def backward(self) -> Array:
        """Compute the gradient with respect to the prediction of the last call.

        Raises
        ------
        RuntimeError
            If it was not called.
        """
        if self._last is None:
            name = type(self).__name__
            raise RuntimeError(f"{name}.backward was called before the loss; compute loss(prediction, target) first")
        return type(self).gradient(*self._last, **self.options)

    def __repr__(self) -> str:
        """Show the options that are not the defaults."""
        defaults = {name: p.default for name, p in inspect.signature(type(self)).parameters.items()}
        shown = [(name, value) for name, value in self.options.items() if value is not defaults.get(name)]
        return f"{type(self).__name__}({', '.join(f'{name}={described(value)}' for name, value in shown)})"


class CrossEntropyLoss(Loss):
    """Cross-entropy of logits and class indices or probabilities; options as for `gpuconv.cross_entropy`.

    Examples
    --------
    >>> loss = nn.CrossEntropyLoss()
    >>> round(float(loss(np.zeros((1, 4)), np.array([1]))), 4)
    1.3863
    >>> loss.backward()
    array([[ 0.25, -0.75,  0.25,  0.25]])
    """

    function, gradient = f.cross_entropy, f.cross_entropy_grad

    def __init__(
        self,
        weight: Array | None = None,
        size_average: None = None,
        ignore_index: int = -100,
        reduce: None = None,
        reduction: str = "mean",
        label_smoothing: float = 0.0,
    ) -> None:
        refuse_deprecated("CrossEntropyLoss", size_average, reduce)
        super().__init__(reduction, weight=weight, ignore_index=ignore_index, label_smoothing=label_smoothing)


class NLLLoss(Loss):
    """The negative log-likelihood; options as for `gpuconv.nll_loss`.

    Examples
    --------
    >>> loss = nn.NLLLoss()
    >>> float(loss(np.array([[-1.0, -2.0], [-3.0, -0.5]]), np.array([0, 1])))
    0.75
    """

    function, gradient = f.nll_loss, f.nll_loss_grad

    def __init__(
        self,
        weight: Array | None = None,
        size_average: None = None,
        ignore_index: int = -100,
        reduce: None = None,
        reduction: str = "mean",
    ) -> None:
        refuse_deprecated("NLLLoss", size_average, reduce)
        super().__init__(reduction, weight=weight, ignore_index=ignore_index)


class BCEWithLogitsLoss(Loss):
    """Binary cross-entropy of logits; options as for `gpuconv.bce_with_logits`.

    Examples
    --------
    >>> loss = nn.BCEWithLogitsLoss()
    >>> round(float(loss(np.array([0.0, 3.0]), np.array([1.0, 0.0]))), 4)
    1.8709
    """

    function, gradient = f.bce_with_logits, f.bce_with_logits_grad

    def __init__(
        self,
        weight: Array | None = None,
        size_average: None = None,
        reduce: None = None,
        reduction: str = "mean",
        pos_weight: Array | None = None,
    ) -> None:
        refuse_deprecated("BCEWithLogitsLoss", size_average, reduce)
        super().__init__(reduction, weight=weight, pos_weight=pos_weight)


class MSELoss(Loss):
    """The quadratic loss; options as for `gpuconv.mse_loss`.

    Examples
    --------
    >>> loss = nn.MSELoss()
    >>> float(loss(np.array([1.0, 2.0]), np.array([1.0, 0.0])))
    2.0
    >>> loss.backward()
    array([0., 2.])
    """

    function, gradient = f.mse_loss, f.mse_loss_grad

    def __init__(self, size_average: None = None, reduce: None = None, reduction: str = "mean") -> None:
        refuse_deprecated("MSELoss", size_average, reduce)
        super().__init__(reduction)


class L1Loss(Loss):
    """The absolute loss; options as for `gpuconv.l1_loss`.

    Examples
    --------
    >>> loss = nn.L1Loss()
    >>> float(loss(np.array([1.0, 2.0]), np.array([1.0, 0.0])))
    1.0
    """

    function, gradient = f.l1_loss, f.l1_loss_grad

    def __init__(self, size_average: None = None, reduce: None = None, reduction: str = "mean") -> None:
        refuse_deprecated("L1Loss", size_average, reduce)
        super().__init__(reduction)


class HuberLoss(Loss):
    """Huber's loss; options as for `gpuconv.huber_loss`.

    Examples
    --------
    >>> loss = nn.HuberLoss(delta=2.0)
    >>> float(loss(np.array([0.5, 3.0]), np.zeros(2)))
    2.0625
    """

    function, gradient = f.huber_loss, f.huber_loss_grad

    def __init__(self, reduction: str = "mean", delta: float = 1.0) -> None:
        super().__init__(reduction, delta=number("HuberLoss", "delta", delta))


class SmoothL1Loss(Loss):
    """The smooth absolute loss; options as for `gpuconv.smooth_l1_loss`.

    Examples
    --------
    >>> loss = nn.SmoothL1Loss()
    >>> float(loss(np.array([0.5, 3.0]), np.zeros(2)))
    1.3125
    """

    function, gradient = f.smooth_l1_loss, f.smooth_l1_loss_grad

    def __init__(
        self, size_average: None = None, reduce: None = None, reduction: str = "mean", beta: float = 1.0
    ) -> None:
        refuse_deprecated("SmoothL1Loss", size_average, reduce)
        super().__init__(reduction, beta=number("SmoothL1Loss", "beta", beta))


def refuse_deprecated(op: str, size_average: Any, reduce: Any) -> None:
    """Refuse the options that reduction replaces: they hold their positions in PyTorch's signature."""
    only(op, "size_average", size_average, None, _INSTEAD)
    only(op, "reduce", reduce, None, _INSTEAD)
