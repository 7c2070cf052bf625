"""Stochastic gradient descent."""

from collections.abc import Iterable
from typing import Any

from ..core.device import array_module
from ..core.dtypes import wide
from ..core.typing import Array
from ..nn.parameter import Parameter
from .base import Optimizer
from .options import at_least_zero
from .parameters import refuse_differentiable


class SGD(Optimizer):
    """Stochastic gradient descent with momentum and weight decay, as torch.optim.SGD.

    Parameters
    ----------
    params : iterable of Parameter
    lr : float
        Learning rate eta.
    momentum, dampening, weight_decay : float
    nesterov : bool
        Needs momentum and no dampening.
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
    w <- w - eta dE/dw, where momentum replaces the gradient g + weight_decay w by a velocity v <- momentum v +
    (1 - dampening) g. In place, one pass, deterministic.

    Examples
    --------
    >>> weight = nn.Parameter(np.ones(2))
    >>> weight.grad = np.array([1.0, 2.0])
    >>> optim.SGD([weight], lr=0.1, momentum=0.9).step()
    >>> weight.data
    array([0.9, 0.8])
    """

    kernel = "sgd"
    options = ("lr", "momentum", "dampening", "weight_decay", "nesterov", "maximize")
    buffers = ("momentum_buffer",)

    def __init__(
        self,
        params: Iterable[Parameter],
        lr: float = 1e-3,
        momentum: float = 0.0,
        dampening: float = 0.0,
        weight_decay: float = 0.0,
        nesterov: bool = False,
        *,
        maximize: bool = False,
        foreach: bool | None = None,
        differentiable: bool = False,
        fused: bool | None = None,
    ) -> None:
        super().__init__(params)
        refuse_differentiable(self.name, differentiable)
        options = {"lr": lr, "momentum": momentum, "dampening": dampening, "weight_decay": weight_decay}
        self.lr, self.momentum, self.dampening, self.weight_decay = at_least_zero(self.name, **options)
        if nesterov and (momentum == 0 or dampening != 0):
            raise ValueError(f"SGD: nesterov needs momentum > 0 and dampening 0, got {momentum} and {dampening}")
        self.nesterov, self.maximize = bool(nesterov), bool(maximize)

    def _step_of(self, w: Array, dw: Array, state: dict[str, Any]) -> tuple[tuple[Array | None, ...], tuple[Any, ...]]:
        v, first = state.get("momentum_buffer"), False
        if self.momentum and v is None:
            v, first = array_module(w).empty(w.shape, wide(w.dtype)), True
            state["momentum_buffer"] = v
        sign = -1.0 if self.maximize else 1.0
        constants = (sign, self.weight_decay, self.lr, self.momentum, 1 - self.dampening)
        return (w, dw, v if self.momentum else None), (*constants, self.nesterov, first)
