"""Schedulers that multiply the base rate by a factor of the step, as the classes of these names in torch do."""

import math
from bisect import bisect_right
from collections.abc import Callable, Iterable

from ...core.options import number
from .base import HasLearningRate, LRScheduler, count


class StepLR(LRScheduler):
    """base_lr gamma^(step // step_size).

    Parameters
    ----------
    optimizer : Optimizer
    step_size : int
    gamma : float
    last_epoch : int
        As for `LRScheduler`.

    Raises
    ------
    ValueError
        If step_size is not positive.

    Examples
    --------
    >>> optimizer = optim.SGD([nn.Parameter(np.ones(2))], lr=0.1)
    >>> schedule = optim.lr_scheduler.StepLR(optimizer, step_size=2, gamma=0.5)
    >>> for _ in range(2):
    ...     schedule.step()
    >>> optimizer.lr
    0.05
    """

    def __init__(self, optimizer: HasLearningRate, step_size: int, gamma: float = 0.1, last_epoch: int = -1) -> None:
        self.step_size, self.gamma = count("StepLR", "step_size", step_size), number("StepLR", "gamma", gamma)
        super().__init__(optimizer, last_epoch)

    def rate(self, step: int) -> float:
        """Return base_lr gamma^(step // step_size)."""
        return self.base_lr * self.gamma ** (step // self.step_size)


class MultiStepLR(LRScheduler):
    """base_lr gamma^(milestones passed).

    Parameters
    ----------
    optimizer : Optimizer
    milestones : iterable of int
        One that occurs twice counts twice.
    gamma : float
    last_epoch : int
        As for `LRScheduler`.

    Examples
    --------
    >>> optimizer = optim.SGD([nn.Parameter(np.ones(2))], lr=0.1)
    >>> schedule = optim.lr_scheduler.MultiStepLR(optimizer, [1, 3], gamma=0.5)
    >>> for _ in range(3):
    ...     schedule.step()
    >>> optimizer.lr
    0.025
    """

    def __init__(
        self, optimizer: HasLearningRate, milestones: Iterable[int], gamma: float = 0.1, last_epoch: int = -1
    ) -> None:
        self.milestones = sorted(count("MultiStepLR", "milestones", milestone) for milestone in milestones)
        self.gamma = number("MultiStepLR", "gamma", gamma)
        super().__init__(optimizer, last_epoch)

    def rate(self, step: int) -> float:
        """Return base_lr gamma^(milestones up to step)."""
        return self.base_lr * self.gamma ** bisect_right(self.milestones, step)


class ExponentialLR(LRScheduler):
    """base_lr gamma^step.

    Parameters
    ----------
    optimizer : Optimizer
    gamma : float
    last_epoch : int
        As for `LRScheduler`.

    Examples
    --------
    >>> optimizer = optim.SGD([nn.Parameter(np.ones(2))], lr=0.1)
    >>> schedule = optim.lr_scheduler.ExponentialLR(optimizer, gamma=0.5)
    >>> schedule.step()
    >>> optimizer.lr
    0.05
    """

    def __init__(self, optimizer: HasLearningRate, gamma: float, last_epoch: int = -1) -> None:
        self.gamma = number("ExponentialLR", "gamma", gamma)
        super().__init__(optimizer, last_epoch)

    def rate(self, step: int) -> float:
        """Return base_lr gamma^step."""
        return self.base_lr * self.gamma**step


class CosineAnnealingLR(LRScheduler):
    """Half a cosine from base_lr down to eta_min in T_max steps, and up again after it (Loshchilov and Hutter, 2017).

    Parameters
    ----------
    optimizer : Optimizer
    T_max : int
    eta_min : float
    last_epoch : int
        As for `LRScheduler`.

    Raises
    ------
    ValueError
        If T_max is not positive.

    Examples
    --------
    >>> optimizer = optim.SGD([nn.Parameter(np.ones(2))], lr=0.1)
    >>> schedule = optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=2)
    >>> schedule.step()
    >>> round(optimizer.lr, 4)
    0.05
    """

    def __init__(self, optimizer: HasLearningRate, T_max: int, eta_min: float = 0.0, last_epoch: int = -1) -> None:
        self.T_max = count("CosineAnnealingLR", "T_max", T_max)
        self.eta_min = number("CosineAnnealingLR", "eta_min", eta_min)
        super().__init__(optimizer, last_epoch)

    def rate(self, step: int) -> float:
        """Return eta_min + (base_lr - eta_min) (1 + cos(pi step / T_max)) / 2."""
        return self.eta_min + (self.base_lr - self.eta_min) * (1 + math.cos(math.pi * step / self.T_max)) / 2


class LinearLR(LRScheduler):
    """Linear from start_factor base_lr to end_factor base_lr, then constant: a warm-up.

    Parameters
    ----------
    optimizer : Optimizer
    start_factor, end_factor : float
        Start above 0 and at most 1, end from 0 to 1.
    total_iters : int
        Steps until the end.
    last_epoch : int
        As for `LRScheduler`.

    Raises
    ------
    ValueError
        If a factor is outside its range, or total_iters is not positive.

    Examples
    --------
    >>> optimizer = optim.SGD([nn.Parameter(np.ones(2))], lr=0.1)
    >>> schedule = optim.lr_scheduler.LinearLR(optimizer, start_factor=0.5, total_iters=2)
    >>> schedule.step()
    >>> round(optimizer.lr, 4)
    0.075
    """

    def __init__(
        self,
        optimizer: HasLearningRate,
        start_factor: float = 1 / 3,
        end_factor: float = 1.0,
        total_iters: int = 5,
        last_epoch: int = -1,
    ) -> None:
        self.start_factor = number("LinearLR", "start_factor", start_factor)
        self.end_factor = number("LinearLR", "end_factor", end_factor)
        if not 0 < self.start_factor <= 1:
            raise ValueError(f"LinearLR: start_factor is {start_factor}, expected above 0 and at most 1")
        if not 0 <= self.end_factor <= 1:
            raise ValueError(f"LinearLR: end_factor is {end_factor}, expected 0 to 1")
        self.total_iters = count("LinearLR", "total_iters", total_iters)
        super().__init__(optimizer, last_epoch)

    def rate(self, step: int) -> float:
        """Interpolate linearly, then stay at the end."""
        share = min(step, self.total_iters) / self.total_iters
        return self.base_lr * (self.start_factor + (self.end_factor - self.start_factor) * share)


class ConstantLR(LRScheduler):
    """factor base_lr for total_iters steps, then base_lr.

    Parameters
    ----------
    optimizer : Optimizer
    factor : float
        From 0 to 1.
    total_iters : int
    last_epoch : int
        As for `LRScheduler`.

    Raises
    ------
    ValueError
        If the factor is outside its range, or total_iters is not positive.

    Examples
    --------
    >>> optimizer = optim.SGD([nn.Parameter(np.ones(2))], lr=0.1)
    >>> schedule = optim.lr_scheduler.ConstantLR(optimizer, factor=0.5, total_iters=2)
    >>> optimizer.lr
    0.05
    """

    def __init__(
        self, optimizer: HasLearningRate, factor: float = 1 / 3, total_iters: int = 5, last_epoch: int = -1
    ) -> None:
        self.factor = number("ConstantLR", "factor", factor)
        if not 0 <= self.factor <= 1:
            raise ValueError(f"ConstantLR: factor is {factor}, expected 0 to 1")
        self.total_iters = count("ConstantLR", "total_iters", total_iters)
        super().__init__(optimizer, last_epoch)

    def rate(self, step: int) -> float:
        """Return factor base_lr in the first total_iters steps, then base_lr."""
        return self.base_lr * (self.factor if step < self.total_iters else 1.0)


class LambdaLR(LRScheduler):
    """base_lr times a function of the step.

    Parameters
    ----------
    optimizer : Optimizer
    lr_lambda : callable
        Takes the step, from 0 on.
    last_epoch : int
        As for `LRScheduler`.

    Raises
    ------
    TypeError
        If lr_lambda is no function.

    Examples
    --------
    >>> optimizer = optim.SGD([nn.Parameter(np.ones(2))], lr=0.1)
    >>> schedule = optim.lr_scheduler.LambdaLR(optimizer, lambda step: 1 / (1 + step))
    >>> schedule.step()
    >>> optimizer.lr
    0.05
    """

    def __init__(self, optimizer: HasLearningRate, lr_lambda: Callable[[int], float], last_epoch: int = -1) -> None:
        if not callable(lr_lambda):
            raise TypeError(f"LambdaLR: lr_lambda is a {type(lr_lambda).__name__}, expected one function of the step")
        self.lr_lambda = lr_lambda
        super().__init__(optimizer, last_epoch)

    def rate(self, step: int) -> float:
        """Return base_lr lr_lambda(step)."""
        return self.base_lr * self.lr_lambda(step)
