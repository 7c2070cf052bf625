"""Adagrad."""

from collections.abc import Iterable
from typing import Any

from ..core.device import array_module
from ..core.dtypes import wide
from ..core.typing import Array
from ..nn.parameter import Parameter
from .base import Optimizer
from .options import at_least_zero
from .parameters import refuse_differentiable


class Adagrad(Optimizer):
    """Gradients divided by the root of the sum of all their squares (Duchi, Hazan and Singer, 2011).

    Parameters
    ----------
    params : iterable of Parameter
    lr : float
        Learning rate eta.
    lr_decay : float
        In step t the rate is eta / (1 + (t - 1) lr_decay).
    weight_decay : float
    initial_accumulator_value : float
        Initial value of the sums.
    eps : float
        Added to the root.
    maximize : bool
        Ascend the gradient instead.
    foreach, fused : bool, optional
        Accepted as in PyTorch, without effect: one launch updates all parameters.
    differentiable : bool
        False: an update has no gradient.

    Raises
    ------
    TypeError
        If params holds something else than parameters.
    ValueError
        If an option is negative or not finite, params is empty, or a parameter occurs twice.

    Notes
    -----
    s <- s + g^2, w <- w - eta g / (sqrt(s) + eps). In place, one pass, deterministic.

    Examples
    --------
    >>> weight = nn.Parameter(np.ones(2))
    >>> weight.grad = np.array([1.0, -2.0])
    >>> optim.Adagrad([weight], lr=0.1).step()
    >>> weight.data.round(4)
    array([0.9, 1.1])
    """

    kernel = "adagrad"
    options = ("lr", "lr_decay", "weight_decay", "initial_accumulator_value", "eps", "maximize")
    buffers = ("sum",)

    def __init__(
        self,
        params: Iterable[Parameter],
        lr: float = 1e-2,
        lr_decay: float = 0.0,
        weight_decay: float = 0.0,
        initial_accumulator_value: float = 0.0,
        eps: float = 1e-10,
        foreach: bool | None = None,
        *,
        maximize: bool = False,
        differentiable: bool = False,
        fused: bool | None = None,
    ) -> None:
        super().__init__(params)
        refuse_differentiable(self.name, differentiable)
        options = {"lr": lr, "lr_decay": lr_decay, "weight_decay": weight_decay, "eps": eps}
        self.lr, self.lr_decay, self.weight_decay, self.eps, self.initial_accumulator_value = at_least_zero(
            self.name, **options, initial_accumulator_value=initial_accumulator_value
        )
        self.maximize = bool(maximize)

    def _step_of(self, w: Array, dw: Array, state: dict[str, Any]) -> tuple[tuple[Array | None, ...], tuple[Any, ...]]:
        step = state["step"] = state.get("step", 0) + 1
        if "sum" not in state:
            state["sum"] = array_module(w).full(w.shape, self.initial_accumulator_value, wide(w.dtype))
        rate = self.lr / (1 + (step - 1) * self.lr_decay)
        sign = -1.0 if self.maximize else 1.0
        return (w, dw, state["sum"]), (sign, self.weight_decay, rate, self.eps)
