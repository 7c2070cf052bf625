"""Algorithms that `gpuconv.tune` has measured, which "auto" takes for the problems of tuned models.

Nothing is tuned unless `gpuconv.tune` was called: then "auto" is a pure function of shape, dtype and target.
"""

import contextlib
from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

from ..core.plan import forget_plans
from ..kernels.conv.automatic import AUTOMATIC, INEXACT
from .shape import ConvShape, VolumeShape


class Problem(NamedTuple):
    """A pass of a convolution, as a choice is made for it."""

    target: str
    """ "cpu" or "cuda"."""
    operation: str
    """ "fprop", "dgrad" or "wgrad"."""
    shape: ConvShape | VolumeShape
    dtype: str


_choices: dict[Problem, str] = {}
_recorded: dict[Problem, None] | None = None
"""Problems met while `recording`, in their order."""


def resolve(problem: Problem, algorithm: str) -> str:
    """The algorithm for a plan: the measured one for "auto", and for "exact" if that is a direct form."""
    if _recorded is not None and algorithm in AUTOMATIC:
        _recorded[problem] = None
    choice = _choices.get(problem) if algorithm in AUTOMATIC else None
    return algorithm if choice is None or (algorithm == "exact" and choice in INEXACT) else choice


def choose(choices: Mapping[Problem, str]) -> None:
    """Take these algorithms from now on."""
    _choices.update(choices)
    forget_plans()


def forget(problems: Iterable[Problem] | None = None) -> None:
    """Take what "auto" means by itself again, for some problems or for all."""
    for problem in list(_choices if problems is None else problems):
        _choices.pop(problem, None)
    forget_plans()


@contextlib.contextmanager
def recording() -> Iterator[dict[Problem, None]]:
    """Collect the problems that are planned meanwhile, those with a plan already included."""
    global _recorded  # noqa: PLW0603
    forget_plans()
    found: dict[Problem, None] = {}
    _recorded = found
    try:
        yield found
    finally:
        _recorded = None
