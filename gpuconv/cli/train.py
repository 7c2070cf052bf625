"""`gpuconv train`: data, network, fit loop, run folder."""

import math
import time
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import typer
from rich.console import Console

from ..core.device import device as current_device
from ..core.device import to_host
from ..nn import Conv2d, CrossEntropyLoss, MSELoss, Sequential, init
from ..optim import SGD, lr_scheduler
from ..training import Dataset, digits, evaluate, fit, lenet, loop, mnist_folder, run_folder
from . import output, progress
from .devices import chosen_device, wait_asleep
from .errors import UsageError
from .stopping import Stopped, signals_raised

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
    """Train, write the run folder as training goes on, and print its path.

    Returns
    -------
    Path
        The run folder.

    Raises
    ------
    DataError, DeviceError, UsageError, OSError
        If the user made a mistake, and nothing is written then; or if the training or the writing failed, and the
        message says what is kept.
    Exit
        With 128 and the signal's number, if one ended the training; a line says what is kept.
    """
    start = time.perf_counter()
    for name, value in (("lr", settings.lr), ("momentum", settings.momentum)):
        if value is not None and not (math.isfinite(value) and value >= 0):
            raise UsageError(f"--{name} is {value}, expected a finite number, at least 0")
    if settings.out is not None:
        run_folder.require_new(settings.out)
    out = output.console()
    wait_asleep()
    folder: run_folder.RunFolder | None = None
    try:
        with signals_raised(), chosen_device(settings.device):
            data = digits() if settings.data is None else mnist_folder(settings.data)
            model = _network(settings, data)
            with _reserved(settings, data) as folder:
                return _train(settings, data, model, folder, out, start)
    except Stopped as stopped:
        output.complain(f"gpuconv train: stopped by {stopped.name}; {_kept(folder)}")
        raise typer.Exit(stopped.exit_code) from stopped
    except (FloatingPointError, OSError, MemoryError) as error:
        if folder is None:
            raise
        raise UsageError(f"{error}; {_kept(folder)}") from error


def _reserved(settings: Settings, data: Dataset) -> run_folder.RunFolder:
    """A new folder for the run."""
    if settings.out is None:
        return run_folder.RunFolder(run_folder.next_folder(Path("runs"), data.name))
    return run_folder.RunFolder(run_folder.new_folder(settings.out))


def _kept(folder: run_folder.RunFolder | None) -> str:
    """What of a training that has ended early is on disk."""
    if folder is None or folder.epochs == 0:
        return "nothing is kept"
    epochs = "1 epoch" if folder.epochs == 1 else f"{folder.epochs} epochs"
    where = folder.shown if folder.moved is None else folder.path
    return f"model and metrics of {epochs} are kept in {output.shown(where)}"


def _moved(folder: run_folder.RunFolder) -> str:
    """Why a run is elsewhere."""
    reason = getattr(folder.moved, "strerror", None) or folder.moved
    return f"{output.shown(folder.shown)} cannot be written ({reason})"


def _train(
    settings: Settings, data: Dataset, model: Sequential, folder: run_folder.RunFolder, out: Console, start: float
) -> Path:
    out.print(
        f"{data.name}: {len(data.train_labels)} images to train on, {len(data.test_labels)} to test, "
        f"{data.classes} classes; device {current_device()}",
        soft_wrap=True,
    )
    outcome = _outcome(settings, data, model, folder, out, start)
    folder.finish(outcome)
    out.print(f"test accuracy {outcome.test_accuracy:.4f} after {outcome.seconds:.1f} s, compilation included")
    if folder.moved is not None:
        raise UsageError(f"{_moved(folder)}, the run is kept in {output.shown(folder.path)}")
    out.print(f"run folder {output.shown(folder.shown)}", soft_wrap=True)
    if getattr(out.file, "lost", False):
        output.complain(f"gpuconv train: standard output could not be written; run folder {output.shown(folder.shown)}")
    return folder.shown


def _outcome(
    settings: Settings, data: Dataset, model: Sequential, folder: run_folder.RunFolder, out: Console, start: float
) -> run_folder.Outcome:
    """Train, and save after every epoch."""
    one_hot = settings.loss == "mse"
    loss = MSELoss() if one_hot else CrossEntropyLoss()
    rate = LEARNING_RATE[settings.loss] if settings.lr is None else settings.lr
    initial_filters = _first_filters(model)
    with progress.shown(out, settings.epochs, len(data.train_labels)) as view:

        def save(epochs: list[loop.Epoch]) -> None:
            moved = folder.moved
            try:
                folder.save_epoch(epochs, model, time.perf_counter() - start, current_device(), settings.seed)
            except OSError as error:  # with all that is learned in memory, to end is the worst
                output.complain(
                    f"gpuconv train: epoch {len(epochs)} cannot be saved anywhere: {error}; training goes on"
                )
            if folder.moved is not moved:
                output.complain(f"gpuconv train: {_moved(folder)}, the run goes to {output.shown(folder.path)}")
            view.epoch(epochs[-1])

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
            report=view.report,
            after_epoch=save,
        )
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
