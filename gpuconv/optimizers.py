"""Optimisers: what turns gradients into the next weights, one kernel launch for each parameter."""

import math
from collections.abc import Iterable
from typing import Any

from .backend import Array, array_module, kernels_for, on_device_of
from .nn.module import Parameter


class SGD:
    """Stochastic gradient descent with momentum and weight decay, as torch.optim.SGD.

    Parameters
    ----------
    parameters : iterable of Parameter
    lr : float
        Learning rate eta.
    momentum, dampening, weight_decay : float
    nesterov : bool
        Needs momentum and no dampening.

    Raises
    ------
    ValueError
        If an option is negative or not finite, or there is nothing to optimise.

    Notes
    -----
    w <- w - eta dE/dw, where momentum replaces the gradient g + weight_decay w by a velocity v <- momentum v +
    (1 - dampening) g. In place, one pass, deterministic.
    """

    def __init__(
        self,
        parameters: Iterable[Parameter],
        lr: float,
        *,
        momentum: float = 0.0,
        dampening: float = 0.0,
        weight_decay: float = 0.0,
        nesterov: bool = False,
    ) -> None:
        self.parameters = list(parameters)
        if not self.parameters:
            raise ValueError("SGD: parameters is empty, expected at least one Parameter")
        options = {"lr": lr, "momentum": momentum, "dampening": dampening, "weight_decay": weight_decay}
        for name, value in options.items():
            if not (math.isfinite(value) and value >= 0):
                raise ValueError(f"SGD: {name} is {value}, expected a finite number, at least 0")
        if nesterov and (momentum == 0 or dampening != 0):
            raise ValueError(f"SGD: nesterov needs momentum > 0 and dampening 0, got {momentum} and {dampening}")
        self.lr, self.momentum, self.dampening = float(lr), float(momentum), float(dampening)
        self.weight_decay, self.nesterov = float(weight_decay), bool(nesterov)
        self._velocities: list[Array | None] = [None] * len(self.parameters)

    def step(self) -> None:
        """Move every parameter that has a gradient."""
        for i, parameter in enumerate(self.parameters):
            if parameter.grad is None:
                continue
            w, v = parameter.data, self._velocities[i]
            with on_device_of(w):
                first = v is None
                if first and self.momentum:
                    v = self._velocities[i] = array_module(w).empty_like(w)
                options = (self.lr, self.momentum, self.dampening, self.weight_decay, self.nesterov, first)
                kernels_for(w).optimizers.sgd(w, parameter.grad, v, *options)

    def zero_grad(self) -> None:
        """Forget the gradients."""
        for parameter in self.parameters:
            parameter.grad = None

    def state_dict(self) -> dict[str, Any]:
        """Options and velocities; what `load_state_dict` takes."""
        options = ("lr", "momentum", "dampening", "weight_decay", "nesterov")
        return {**{name: getattr(self, name) for name in options}, "velocities": list(self._velocities)}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take up where the optimiser that gave the state stood.

        Raises
        ------
        ValueError
            If it had another number of parameters, or a velocity has another shape; nothing is changed then.
        """
        velocities = state["velocities"]
        if len(velocities) != len(self.parameters):
            raise ValueError(f"SGD: state has {len(velocities)} velocities, expected {len(self.parameters)}")
        for v, parameter in zip(velocities, self.parameters, strict=True):
            if v is not None and v.shape != parameter.data.shape:
                raise ValueError(f"SGD: state has a velocity of shape {v.shape}, expected {parameter.data.shape}")
        for name in ("lr", "momentum", "dampening", "weight_decay", "nesterov"):
            setattr(self, name, state[name])
        self._velocities = [None if v is None else v.copy() for v in velocities]
