"""Adam and AdamW."""

import math
from collections.abc import Iterable
from typing import Any, ClassVar

from ..core.typing import Array
from ..nn.checks import only
from ..nn.parameter import Parameter
from .base import Optimizer
from .options import at_least_zero, two_decays
from .parameters import refuse_differentiable


class Adam(Optimizer):
    """Steps scaled by the gradient's moments (Kingma and Ba, 2015), as torch.optim.Adam.

    Parameters
    ----------
    params : iterable of Parameter
    lr : float
        Learning rate eta, about the largest change of a weight in a step.
    betas : pair of float
        Decay of the moving averages of the gradient and of its square.
    eps : float
        Added to the root of the square.
    weight_decay : float
        Added to the gradient, as weight_decay w.
    amsgrad : bool
        Divide by the largest average of the square so far (Reddi, Kale and Kumar, 2018).
    maximize : bool
        Ascend the gradient instead.
    foreach, fused : bool, optional
        Accepted as in PyTorch, without effect: one launch updates all parameters.
    capturable : bool
        Accepted as in PyTorch, without effect: `gpuconv.cuda_graph` records every optimizer.
    differentiable : bool
        False: an update has no gradient.
    decoupled_weight_decay : bool
        False: `AdamW` decouples it.

    Raises
    ------
    TypeError
        If params holds something else than parameters, or betas is no pair.
    ValueError
        If an option is negative or not finite or a beta not below 1, params is empty, or a parameter occurs
        twice.

    Notes
    -----
    m <- beta1 m + (1 - beta1) g, v <- beta2 v + (1 - beta2) g^2, and with the bias corrections of step t
    w <- w - eta m / (1 - beta1^t) / (sqrt(v / (1 - beta2^t)) + eps). In place, one pass, deterministic.

    Examples
    --------
    >>> weight = nn.Parameter(np.ones(2))
    >>> weight.grad = np.array([1.0, -2.0])
    >>> optim.Adam([weight], lr=0.1).step()
    >>> weight.data.round(4)
    array([0.9, 1.1])
    """

    kernel = "adam"
    options = ("lr", "betas", "eps", "weight_decay", "amsgrad", "maximize")
    buffers = ("exp_avg", "exp_avg_sq", "max_exp_avg_sq")
    decoupled: ClassVar[bool] = False
    """Whether weight decay shrinks the weights directly and stays out of the averages."""

    def __init__(
        self,
        params: Iterable[Parameter],
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.0,
        amsgrad: bool = False,
        *,
        foreach: bool | None = None,
        maximize: bool = False,
        capturable: bool = False,
        differentiable: bool = False,
        fused: bool | None = None,
        decoupled_weight_decay: bool = False,
    ) -> None:
        super().__init__(params)
        refuse_differentiable(self.name, differentiable)
        only(self.name, "decoupled_weight_decay", decoupled_weight_decay, False, "AdamW decouples it")
        self.lr, self.eps, self.weight_decay = at_least_zero(self.name, lr=lr, eps=eps, weight_decay=weight_decay)
        self.betas = two_decays(self.name, betas)
        self.amsgrad, self.maximize = bool(amsgrad), bool(maximize)

    def _step_of(self, w: Array, dw: Array, state: dict[str, Any]) -> tuple[tuple[Array | None, ...], tuple[Any, ...]]:
        step = state["step"] = state.get("step", 0) + 1
        mean, square = self._zeros(state, "exp_avg", w), self._zeros(state, "exp_avg_sq", w)
        largest = self._zeros(state, "max_exp_avg_sq", w) if self.amsgrad else None
        beta1, beta2 = self.betas
        size, correction = self.lr / (1 - beta1**step), 1 / math.sqrt(1 - beta2**step)
        coupled, shrink = (0.0, 1 - self.lr * self.weight_decay) if self.decoupled else (self.weight_decay, 1.0)
        constants = (-1.0 if self.maximize else 1.0, coupled, shrink, 1 - beta1, beta2, 1 - beta2, size, correction)
        return (w, dw, mean, square, largest), (*constants, self.eps)


class AdamW(Adam):
    """Adam that shrinks the weights by 1 - eta weight_decay in each step (Loshchilov and Hutter, 2019).

    Parameters, errors and notes as for `Adam`; the decay does not enter the averages. As torch.optim.AdamW.

    Examples
    --------
    >>> weight = nn.Parameter(np.ones(2))
    >>> weight.grad = np.array([1.0, -2.0])
    >>> optim.AdamW([weight], lr=0.1, weight_decay=0.5).step()
    >>> weight.data.round(4)
    array([0.85, 1.05])
    """

    decoupled = True

    def __init__(
        self,
        params: Iterable[Parameter],
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 1e-2,
        amsgrad: bool = False,
        *,
        maximize: bool = False,
        foreach: bool | None = None,
        capturable: bool = False,
        differentiable: bool = False,
        fused: bool | None = None,
    ) -> None:
        super().__init__(
            params, lr, betas, eps, weight_decay, amsgrad, maximize=maximize, differentiable=differentiable
        )
