"""One cycle: up to a large rate and down to a very small one, momentum the other way around."""

import math
from typing import Any

from ...core.options import number, one_of
from .base import HasLearningRate, LRScheduler, count


class OneCycleLR(LRScheduler):
    """From max_lr / div_factor up to max_lr, down to nearly 0; momentum moves against it (Smith and Topin, 2018).

    Parameters
    ----------
    optimizer : Optimizer
        With cycle_momentum it needs a momentum, or betas, of which the first is cycled.
    max_lr : float
    total_steps : int, optional
        Or `epochs` and `steps_per_epoch`, whose product it is.
    epochs, steps_per_epoch : int, optional
    pct_start : float
        Fraction of the steps in which the rate rises.
    anneal_strategy : {"cos", "linear"}
    cycle_momentum : bool
    base_momentum, max_momentum : float
    div_factor, final_div_factor : float
        The initial rate is max_lr / div_factor, the final one that divided by final_div_factor.
    three_phase : bool
        Fall to the initial rate in as many steps as the rise took, and to the end in the rest.
    last_epoch : int
        As for `LRScheduler`.

    Raises
    ------
    TypeError
        If the number of steps is missing.
    ValueError
        If an option is outside its range, or the optimizer has no momentum to cycle; from `step` after the last step.

    Examples
    --------
    >>> optimizer = optim.SGD([nn.Parameter(np.ones(2))], lr=0.1, momentum=0.9)
    >>> schedule = optim.lr_scheduler.OneCycleLR(optimizer, max_lr=1.0, total_steps=10)
    >>> round(optimizer.lr, 4)
    0.04
    """

    def __init__(
        self,
        optimizer: HasLearningRate,
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
        last_epoch: int = -1,
    ) -> None:
        op = "OneCycleLR"
        if total_steps is None:
            total_steps = count(op, "epochs", epochs) * count(op, "steps_per_epoch", steps_per_epoch)
        self.max_lr, self.total_steps = number(op, "max_lr", max_lr), count(op, "total_steps", total_steps)
        share = number(op, "pct_start", pct_start)
        if not 0 <= share <= 1:
            raise ValueError(f"{op}: pct_start is {pct_start}, expected 0 to 1")
        one_of(op, "anneal_strategy", anneal_strategy, ("cos", "linear"))
        self.anneal_strategy = anneal_strategy
        self._option = _momentum_option(optimizer) if cycle_momentum else None
        high = self.max_lr
        low = high / number(op, "div_factor", div_factor)
        end, last = low / number(op, "final_div_factor", final_div_factor), self.total_steps - 1
        peak = share * self.total_steps - 1
        # (last step of the phase, rate and momentum at its end)
        self._start = (low, max_momentum)
        self._phases = [(peak, high, base_momentum), (last, end, max_momentum)]
        if three_phase:
            self._phases.insert(1, (2 * peak, low, max_momentum))
        super().__init__(optimizer, last_epoch)

    def rate(self, step: int) -> float:
        """Return the cycle's learning rate."""
        return self._at(step)[0]

    def momentum(self, step: int) -> float:
        """Return the cycle's momentum."""
        return self._at(step)[1]

    def _at(self, step: int) -> tuple[float, float]:
        if step >= self.total_steps:
            raise ValueError(f"OneCycleLR: step is {step}, expected fewer than total_steps={self.total_steps}")
        began, (rate, momentum) = 0.0, self._start
        for end, next_rate, next_momentum in self._phases:
            if step <= end or end == self._phases[-1][0]:
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
        if self._option == "betas":
            optimizer.betas = (momentum, *optimizer.betas[1:])
        elif self._option == "momentum":
            optimizer.momentum = momentum


def _momentum_option(optimizer: HasLearningRate) -> str:
    """Name of the option that is the optimizer's momentum."""
    for name in ("betas", "momentum"):
        if hasattr(optimizer, name):
            return name
    raise ValueError(
        f"OneCycleLR: optimizer is {type(optimizer).__name__}, expected one with momentum or betas, or "
        "cycle_momentum=False"
    )
