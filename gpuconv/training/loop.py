"""The fit loop: shuffled mini-batches, evaluation, a row of figures per epoch."""

import time
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple, Protocol

import numpy as np

from ..core.device import Array, to_device, to_host
from ..core.shapes import natural, positive
from ..nn.loss import Loss
from ..nn.module import Module
from ..optim import lr_scheduler
from .augment import shifted
from .checks import require_images, require_labels
from .data import Dataset
from .images import Images

EVALUATION_BATCH = 128
READ_EVERY = 10
"""Batches between two readings of loss and accuracy, which wait for the device."""


class Optimizer(Protocol):
    """What the loop needs of an optimizer."""

    lr: float

    def step(self) -> None:
        """Update the parameters."""

    def zero_grad(self) -> None:
        """Forget the gradients."""


class Epoch(NamedTuple):
    """Figures of one epoch; training loss and accuracy are running means over its batches."""

    epoch: int
    train_loss: float
    train_accuracy: float
    test_loss: float
    test_accuracy: float
    seconds: float
    """Duration of training, without the evaluation."""
    images_per_second: float


class Progress(NamedTuple):
    """What the loop reports every few batches and at the end of an epoch."""

    epoch: int
    images: int
    """Seen so far, over all epochs."""
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
    schedule: Callable[[float], float] = lr_scheduler.constant,
    largest_shift: int = 0,
    one_hot: bool = False,
    report: Callable[[Progress], None] | None = None,
    after_epoch: Callable[[list[Epoch]], None] | None = None,
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
        Seed of the order and the shifts of the images; the same seed gives the same bits on the same device.
    schedule : callable
        Factor of the learning rate at a fraction of the training, from `gpuconv.optim.lr_scheduler`.
    largest_shift : int
        Shift each training image by up to so many pixels, differently every time it is seen.
    one_hot : bool
        Give the loss one-hot rows instead of class indices, as the quadratic loss needs.
    report : callable, optional
        Called after every tenth batch and the last of an epoch.
    after_epoch : callable, optional
        Called with the epochs so far after each one, evaluation included: to save the model, for one thing.

    Returns
    -------
    list of Epoch

    Raises
    ------
    TypeError
        If data is no Dataset, or epochs, batch_size or largest_shift no integer.
    ValueError
        If epochs or batch_size is not positive, largest_shift is negative, or the arrays of data were changed to what
        a Dataset cannot hold.
    FloatingPointError
        If the loss is no longer finite.

    Examples
    --------
    >>> from gpuconv import training
    >>> data = training.digits()
    >>> model = nn.Sequential(nn.Flatten(), nn.Linear(64, 10, seed=0))
    >>> optimizer = optim.SGD(model.parameters(), lr=0.05, momentum=0.9)
    >>> epochs = training.fit(model, nn.CrossEntropyLoss(), optimizer, data, epochs=2, batch_size=64)
    >>> [epoch.epoch for epoch in epochs], epochs[-1].test_accuracy > 0.9
    ([1, 2], True)
    """
    positive("fit", "epochs", epochs)
    positive("fit", "batch_size", batch_size)
    natural("fit", "largest_shift", largest_shift)
    if not isinstance(data, Dataset):
        raise TypeError(f"fit: data is a {type(data).__name__}, expected a Dataset")
    data = data._replace()  # checked again: its arrays may have been changed in place
    count, rate = len(data.train_labels), optimizer.lr
    rng = np.random.default_rng(seed)
    rows: list[Epoch] = []
    try:
        for epoch in range(1, epochs + 1):
            model.train()
            meter = _Meter(epoch, (epoch - 1) * count, epochs * count, report)
            for batch in _batches(rng.permutation(count), batch_size):
                images, labels = data.train_images[batch], data.train_labels[batch]
                if largest_shift:
                    images = shifted(images, largest_shift, rng)
                optimizer.lr = rate * schedule((meter.images_before + meter.images) / meter.total)
                scores, value = _step(model, loss, optimizer, images, _target(labels, data.classes, one_hot))
                meter.add(scores, value, labels)
            meter.stop()
            test = evaluate(model, loss, data.test_images, data.test_labels, data.classes, one_hot=one_hot)
            rows.append(meter.row(*test, data.test_labels))
            if after_epoch is not None:
                after_epoch(rows)
    finally:
        optimizer.lr = rate
    return rows


def evaluate(
    model: Module,
    loss: Loss,
    images: Images,
    labels: np.ndarray[Any, Any],
    classes: int,
    *,
    one_hot: bool = False,
) -> tuple[float, np.ndarray[Any, Any]]:
    """Compute loss and scores without training.

    Parameters
    ----------
    model : Module
    loss : Loss
    images : NumPy array (N, C, H, W)
    labels : NumPy array (N,)
    classes : int
    one_hot : bool
        As for `fit`.

    Returns
    -------
    loss : float
    scores : NumPy array (N, classes)

    Raises
    ------
    TypeError
        If images or labels are no NumPy arrays of numbers and of integers.
    ValueError
        If images are missing, labels are not as many, a label is not from 0 to classes - 1, or a pixel is not finite.

    Examples
    --------
    >>> from gpuconv import training
    >>> data = training.digits()
    >>> model = training.lenet((1, 8, 8), 10, seed=0)
    >>> loss, scores = training.evaluate(
    ...     model, nn.CrossEntropyLoss(), data.test_images, data.test_labels, data.classes
    ... )
    >>> scores.shape
    (360, 10)
    """
    positive("evaluate", "classes", classes)
    require_images("evaluate", "images", images, floating=True)
    require_labels("evaluate", "labels", labels, len(images), classes)
    model.eval()
    total, scores = 0.0, []
    for batch in _batches(np.arange(len(labels)), EVALUATION_BATCH):
        prediction = model(to_device(images[batch]))
        target = to_device(_target(labels[batch], classes, one_hot))
        total += float(loss(prediction, target)) * len(batch)
        scores.append(to_host(prediction))
    return total / len(labels), np.concatenate(scores)


def _step(model: Module, loss: Loss, optimizer: Optimizer, images: Any, target: Any) -> tuple[Array, Array]:
    """Train on one mini-batch: forward, backward, update. Returns scores and loss from before the update."""
    scores = model(to_device(images))
    value = loss(scores, to_device(target))
    optimizer.zero_grad()
    model.backward(loss.backward(), input_grad=False)
    optimizer.step()
    return scores, value


class _Meter:
    """Figures of an epoch, read from the device every few batches: each reading waits for the kernels."""

    def __init__(self, epoch: int, images_before: int, total: int, report: Callable[[Progress], None] | None) -> None:
        self.epoch, self.images_before, self.total, self.report = epoch, images_before, total, report
        self.images, self.losses, self.hits, self.seconds = 0, 0.0, 0, 0.0
        self._unread: list[tuple[Array, Array, np.ndarray[Any, Any]]] = []
        self._start = time.perf_counter()

    def add(self, scores: Array, value: Array, labels: np.ndarray[Any, Any]) -> None:
        """Add a batch."""
        self._unread.append((scores, value, labels))
        self.images += len(labels)
        if len(self._unread) == READ_EVERY:
            self._read()

    def stop(self) -> None:
        """End the training part of the epoch; the evaluation is not timed."""
        if self._unread:
            self._read()

    def row(self, test_loss: float, scores: np.ndarray[Any, Any], labels: np.ndarray[Any, Any]) -> Epoch:
        """Return the epoch's figures."""
        self._require_finite(test_loss)
        train = (self.losses / self.images, self.hits / self.images)
        test = (test_loss, float((scores.argmax(1) == labels).mean()))
        return Epoch(self.epoch, *train, *test, self.seconds, self.images / self.seconds)

    def _read(self) -> None:
        for scores, value, labels in self._unread:
            self._require_finite(float(value))
            self.losses += float(value) * len(labels)
            self.hits += int((to_host(scores).argmax(1) == labels).sum())
        self._unread.clear()
        self.seconds = time.perf_counter() - self._start
        if self.report is not None:
            means = (self.losses / self.images, self.hits / self.images)
            done = self.images_before + self.images
            self.report(Progress(self.epoch, done, self.total, *means, self.images / self.seconds))

    def _require_finite(self, value: float) -> None:
        if not np.isfinite(value):
            raise FloatingPointError(f"the loss is {value} in epoch {self.epoch}: a smaller learning rate may help")


def _batches(order: np.ndarray[Any, Any], size: int) -> Iterator[np.ndarray[Any, Any]]:
    return (order[start : start + size] for start in range(0, len(order), size))


def _target(labels: np.ndarray[Any, Any], classes: int, one_hot: bool) -> np.ndarray[Any, Any]:
    return np.eye(classes, dtype=np.float32)[labels] if one_hot else labels
