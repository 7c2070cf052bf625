"""A rate that is reduced when a metric stops improving."""

import math
from collections.abc import Mapping
from typing import Any

from ...core import states
from ...core.options import number, one_of
from .base import HasLearningRate, shown


class ReduceLROnPlateau:
    """Multiplies the rate by a factor once a metric has not improved for more than `patience` steps.

    Parameters
    ----------
    optimizer : Optimizer
    mode : {"min", "max"}
        Whether smaller or larger metrics are better.
    factor : float
        Below 1.
    patience : int
        Steps without improvement after which the rate is still kept.
    threshold : float
        Smallest change that counts as an improvement, relative to the size of the best metric or absolute.
    threshold_mode : {"rel", "abs"}
    cooldown : int
        Steps after a reduction that do not count as bad.
    min_lr : float
    eps : float
        Smallest change of the rate that is made.

    Raises
    ------
    ValueError
        If factor is not below 1, or a mode is unknown.

    Notes
    -----
    As torch.optim.lr_scheduler.ReduceLROnPlateau, but for negative metrics: a relative change counts from the best
    metric's absolute value here, while in PyTorch a negative metric that stays the same is an improvement every time.

    Examples
    --------
    >>> optimizer = optim.SGD([nn.Parameter(np.ones(2))], lr=0.1)
    >>> schedule = optim.lr_scheduler.ReduceLROnPlateau(optimizer, factor=0.5, patience=0)
    >>> for loss in (1.0, 1.0):
    ...     schedule.step(loss)
    >>> optimizer.lr
    0.05
    """

    def __init__(
        self,
        optimizer: HasLearningRate,
        mode: str = "min",
        factor: float = 0.1,
        patience: int = 10,
        threshold: float = 1e-4,
        threshold_mode: str = "rel",
        cooldown: int = 0,
        min_lr: float = 0.0,
        eps: float = 1e-8,
    ) -> None:
        op = "ReduceLROnPlateau"
        one_of(op, "mode", mode, ("min", "max"))
        one_of(op, "threshold_mode", threshold_mode, ("rel", "abs"))
        self.factor = number(op, "factor", factor)
        if not self.factor < 1:
            raise ValueError(f"{op}: factor is {factor}, expected below 1")
        self.optimizer, self.mode, self.threshold_mode = optimizer, mode, threshold_mode
        self.threshold, self.min_lr = number(op, "threshold", threshold), number(op, "min_lr", min_lr)
        self.eps, self.patience, self.cooldown = number(op, "eps", eps), int(patience), int(cooldown)
        self.best = math.inf if mode == "min" else -math.inf
        self.bad_steps = self.cooling = 0

    def step(self, metric: float) -> None:
        """Record a metric, such as the test loss of an epoch, and set the rate.

        Parameters
        ----------
        metric : float
            NaN is no improvement.
        """
        value = float(metric)
        if self._better(value):
            self.best, self.bad_steps = value, 0
        else:
            self.bad_steps += 1
        if self.cooling:
            self.cooling -= 1
            self.bad_steps = 0
        if self.bad_steps > self.patience:
            rate = max(self.optimizer.lr * self.factor, self.min_lr)
            if self.optimizer.lr - rate > self.eps:
                self.optimizer.lr = rate
            self.cooling, self.bad_steps = self.cooldown, 0

    def state_dict(self) -> dict[str, Any]:
        """Return the best metric and the counts; the rate is part of the optimizer's state."""
        return {"best": self.best, "bad_steps": self.bad_steps, "cooling": self.cooling}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Resume from a state; of a state of another kind, nothing is taken."""
        op = type(self).__name__
        entries = states.mapping(op, "state", state, "best", "bad_steps", "cooling")
        best = states.plain_number(op, "best in state", entries["best"])
        bad, cooling = (states.count(op, f"{name} in state", entries[name]) for name in ("bad_steps", "cooling"))
        self.best, self.bad_steps, self.cooling = best, bad, cooling

    def __repr__(self) -> str:
        """Show the options, the state and the present rate."""
        return shown(self)

    def _better(self, value: float) -> bool:
        sign = 1 if self.mode == "min" else -1
        if math.isinf(self.best):  # the first metric
            return sign * value < sign * self.best
        inward = sign if self.best >= 0 else -sign
        relative = self.threshold_mode == "rel"
        limit = self.best * (1 - inward * self.threshold) if relative else self.best - sign * self.threshold
        return sign * value < sign * limit
