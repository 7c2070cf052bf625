"""The fit loop: shuffled mini-batches, validation, one row of figures an epoch."""

import time
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple, Protocol

import numpy as np

from .. import schedules
from ..backend import Array, to_device, to_host
from ..nn.losses import Loss
from ..nn.module import Module
from .augment import shifted
from .data import Dataset

EVALUATION_BATCH = 500


class Optimizer(Protocol):
    """What the loop needs of an optimiser."""

    lr: float

    def step(self) -> None:
        """Move the parameters."""

    def zero_grad(self) -> None:
        """Forget the gradients."""


class Epoch(NamedTuple):
    """The figures of one epoch; loss and accuracy of training are running means over its batches."""

    epoch: int
    train_loss: float
    train_accuracy: float
    test_loss: float
    test_accuracy: float
    seconds: float
    """Of training, without the evaluation."""
    images_per_second: float


class Progress(NamedTuple):
    """What the loop reports after each batch."""

    epoch: int
    images: int
    """Trained on so far, over all epochs."""
    total: int
    loss: float
    accuracy: float
    images_per_second: float


def fit(
    model: Module,
    loss: Loss,
    optimizer: Optimizer,
    data: Dataset,
    *,
    epochs: int,
    batch_size: int,
    seed: int = 0,
    schedule: Callable[[float], float] = schedules.constant,
    largest_shift: int = 0,
    one_hot: bool = False,
    report: Callable[[Progress], None] | None = None,
) -> list[Epoch]:
    """Train a classifier.

    Parameters
    ----------
    model : Module
        From images to one score for each class.
    loss : Loss
    optimizer : Optimizer
    data : Dataset
    epochs, batch_size : int
        The last batch of an epoch is smaller where the images do not divide.
    seed : int
        Of the order and the shifts of the images: the same seed gives the same bits on the same device.
    schedule : callable
        Factor of the learning rate at a share of the training, from `gpuconv.schedules`.
    largest_shift : int
        Move each training image by up to so many pixels, differently every time it is seen.
    one_hot : bool
        Give the loss rows of zeros and a one, not class indices: what the quadratic loss compares with.
    report : callable, optional
        Called after each batch.

    Returns
    -------
    list of Epoch

    Raises
    ------
    ValueError
        If epochs or batch_size is not positive.
    FloatingPointError
        If the loss is no longer a finite number.
    """
    for name, value in (("epochs", epochs), ("batch_size", batch_size)):
        if value < 1:
            raise ValueError(f"fit: {name} is {value}, expected at least 1")
    count, rate = len(data.train_labels), optimizer.lr
    rng = np.random.default_rng(seed)
    rows = []
    for epoch in range(1, epochs + 1):
        model.train()
        start, losses, hits, seen = time.perf_counter(), 0.0, 0, 0
        for batch in _batches(rng.permutation(count), batch_size):
            images = data.train_images[batch]
            x = to_device(shifted(images, largest_shift, rng) if largest_shift else images)
            target = to_device(data.train_labels[batch])
            optimizer.lr = rate * schedule(((epoch - 1) * count + seen) / (epochs * count))
            prediction = model(x)
            value = loss(prediction, _target(target, data.classes, one_hot))
            optimizer.zero_grad()
            model.backward(loss.backward(), input_grad=False)
            optimizer.step()
            losses += float(value) * len(batch)
            hits += int((prediction.argmax(1) == target).sum())
            seen += len(batch)
            if not np.isfinite(losses):
                raise FloatingPointError(
                    f"the loss is {float(value)} in epoch {epoch}: a smaller learning rate may help"
                )
            if report is not None:
                speed = seen / (time.perf_counter() - start)
                done = (epoch - 1) * count + seen
                report(Progress(epoch, done, epochs * count, losses / seen, hits / seen, speed))
        seconds = time.perf_counter() - start
        test_loss, scores = evaluate(model, loss, data.test_images, data.test_labels, data.classes, one_hot=one_hot)
        accuracy = float((scores.argmax(1) == data.test_labels).mean())
        rows.append(Epoch(epoch, losses / seen, hits / seen, test_loss, accuracy, seconds, seen / seconds))
    optimizer.lr = rate
    return rows


def evaluate(
    model: Module, loss: Loss, images: Any, labels: Any, classes: int, *, one_hot: bool = False
) -> tuple[float, np.ndarray[Any, Any]]:
    """Loss and scores on images that are not trained on.

    Parameters
    ----------
    model : Module
    loss : Loss
    images : array (N, C, H, W)
    labels : array (N,)
    classes : int
    one_hot : bool

    Returns
    -------
    loss : float
    scores : NumPy array (N, classes)
    """
    model.eval()
    total, scores = 0.0, []
    for batch in _batches(np.arange(len(labels)), EVALUATION_BATCH):
        prediction = model(to_device(images[batch]))
        total += float(loss(prediction, _target(to_device(labels[batch]), classes, one_hot))) * len(batch)
        scores.append(to_host(prediction))
    return total / len(labels), np.concatenate(scores)


def _batches(order: np.ndarray[Any, Any], size: int) -> Iterator[np.ndarray[Any, Any]]:
    return (order[start : start + size] for start in range(0, len(order), size))


def _target(labels: Array, classes: int, one_hot: bool) -> Array:
    return to_device(np.eye(classes, dtype=np.float32)[to_host(labels)]) if one_hot else labels
