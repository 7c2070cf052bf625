"""Plots of a run, drawn without a display."""

import io
from typing import Any

import numpy as np

from .loop import Epoch


def curves(epochs: list[Epoch]) -> bytes:
    """Plot loss and accuracy over the epochs, of training and test; the bytes of a PNG file."""
    figure, (loss, accuracy) = _figure((9, 3.5), 1, 2)
    numbers = [row.epoch for row in epochs]
    for axes, name in ((loss, "loss"), (accuracy, "accuracy")):
        for split, style in (("train", "--"), ("test", "-")):
            values = [getattr(row, f"{split}_{name}") for row in epochs]
            axes.plot(numbers, values, style, marker=".", label=split)
        axes.set(xlabel="epoch", title=name)
        axes.grid(alpha=0.3)
        axes.legend()
    if any(row.train_loss > 0 or row.test_loss > 0 for row in epochs):  # with one class, both are 0
        loss.set_yscale("log")
    best = max(row.test_accuracy for row in epochs)
    accuracy.set_title(f"accuracy (test: {epochs[-1].test_accuracy:.2%}, best {best:.2%})")
    return _png(figure)


def filters(initial: np.ndarray[Any, Any], trained: np.ndarray[Any, Any]) -> bytes:
    """Draw the first channel of the first layer's kernels (K, C, R, S), before and after training, as a PNG file."""
    count = min(len(initial), 32)
    columns = min(count, 8)
    rows = -(-count // columns)
    figure, axes = _figure((columns * 0.9 + 0.6, 2 * rows * 0.9 + 1.0), 2 * rows, columns, squeeze=False)
    limit = float(max(np.abs(initial).max(), np.abs(trained).max())) or 1.0
    for i, cell in enumerate(axes.flat):
        weights, k = (initial, i) if i < rows * columns else (trained, i - rows * columns)
        cell.axis("off")
        if k < count:
            cell.imshow(weights[k, 0], cmap="RdBu", vmin=-limit, vmax=limit)
        if i in (0, rows * columns):
            cell.set_title("before" if i == 0 else "after", loc="left", fontsize=9)
    figure.suptitle("first layer's kernels", fontsize=10)
    return _png(figure)


def confusion(labels: np.ndarray[Any, Any], predictions: np.ndarray[Any, Any], classes: int) -> bytes:
    """Draw the confusion matrix, as a PNG file."""
    counts = np.zeros((classes, classes), int)
    np.add.at(counts, (labels, predictions), 1)
    figure, axes = _figure((5, 4.6), 1, 1)
    axes.imshow(np.log1p(counts), cmap="Blues")
    if classes <= 20:
        for (i, j), count in np.ndenumerate(counts):
            if count:
                dark = count > counts.max() / 4
                axes.text(j, i, str(count), ha="center", va="center", fontsize=8, color="white" if dark else "black")
        axes.set(xticks=range(classes), yticks=range(classes))
    axes.set(xlabel="predicted", ylabel="true", title=f"{np.trace(counts)} of {counts.sum()} right")
    return _png(figure)


def _figure(size: tuple[float, float], rows: int, columns: int, **options: Any) -> tuple[Any, Any]:
    """Make a figure without pyplot: no display, no global state."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=size, layout="constrained")
    return figure, figure.subplots(rows, columns, **options)


def _png(figure: Any) -> bytes:
    file = io.BytesIO()
    figure.savefig(file, dpi=120, format="png")
    return file.getvalue()
