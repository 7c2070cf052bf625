"""Optimisers: what turns gradients into the next weights, one kernel launch for each parameter."""

import math
from collections.abc import Iterable
from typing import Any

from .arguments import floating, shaped
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
    TypeError
        If something else than a Parameter is to be optimised.
    ValueError
        If an option is negative or not finite, there is nothing to optimise, or a parameter occurs twice.

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
        for i, parameter in enumerate(self.parameters):
            if not isinstance(parameter, Parameter):
                raise TypeError(f"SGD: parameters[{i}] is a {type(parameter).__name__}, expected a Parameter")
        if len({id(parameter) for parameter in self.parameters}) < len(self.parameters):
            raise ValueError("SGD: a parameter occurs twice in parameters, expected each once")
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
        """Move every parameter that has a gradient.

        Raises
        ------
        TypeError
            If a gradient differs from its parameter in dtype or device.
        ValueError
            If it has another shape, or the parameter's array is not C-contiguous.
        """
        for i, parameter in enumerate(self.parameters):
            if parameter.grad is None:
                continue
            w, v = parameter.data, self._velocities[i]
            if not w.flags.c_contiguous:  # a copy would be moved instead
                raise ValueError(f"SGD: parameters[{i}] has strides {w.strides}, expected a C-contiguous array")
            _, gradient = floating("SGD", data=w, grad=parameter.grad)
            shaped("SGD", f"the gradient of parameters[{i}]", gradient, w.shape, "its parameter's shape")
            with on_device_of(w):
                first = v is None
                if first and self.momentum:
                    v = self._velocities[i] = array_module(w).empty_like(w)
                options = (self.lr, self.momentum, self.dampening, self.weight_decay, self.nesterov, first)
                kernels_for(w).optimizers.sgd(w, gradient, v, *options)

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
