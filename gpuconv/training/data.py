"""Labeled images, checked where they are put together, and the handwritten digits that ship with gpuconv."""

from importlib import resources
from typing import Any, NamedTuple, Self

import numpy as np

from ..core.shapes import positive
from .checks import DataError, missing_label, require_images, require_labels, require_one_size, standard_values
from .images import Images

__all__ = ["DataError", "Dataset", "digits", "standardized"]


class _Fields(NamedTuple):
    """Fields of a dataset."""

    name: str
    train_images: Images
    """(N, C, H, W) floating, standardized by the mean and deviation of the training images."""
    train_labels: np.ndarray[Any, Any]
    """(N,) int64, from 0 to classes - 1."""
    test_images: Images
    test_labels: np.ndarray[Any, Any]
    classes: int


class Dataset(_Fields):
    """Labeled images, already split, on the host; `_replace` gives one with other fields, checked as well.

    Parameters
    ----------
    name : str
    train_images, test_images : array (N, C, H, W), float16, bfloat16, float32 or float64
        At least one image of each, all of one size, without NaN and infinity.
    train_labels, test_labels : array (N,) of integers
        From 0 to classes - 1, one for each image.
    classes : int

    Raises
    ------
    TypeError
        If a field is of another kind or dtype.
    DataError
        If the fields do not fit together; it names the first that does not.
    """

    __slots__ = ()

    def __new__(
        cls,
        name: str,
        train_images: Images,
        train_labels: np.ndarray[Any, Any],
        test_images: Images,
        test_labels: np.ndarray[Any, Any],
        classes: int,
    ) -> Self:
        """Check the fields; labels become int64."""
        if not isinstance(name, str):
            raise TypeError(f"Dataset: name is a {type(name).__name__}, expected a str")
        classes = positive("Dataset", "classes", classes)
        for part, images, labels in (("train", train_images, train_labels), ("test", test_images, test_labels)):
            require_images("Dataset", f"{part}_images", images, floating=True)
            require_labels("Dataset", f"{part}_labels", labels, len(images), classes)
        require_one_size("Dataset", train_images, test_images)
        if train_images.dtype != test_images.dtype:
            raise TypeError(
                f"Dataset: test_images has dtype {test_images.dtype}, expected {train_images.dtype} as train"
            )
        known, unseen = (np.ascontiguousarray(a, np.int64) for a in (train_labels, test_labels))
        return super().__new__(cls, name, train_images, known, test_images, unseen, classes)

    def _replace(self, **fields: Any) -> Self:
        """Make a dataset with other fields, checked as well."""
        return type(self)(**{**self._asdict(), **fields})


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

    Parameters
    ----------
    name : str
    train_images, test_images : array (N, C, H, W), real numbers
    train_labels, test_labels : array (N,) of integers
        Together they are 0, 1, ... without a gap; the largest one says how many classes there are. A dataset whose
        first classes do not occur may begin later.

    Returns
    -------
    Dataset
        Images in float32.

    Raises
    ------
    TypeError, DataError
        As for `Dataset`, and if no image has one of the labels between the smallest and the largest.

    Examples
    --------
    >>> from gpuconv.training import standardized
    >>> images, labels = np.array([1.0, 3.0]).reshape(2, 1, 1, 1), np.array([0, 1])
    >>> standardized("two", images, labels, images, labels).train_images.ravel()
    array([-1.,  1.], dtype=float32)
    """
    op = "standardized"
    for part, images, labels in (("train", train_images, train_labels), ("test", test_images, test_labels)):
        require_images(op, f"{part}_images", images, floating=False)
        require_labels(op, f"{part}_labels", labels, len(images))
    require_one_size(op, train_images, test_images)
    if gap := missing_label(np.concatenate((train_labels, test_labels))):
        raise DataError(f"{op}: labels go from {gap[0]} to {gap[1]}, but no image has label {gap[2]}")
    classes = int(max(train_labels.max(), test_labels.max())) + 1
    train, test = standard_values(train_images, test_images)
    return Dataset(name, train, train_labels, test, test_labels, classes)
