"""Labeled images, and the handwritten digits that ship with gpuconv."""

from importlib import resources
from typing import Any, NamedTuple

import numpy as np


class DataError(ValueError):
    """Unusable data; the message names the file and what is wrong with it, in one line."""


class Dataset(NamedTuple):
    """Labeled images, already split, on the host."""

    name: str
    train_images: np.ndarray[Any, Any]
    """(N, C, H, W) float32, standardized by the mean and deviation of the training images."""
    train_labels: np.ndarray[Any, Any]
    """(N,) int64."""
    test_images: np.ndarray[Any, Any]
    test_labels: np.ndarray[Any, Any]
    classes: int


def digits() -> Dataset:
    """Load the 1,797 scans of handwritten digits that ship with gpuconv: 8 x 8 pixels, 1,437 to train on, 360 to test.

    They are Alpaydin and Kaynak's "Optical Recognition of Handwritten Digits" from the UCI Machine Learning Repository
    (CC BY 4.0, digits-LICENSE.md); scikit-learn has the same pictures as ``load_digits``.

    Returns
    -------
    Dataset
        The same split and order every time, a fifth of each class for the test.

    Examples
    --------
    >>> from gpuconv.training import digits
    >>> data = digits()
    >>> data.train_images.shape, data.test_images.shape, data.classes
    ((1437, 1, 8, 8), (360, 1, 8, 8), 10)
    """
    with resources.files(__package__).joinpath("digits.npz").open("rb") as file, np.load(file) as stored:
        images = [stored[name].astype(np.float32) for name in ("train_images", "test_images")]
        labels = [stored[name].astype(np.int64) for name in ("train_labels", "test_labels")]
    return standardized("digits", images[0], labels[0], images[1], labels[1])


def standardized(
    name: str,
    train_images: np.ndarray[Any, Any],
    train_labels: np.ndarray[Any, Any],
    test_images: np.ndarray[Any, Any],
    test_labels: np.ndarray[Any, Any],
) -> Dataset:
    """Make a dataset of zero mean and unit deviation; both are measured on the training images alone.

    Examples
    --------
    >>> from gpuconv.training import standardized
    >>> images, labels = np.array([1.0, 3.0]).reshape(2, 1, 1, 1), np.array([0, 1])
    >>> standardized("two", images, labels, images, labels).train_images.ravel()
    array([-1.,  1.], dtype=float32)
    """
    mean, deviation = float(train_images.mean(dtype=np.float64)), float(train_images.std(dtype=np.float64)) or 1.0
    train_images, test_images = (
        ((images - mean) / deviation).astype(np.float32) for images in (train_images, test_images)
    )
    classes = int(max(train_labels.max(), test_labels.max())) + 1
    return Dataset(name, train_images, train_labels, test_images, test_labels, classes)
