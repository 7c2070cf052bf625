"""One schedule after the other."""

from bisect import bisect_right
from collections.abc import Iterable

from .base import Rated, Schedule, count


class SequentialLR(Schedule):
    """Each schedule from its milestone on, counting from 0 there: a warm-up, then a decay.

    Parameters
    ----------
    optimizer : Optimizer
    schedules : iterable of Schedule
        Of the same optimiser; but no `OneCycleLR`, which sets more than a rate, nor `ReduceLROnPlateau`.
    milestones : iterable of int
        Where the second schedule starts, the third, and so on.

    Raises
    ------
    TypeError
        If something is no such schedule.
    ValueError
        If the milestones do not rise or are not one fewer than the schedules, or a schedule is of another optimiser.
    """

    def __init__(self, optimizer: Rated, schedules: Iterable[Schedule], milestones: Iterable[int]) -> None:
        self.schedules = list(schedules)
        self.milestones = [count("SequentialLR", "milestones", milestone) for milestone in milestones]
        for i, schedule in enumerate(self.schedules):
            if not isinstance(schedule, Schedule) or type(schedule)._apply is not Schedule._apply:
                raise TypeError(
                    f"SequentialLR: schedules[{i}] is a {type(schedule).__name__}, expected a rate's Schedule"
                )
            if schedule.optimizer is not optimizer:
                raise ValueError(f"SequentialLR: schedules[{i}] is of another optimiser, expected the same")
        if len(self.milestones) != len(self.schedules) - 1:
            raise ValueError(
                f"SequentialLR: there are {len(self.milestones)} milestones, expected one fewer than the "
                f"{len(self.schedules)} schedules"
            )
        if self.milestones != sorted(set(self.milestones)):
            raise ValueError(f"SequentialLR: milestones are {self.milestones}, expected rising ones")
        super().__init__(optimizer)

    def rate(self, step: int) -> float:
        """That of the schedule whose turn it is."""
        turn = bisect_right(self.milestones, step)
        return self.schedules[turn].rate(step - self.milestones[turn - 1] if turn else step)
