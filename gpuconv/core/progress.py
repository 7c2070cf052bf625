"""A progress bar for work of many steps."""

from collections.abc import Iterable, Sequence
from typing import TypeVar

T = TypeVar("T")


def shown(work: Sequence[T], description: str) -> Iterable[T]:
    """The steps with a progress bar, or without one off a terminal or if rich is missing."""
    try:
        from rich.console import Console
        from rich.progress import track
    except ImportError:
        return work
    return track(work, description, transient=True, disable=not Console().is_terminal)
