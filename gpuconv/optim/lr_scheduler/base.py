"""What the schedulers share: a step count, and a rate that is a function of it."""

import operator
from collections.abc import Mapping
from typing import Any, Protocol

from ...core import states


class HasLearningRate(Protocol):
    """What a scheduler needs of an optimizer."""

    lr: float
    initial_lr: float | None


class LRScheduler:
    """Base of the schedulers: the rate of a step is a function of the step alone, so rounding errors do not add up.

    Parameters
    ----------
    optimizer : Optimizer
        Its rate is the base of the schedule; of several schedulers, the rate that the first one found.
    last_epoch : int
        Last step of the run that is resumed; -1 starts a new one.

    Raises
    ------
    TypeError
        If optimizer has no learning rate.
    ValueError
        If last_epoch resumes a run that never started: the optimizer knows of no initial rate.
    """

    def __init__(self, optimizer: HasLearningRate, last_epoch: int = -1) -> None:
        op = type(self).__name__
        if not hasattr(optimizer, "lr"):
            raise TypeError(f"{op}: optimizer is a {type(optimizer).__name__}, expected an Optimizer")
        if optimizer.initial_lr is None:
            if last_epoch != -1:
                raise ValueError(f"{op}: last_epoch is {last_epoch}, expected -1 with an optimizer never scheduled")
            optimizer.initial_lr = optimizer.lr
        self.optimizer, self.base_lr, self.last_step = optimizer, optimizer.initial_lr, int(last_epoch) + 1
        self._apply()

    @property
    def last_epoch(self) -> int:
        """PyTorch's name for `last_step`."""
        return self.last_step

    def get_last_lr(self) -> list[float]:
        """Return the present rate, in a list as PyTorch does."""
        return [self.optimizer.lr]

    def rate(self, step: int) -> float:
        """Return the learning rate after so many steps."""
        raise TypeError(f"{type(self).__name__} defines no rate")

    def step(self) -> None:
        """Set the next rate; called after the optimizer's step, once a batch or once an epoch."""
        self.last_step += 1
        self._apply()

    def state_dict(self) -> dict[str, Any]:
        """Return the step and the base rate; the scheduler's options are not part of its state."""
        return {"last_step": self.last_step, "base_lr": self.base_lr}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Resume from a state, and set the optimizer's rate; of a state of another kind, nothing is taken."""
        op = type(self).__name__
        entries = states.mapping(op, "state", state, "last_step", "base_lr")
        step = states.count(op, "last_step in state", entries["last_step"])
        self.base_lr = states.plain_number(op, "base_lr in state", entries["base_lr"])
        self.last_step = step
        self._apply()

    def _apply(self) -> None:
        self.optimizer.lr = self.rate(self.last_step)

    def __repr__(self) -> str:
        """Show the options, the step and the present rate."""
        return shown(self, step=self.last_step)


def shown(scheduler: Any, **state: Any) -> str:
    """How a scheduler prints: its options, its state, and the optimizer's present rate."""
    hidden = ("optimizer", "last_step", "base_lr", *state)
    options = {name: value for name, value in vars(scheduler).items() if name not in hidden and name[0] != "_"}
    fields = {**options, **state, "lr": scheduler.optimizer.lr}
    return f"{type(scheduler).__name__}({', '.join(f'{name}={value!r}' for name, value in fields.items())})"


def count(op: str, name: str, value: Any) -> int:
    """A number of steps, at least 1."""
    try:
        steps = operator.index(value)
    except TypeError:
        raise TypeError(f"{op}: {name} is {value!r}, expected an integer") from None
    if steps < 1:
        raise ValueError(f"{op}: {name} is {steps}, expected at least 1")
    return steps
