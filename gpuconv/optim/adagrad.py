"""Adagrad."""

from collections.abc import Iterable
from typing import Any

from ..core.device import Array, array_module
from ..nn.parameter import Parameter
from .base import Optimizer
from .options import at_least_zero


class Adagrad(Optimizer):
    """Gradients over the root of the sum of all their squares (Duchi, Hazan and Singer, 2011), as torch.optim.Adagrad.

    Parameters
    ----------
    parameters : iterable of Parameter
    lr : float
        Learning rate eta.
    lr_decay : float
        In step t the rate is eta / (1 + (t - 1) lr_decay).
    weight_decay : float
    initial_accumulator_value : float
        What the sums start from.
    eps : float
        Added to the root.
    maximize : bool
        Ascend instead.

    Raises
    ------
    TypeError
        If something else than a Parameter is to be optimised.
    ValueError
        If an option is negative or not finite, there is nothing to optimise, or a parameter occurs twice.

    Notes
    -----
    s <- s + g^2, w <- w - eta g / (sqrt(s) + eps). In place, one pass, deterministic.
    """

    kernel = "adagrad"
    options = ("lr", "lr_decay", "weight_decay", "initial_accumulator_value", "eps", "maximize")
    buffers = ("sum",)

    def __init__(
        self,
        parameters: Iterable[Parameter],
        lr: float = 1e-2,
        *,
        lr_decay: float = 0.0,
        weight_decay: float = 0.0,
        initial_accumulator_value: float = 0.0,
        eps: float = 1e-10,
        maximize: bool = False,
    ) -> None:
        super().__init__(parameters)
        options = {"lr": lr, "lr_decay": lr_decay, "weight_decay": weight_decay, "eps": eps}
        self.lr, self.lr_decay, self.weight_decay, self.eps, self.initial_accumulator_value = at_least_zero(
            self.name, **options, initial_accumulator_value=initial_accumulator_value
        )
        self.maximize = bool(maximize)

    def _step_of(self, w: Array, dw: Array, state: dict[str, Any]) -> tuple[tuple[Array | None, ...], tuple[Any, ...]]:
        step = state["step"] = state.get("step", 0) + 1
        if "sum" not in state:
            state["sum"] = array_module(w).full_like(w, self.initial_accumulator_value)
        rate = self.lr / (1 + (step - 1) * self.lr_decay)
        sign = -1.0 if self.maximize else 1.0
        return (w, dw, state["sum"]), (sign, self.weight_decay, rate, self.eps)
