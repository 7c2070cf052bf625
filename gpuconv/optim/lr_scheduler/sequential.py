"""One scheduler after the other."""

from bisect import bisect_right
from collections.abc import Iterable

from .base import HasLearningRate, LRScheduler, count


class SequentialLR(LRScheduler):
    """Each scheduler from its milestone on, its steps counted from the milestone: a warm-up, then a decay.

    Parameters
    ----------
    optimizer : Optimizer
    schedulers : iterable of LRScheduler
        Of the same optimizer; no `OneCycleLR`, which sets more than a rate, nor `ReduceLROnPlateau`.
    milestones : iterable of int
        First step of the second scheduler, of the third, and so on.
    last_epoch : int
        As for `LRScheduler`.

    Raises
    ------
    TypeError
        If something is no such scheduler.
    ValueError
        If the milestones do not rise or are not one fewer than the schedulers, or a scheduler is of another optimizer.

    Examples
    --------
    >>> optimizer = optim.SGD([nn.Parameter(np.ones(2))], lr=0.1)
    >>> warm = optim.lr_scheduler.ConstantLR(optimizer, factor=0.5, total_iters=1)
    >>> decay = optim.lr_scheduler.ExponentialLR(optimizer, gamma=0.5)
    >>> schedule = optim.lr_scheduler.SequentialLR(optimizer, [warm, decay], milestones=[2])
    >>> for _ in range(3):
    ...     schedule.step()
    >>> round(optimizer.lr, 4)
    0.05
    """

    def __init__(
        self,
        optimizer: HasLearningRate,
        schedulers: Iterable[LRScheduler],
        milestones: Iterable[int],
        last_epoch: int = -1,
    ) -> None:
        self.schedulers = list(schedulers)
        self.milestones = [count("SequentialLR", "milestones", milestone) for milestone in milestones]
        for i, scheduler in enumerate(self.schedulers):
            if not isinstance(scheduler, LRScheduler) or type(scheduler)._apply is not LRScheduler._apply:
                raise TypeError(
                    f"SequentialLR: schedulers[{i}] is a {type(scheduler).__name__}, expected an LRScheduler that sets "
                    "nothing but a rate"
                )
            if scheduler.optimizer is not optimizer:
                raise ValueError(f"SequentialLR: schedulers[{i}] is of another optimizer, expected the same")
        if len(self.milestones) != len(self.schedulers) - 1:
            raise ValueError(
                f"SequentialLR: got {len(self.milestones)} milestones, expected one fewer than the "
                f"{len(self.schedulers)} schedulers"
            )
        if self.milestones != sorted(set(self.milestones)):
            raise ValueError(f"SequentialLR: milestones are {self.milestones}, expected rising ones")
        super().__init__(optimizer, last_epoch)

    def rate(self, step: int) -> float:
        """Return the rate of the scheduler that the step belongs to."""
        i = bisect_right(self.milestones, step)
        return self.schedulers[i].rate(step - self.milestones[i - 1] if i else step)
