"""RMSprop."""

from collections.abc import Iterable
from typing import Any

from ..core.typing import Array
from ..nn.parameter import Parameter
from .base import Optimizer
from .options import at_least_zero
from .parameters import refuse_differentiable


class RMSprop(Optimizer):
    """Gradients divided by the root of their mean square (Tieleman and Hinton, 2012), as torch.optim.RMSprop.

    Parameters
    ----------
    params : iterable of Parameter
    lr : float
        Learning rate eta.
    alpha : float
        Decay of the moving average of the squares.
    eps : float
        Added to the root.
    weight_decay, momentum : float
    centered : bool
        Divide by the standard deviation of the gradient, not by its root mean square (Graves, 2013).
    maximize : bool
        Ascend the gradient instead.
    capturable : bool
        Accepted as in PyTorch, without effect: `gpuconv.cuda_graph` records every optimizer.
    foreach : bool, optional
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
    v <- alpha v + (1 - alpha) g^2, w <- w - eta g / (sqrt(v) + eps); with momentum along b <- momentum b +
    g / (sqrt(v) + eps). In place, one pass, deterministic.

    Examples
    --------
    >>> weight = nn.Parameter(np.ones(2))
    >>> weight.grad = np.array([1.0, -2.0])
    >>> optim.RMSprop([weight], lr=0.1, alpha=0.75).step()
    >>> weight.data.round(4)
    array([0.8, 1.2])
    """

    kernel = "rmsprop"
    options = ("lr", "alpha", "eps", "weight_decay", "momentum", "centered", "maximize")
    buffers = ("square_avg", "grad_avg", "momentum_buffer")

    def __init__(
        self,
        params: Iterable[Parameter],
        lr: float = 1e-2,
        alpha: float = 0.99,
        eps: float = 1e-8,
        weight_decay: float = 0.0,
        momentum: float = 0.0,
        centered: bool = False,
        capturable: bool = False,
        foreach: bool | None = None,
        maximize: bool = False,
        differentiable: bool = False,
    ) -> None:
        super().__init__(params)
        refuse_differentiable(self.name, differentiable)
        options = {"lr": lr, "alpha": alpha, "eps": eps, "weight_decay": weight_decay, "momentum": momentum}
        self.lr, self.alpha, self.eps, self.weight_decay, self.momentum = at_least_zero(self.name, **options)
        self.centered, self.maximize = bool(centered), bool(maximize)

    def _step_of(self, w: Array, dw: Array, state: dict[str, Any]) -> tuple[tuple[Array | None, ...], tuple[Any, ...]]:
        state["step"] = state.get("step", 0) + 1
        square = self._zeros(state, "square_avg", w)
        mean = self._zeros(state, "grad_avg", w) if self.centered else None
        v = self._zeros(state, "momentum_buffer", w) if self.momentum else None
        constants = (-1.0 if self.maximize else 1.0, self.weight_decay, self.lr, self.alpha, 1 - self.alpha)
        return (w, dw, square, mean, v), (*constants, self.momentum, self.eps)
