"""`gpuconv train`: data, network, fit loop, run folder."""

import math
import time
from pathlib import Path
from typing import NamedTuple

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from .. import initializers, schedules
from ..backend import Array, to_host, use_device
from ..backend import device as current_device
from ..nn import Conv2d, CrossEntropyLoss, MSELoss, Sequential
from ..optimizers import SGD
from ..training import Dataset, digits, evaluate, fit, lenet, loop, mnist_folder, run_folder
from .errors import UsageError


class Settings(NamedTuple):
    """The options of the command."""

    data: Path | None
    epochs: int
    batch_size: int
    lr: float
    momentum: float
    seed: int
    activation: str
    pool: str
    loss: str
    init: str
    device: str
    out: Path | None


def run(settings: Settings) -> Path:
    """Train, write the run folder and say where it is.

    Returns
    -------
    Path
        The run folder.

    Raises
    ------
    DataError, DeviceError, UsageError, OSError
        What the user can mend; nothing is written then.
    """
    start = time.perf_counter()
    for name, value in (("lr", settings.lr), ("momentum", settings.momentum)):
        if not (math.isfinite(value) and value >= 0):
            raise UsageError(f"--{name} is {value}, expected a finite number, at least 0")
    console = Console()
    with use_device(settings.device):
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
    init = None if settings.init == "torch" else initializers.BY_NAME[settings.init]
    channels, height, width = data.train_images.shape[1:]
    try:
        model = lenet(
            (channels, height, width),
            data.classes,
            activation=settings.activation,
            pool=settings.pool,
            init=init,
            seed=settings.seed,
        )
    except ValueError as error:
        raise UsageError(str(error)) from error
    one_hot = settings.loss == "mse"
    loss = MSELoss() if one_hot else CrossEntropyLoss()
    optimizer = SGD(model.parameters(), settings.lr, momentum=settings.momentum)
    before = _first_filters(model)
    with _progress(console) as bar:
        task = bar.add_task("epoch 1", total=settings.epochs * len(data.train_labels), loss=0.0, accuracy=0.0, rate=0.0)

        def report(p: loop.Progress) -> None:
            bar.update(
                task,
                description=f"epoch {p.epoch}/{settings.epochs}",
                completed=p.images,
                loss=p.loss,
                accuracy=p.accuracy,
                rate=p.images_per_second,
            )

        try:
            epochs = fit(
                model,
                loss,
                optimizer,
                data,
                epochs=settings.epochs,
                batch_size=settings.batch_size,
                seed=settings.seed,
                schedule=schedules.cosine,
                largest_shift=1,
                one_hot=one_hot,
                report=report,
            )
        except FloatingPointError as error:
            raise UsageError(str(error)) from error
    _, scores = evaluate(model, loss, data.test_images, data.test_labels, data.classes, one_hot=one_hot)
    seconds = time.perf_counter() - start
    filters = (before, _first_filters(model))
    predictions = scores.argmax(1)
    return run_folder.Outcome(
        epochs, model, data.test_labels, predictions, data.classes, filters, seconds, current_device(), settings.seed
    )


def _first_filters(model: Sequential) -> Array:
    first = model[0]
    assert isinstance(first, Conv2d)
    return to_host(first.weight.data).copy()


def _progress(console: Console) -> Progress:
    """A bar that shows loss, accuracy, images a second and the time left."""
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(bar_width=12),
        TextColumn("loss {task.fields[loss]:.4f}"),
        TextColumn("acc {task.fields[accuracy]:.2%}"),
        TextColumn("{task.fields[rate]:,.0f} images/s"),
        TimeRemainingColumn(),
        TextColumn("left"),
        console=console,
    )
