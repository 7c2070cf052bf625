"""One cycle: up to a large rate and down to a very small one, momentum the other way round."""

import math
from typing import Any

from ...core.arrays import number, one_of
from .base import Rated, Schedule, count


class OneCycleLR(Schedule):
    """From max_lr / div_factor up to max_lr, down to nearly 0; momentum moves against it (Smith and Topin, 2018).

    Parameters
    ----------
    optimizer : Optimizer
        With cycle_momentum one that has a momentum or betas, of which the first is moved.
    max_lr : float
    total_steps : int, optional
        Or `epochs` and `steps_per_epoch`, whose product it is.
    epochs, steps_per_epoch : int, optional
    pct_start : float
        Share of the steps that go up.
    anneal_strategy : {"cos", "linear"}
    cycle_momentum : bool
    base_momentum, max_momentum : float
    div_factor, final_div_factor : float
        Start is max_lr / div_factor, the end that over final_div_factor.
    three_phase : bool
        Down to the start in as many steps as it went up, and to the end in the rest.

    Raises
    ------
    TypeError
        If there is no number of steps.
    ValueError
        If an option is outside its range, or the optimiser has no momentum to cycle; from `step` after the last step.
    """

    def __init__(
        self,
        optimizer: Rated,
        max_lr: float,
        total_steps: int | None = None,
        epochs: int | None = None,
        steps_per_epoch: int | None = None,
        pct_start: float = 0.3,
        anneal_strategy: str = "cos",
        cycle_momentum: bool = True,
        base_momentum: float = 0.85,
        max_momentum: float = 0.95,
        div_factor: float = 25.0,
        final_div_factor: float = 1e4,
        three_phase: bool = False,
    ) -> None:
        op = "OneCycleLR"
        if total_steps is None:
            total_steps = count(op, "epochs", epochs) * count(op, "steps_per_epoch", steps_per_epoch)
        self.total_steps = count(op, "total_steps", total_steps)
        share = number(op, "pct_start", pct_start)
        if not 0 <= share <= 1:
            raise ValueError(f"{op}: pct_start is {pct_start}, expected 0 to 1")
        one_of(op, "anneal_strategy", anneal_strategy, ("cos", "linear"))
        self.anneal_strategy = anneal_strategy
        self.cycled = _cycled(optimizer) if cycle_momentum else None
        high = number(op, "max_lr", max_lr)
        low = high / number(op, "div_factor", div_factor)
        end, last = low / number(op, "final_div_factor", final_div_factor), self.total_steps - 1
        peak = share * self.total_steps - 1
        # (where the phase ends, rate and momentum there); before the first stands where it all starts.
        self.start = (low, max_momentum)
        self.phases = [(peak, high, base_momentum), (last, end, max_momentum)]
        if three_phase:
            self.phases.insert(1, (2 * peak, low, max_momentum))
        super().__init__(optimizer)

    def rate(self, step: int) -> float:
        """The cycle's learning rate."""
        return self._at(step)[0]

    def momentum(self, step: int) -> float:
        """The cycle's momentum."""
        return self._at(step)[1]

    def _at(self, step: int) -> tuple[float, float]:
        if step >= self.total_steps:
            raise ValueError(f"OneCycleLR: step is {step}, expected fewer than total_steps={self.total_steps}")
        began, (rate, momentum) = 0.0, self.start
        for end, next_rate, next_momentum in self.phases:
            if step <= end or end == self.phases[-1][0]:
                share = (step - began) / (end - began) if end != began else 1.0
                return self._between(rate, next_rate, share), self._between(momentum, next_momentum, share)
            began, rate, momentum = end, next_rate, next_momentum
        raise AssertionError("the last phase has no end")

    def _between(self, start: float, end: float, share: float) -> float:
        if self.anneal_strategy == "linear":
            return start + (end - start) * share
        return end + (start - end) / 2 * (1 + math.cos(math.pi * share))

    def _apply(self) -> None:
        rate, momentum = self._at(self.last_step)
        optimizer: Any = self.optimizer
        optimizer.lr = rate
        if self.cycled == "betas":
            optimizer.betas = (momentum, *optimizer.betas[1:])
        elif self.cycled == "momentum":
            optimizer.momentum = momentum


def _cycled(optimizer: Rated) -> str:
    """The option that stands for momentum."""
    for name in ("betas", "momentum"):
        if hasattr(optimizer, name):
            return name
    raise ValueError(
        f"OneCycleLR: optimizer is {type(optimizer).__name__}, expected one with momentum or betas, or "
        "cycle_momentum=False"
    )
