"""What the schedules share: a step count, and a rate that is a function of it."""

import operator
from collections.abc import Mapping
from typing import Any, Protocol


class Rated(Protocol):
    """What a schedule needs of an optimiser."""

    lr: float
    initial_lr: float | None


class Schedule:
    """Base of the schedules: the rate of a step is a function of the step alone, so rounding errors do not add up.

    Parameters
    ----------
    optimizer : Optimizer
        Its rate is the base of the schedule; if another schedule was there first, the rate that one found.
    """

    def __init__(self, optimizer: Rated) -> None:
        if optimizer.initial_lr is None:
            optimizer.initial_lr = optimizer.lr
        self.optimizer, self.base_lr, self.last_step = optimizer, optimizer.initial_lr, 0
        self._apply()

    def rate(self, step: int) -> float:
        """Learning rate after so many steps."""
        raise TypeError(f"{type(self).__name__} defines no rate")

    def step(self) -> None:
        """Set the next rate; called after the optimiser's step, once a batch or once an epoch."""
        self.last_step += 1
        self._apply()

    def state_dict(self) -> dict[str, Any]:
        """Where the schedule stands; what it was made with is not part of it."""
        return {"last_step": self.last_step, "base_lr": self.base_lr}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from there, and set the optimiser's rate."""
        self.last_step, self.base_lr = int(state["last_step"]), float(state["base_lr"])
        self._apply()

    def _apply(self) -> None:
        self.optimizer.lr = self.rate(self.last_step)


def count(op: str, name: str, value: Any) -> int:
    """A number of steps, at least 1."""
    try:
        steps = operator.index(value)
    except TypeError:
        raise TypeError(f"{op}: {name} is {value!r}, expected an integer") from None
    if steps < 1:
        raise ValueError(f"{op}: {name} is {steps}, expected at least 1")
    return steps
