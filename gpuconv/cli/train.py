"""`gpuconv train`: data, network, fit loop, run folder."""

import math
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from ..core.device import device as current_device
from ..core.device import to_host
from ..nn import Conv2d, CrossEntropyLoss, MSELoss, Sequential, init
from ..optim import SGD, lr_scheduler
from ..training import Dataset, digits, evaluate, fit, lenet, loop, mnist_folder, run_folder
from .devices import chosen_device, wait_asleep
from .errors import UsageError

LEARNING_RATE = {"cross_entropy": 0.05, "mse": 0.5}
"""Default per loss; the quadratic loss is a mean over the classes too, so its gradients are smaller."""
INITIALIZERS: dict[str, init.Initializer | None] = {
    **init.BY_NAME,
    "torch": None,
    "uniform": partial(init.uniform, low=-0.1, high=0.1),
    "normal": partial(init.normal, std=0.1),
    "trunc_normal": partial(init.trunc_normal, std=0.1, a=-0.2, b=0.2),
}


class Settings(NamedTuple):
    """The options of the command."""

    data: Path | None
    epochs: int
    batch_size: int
    lr: float | None
    momentum: float
    seed: int
    activation: str
    pool: str
    loss: str
    init: str
    device: str | None
    out: Path | None


def run(settings: Settings) -> Path:
    """Train, write the run folder and print its path.

    Returns
    -------
    Path
        The run folder.

    Raises
    ------
    DataError, DeviceError, UsageError, OSError
        If the user made a mistake; nothing is written then.
    """
    start = time.perf_counter()
    for name, value in (("lr", settings.lr), ("momentum", settings.momentum)):
        if value is not None and not (math.isfinite(value) and value >= 0):
            raise UsageError(f"--{name} is {value}, expected a finite number, at least 0")
    console = Console()
    wait_asleep()
    with chosen_device(settings.device):
        data = digits() if settings.data is None else mnist_folder(settings.data)
        folder = settings.out or run_folder.next_folder(Path("runs"), data.name)
        run_folder.require_new(folder)
        console.print(
            f"{data.name}: {len(data.train_labels)} images to train on, {len(data.test_labels)} to test, "
            f"{data.classes} classes; device {current_device()}",
            highlight=False,
        )
        outcome = _train(settings, data, console, start)
    run_folder.write(folder, outcome)
    console.print(f"test accuracy {outcome.test_accuracy:.4f} after {outcome.seconds:.1f} s, compilation included")
    console.print(f"run folder {folder}", soft_wrap=True)
    return folder


def _train(settings: Settings, data: Dataset, console: Console, start: float) -> run_folder.Outcome:
    model = _network(settings, data)
    one_hot = settings.loss == "mse"
    loss = MSELoss() if one_hot else CrossEntropyLoss()
    rate = LEARNING_RATE[settings.loss] if settings.lr is None else settings.lr
    initial_filters = _first_filters(model)
    try:
        with _progress(console, settings.epochs * len(data.train_labels)) as report:
            epochs = fit(
                model,
                loss,
                SGD(model.parameters(), rate, momentum=settings.momentum),
                data,
                epochs=settings.epochs,
                batch_size=settings.batch_size,
                seed=settings.seed,
                schedule=lr_scheduler.cosine,
                largest_shift=1,
                one_hot=one_hot,
                report=report,
            )
    except FloatingPointError as error:
        raise UsageError(str(error)) from error
    _, scores = evaluate(model, loss, data.test_images, data.test_labels, data.classes, one_hot=one_hot)
    return run_folder.Outcome(
        epochs,
        model,
        data.test_labels,
        scores.argmax(1),
        data.classes,
        (initial_filters, _first_filters(model)),
        time.perf_counter() - start,
        current_device(),
        settings.seed,
    )


def _network(settings: Settings, data: Dataset) -> Sequential:
    channels, height, width = data.train_images.shape[1:]
    try:
        return lenet(
            (channels, height, width),
            data.classes,
            activation=settings.activation,
            pool=settings.pool,
            init=INITIALIZERS[settings.init],
            seed=settings.seed,
        )
    except ValueError as error:
        raise UsageError(str(error)) from error


def _first_filters(model: Sequential) -> np.ndarray[Any, Any]:
    first = model[0]
    assert isinstance(first, Conv2d)
    return to_host(first.weight.data).copy()


@contextmanager
def _progress(console: Console, images: int) -> Iterator[Callable[[loop.Progress], None]]:
    """Show a bar with loss, accuracy, images per second and time left; yield the function that updates it."""
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
        task = bar.add_task("compiling", total=images, loss=math.nan, accuracy=math.nan, rate=math.nan)

        def report(p: loop.Progress) -> None:
            figures: dict[str, Any] = {"loss": p.loss, "accuracy": p.accuracy, "rate": p.images_per_second}
            bar.update(task, description=f"epoch {p.epoch}", completed=p.images, **figures)

        yield report
