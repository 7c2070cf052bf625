"""Labelled images, and the digits that scikit-learn brings."""

from typing import Any, NamedTuple

import numpy as np


class DataError(ValueError):
    """Data that cannot be used; the message says which file and what is wrong with it, in one line."""


class Dataset(NamedTuple):
    """Labelled images, split once and for all, on the host."""

    name: str
    train_images: np.ndarray[Any, Any]
    """(N, C, H, W) float32, standardised by the mean and deviation of the training images."""
    train_labels: np.ndarray[Any, Any]
    """(N,) int64."""
    test_images: np.ndarray[Any, Any]
    test_labels: np.ndarray[Any, Any]
    classes: int


def digits() -> Dataset:
    """scikit-learn's 1,797 scans of handwritten digits, 8 x 8, every fifth of each class for the test.

    Returns
    -------
    Dataset
        The same split every time.
    """
    from sklearn.datasets import load_digits
    from sklearn.model_selection import train_test_split

    images, labels = load_digits(return_X_y=True)
    images = images.reshape(-1, 1, 8, 8).astype(np.float32)
    parts = train_test_split(images, labels.astype(np.int64), test_size=0.2, random_state=0, stratify=labels)
    train_images, test_images, train_labels, test_labels = parts
    return standardised("digits", train_images, train_labels, test_images, test_labels)


def standardised(
    name: str,
    train_images: np.ndarray[Any, Any],
    train_labels: np.ndarray[Any, Any],
    test_images: np.ndarray[Any, Any],
    test_labels: np.ndarray[Any, Any],
) -> Dataset:
    """A dataset of zero mean and unit deviation, both taken from the training images alone."""
    mean, deviation = float(train_images.mean(dtype=np.float64)), float(train_images.std(dtype=np.float64)) or 1.0
    train_images, test_images = (
        ((images - mean) / deviation).astype(np.float32) for images in (train_images, test_images)
    )
    classes = int(max(train_labels.max(), test_labels.max())) + 1
    return Dataset(name, train_images, train_labels, test_images, test_labels, classes)
