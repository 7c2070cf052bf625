"""How a training shows its progress: a bar on a terminal, elsewhere a line for each epoch."""

import math
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Protocol

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from ..training import loop


class View(Protocol):
    """What a training tells of itself."""

    def report(self, progress: loop.Progress) -> None:
        """Take the figures of the last batches."""

    def epoch(self, row: loop.Epoch) -> None:
        """Take the figures of an epoch, once it is saved."""


@contextmanager
def shown(console: Console, epochs: int, images: int) -> Iterator[View]:
    """Show a training of so many epochs of so many images."""
    if not console.is_terminal:
        yield _Lines(console, epochs)
        return
    columns = (
        TextColumn("{task.description}"),
        BarColumn(bar_width=12),
        TextColumn("loss {task.fields[loss]:.4g}"),
        TextColumn("acc {task.fields[accuracy]:.2%}"),
        TextColumn("{task.fields[rate]:,.0f} images/s"),
        TimeRemainingColumn(),
        TextColumn("left"),
    )
    with Progress(*columns, console=console) as bar:
        task = bar.add_task("compiling", total=epochs * images, loss=math.nan, accuracy=math.nan, rate=math.nan)
        yield _Bar(bar, task)


class _Lines:
    """A line for each epoch."""

    def __init__(self, console: Console, epochs: int) -> None:
        self._console, self._epochs = console, epochs

    def report(self, progress: loop.Progress) -> None:
        """Say nothing before the epoch's end."""

    def epoch(self, row: loop.Epoch) -> None:
        """Print the figures."""
        self._console.print(
            f"epoch {row.epoch} of {self._epochs}: loss {row.train_loss:.4g}, accuracy {row.train_accuracy:.2%}; "
            f"test loss {row.test_loss:.4g}, accuracy {row.test_accuracy:.2%}; {row.images_per_second:,.0f} images/s",
            soft_wrap=True,
        )


class _Bar:
    """A bar with loss, accuracy, images per second and time left."""

    def __init__(self, bar: Progress, task: Any) -> None:
        self._bar, self._task = bar, task

    def report(self, progress: loop.Progress) -> None:
        """Move the bar."""
        figures: dict[str, Any] = {"loss": progress.loss, "accuracy": progress.accuracy}
        figures["rate"] = progress.images_per_second
        self._bar.update(self._task, description=f"epoch {progress.epoch}", completed=progress.images, **figures)

    def epoch(self, row: loop.Epoch) -> None:
        """Say nothing more than the bar does."""
