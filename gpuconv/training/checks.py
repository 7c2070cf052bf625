"""What labeled images must be, for `Dataset`, `fit` and `evaluate`; a check takes little memory beside the images."""

from collections.abc import Iterator
from typing import Any

import numpy as np

from ..core.arrays import contiguous
from ..core.dtypes import FLOATING, KINDS, is_half
from ..core.hints import described
from .images import ByteImages, Images

BLOCK = 1 << 20
"""Pixels looked at at once."""


class DataError(ValueError):
    """Unusable data; the message names the file or argument and what is wrong with it, in one line."""


def require_images(op: str, name: str, images: Any, *, floating: bool) -> None:
    """Refuse what is no array of at least one image (C, H, W), and values that are not finite.

    Raises
    ------
    TypeError
        If it is no NumPy array, or of another dtype: floating, or any real one.
    DataError
        If its shape or a value is wrong.
    """
    if isinstance(images, ByteImages):
        expected = images.ndim == 4 and images.size > 0
    elif isinstance(images, np.ndarray):
        if images.dtype not in FLOATING and not is_half(images.dtype) and (floating or images.dtype.kind not in "biu"):
            kinds = KINDS if floating else "expected real numbers"
            raise TypeError(f"{op}: {name} has dtype {images.dtype}, {kinds}")
        expected = images.ndim == 4 and images.size > 0
    else:
        raise TypeError(f"{op}: {name} is {_kind(images)}, expected a NumPy array; to_host(array) makes one")
    if not expected:
        raise DataError(f"{op}: {name} has shape {images.shape}, expected (N, C, H, W) with at least one image")
    if isinstance(images, np.ndarray):
        _require_finite(op, name, images)


def _require_finite(op: str, name: str, images: np.ndarray[Any, Any]) -> None:
    for part in blocks(images):
        finite = np.isfinite(images[part])
        if not finite.all():
            n, *position = np.argwhere(~finite)[0].tolist()
            n += part.start
            value = images[(n, *position)]
            raise DataError(f"{op}: {name}[{n}] holds {value}, at {tuple(position)}, expected finite values")


def require_labels(op: str, name: str, labels: Any, count: int, classes: int | None = None) -> None:
    """Refuse labels that are not one for each of so many images, from 0 to classes - 1.

    Raises
    ------
    TypeError
        If they are no NumPy array of integers.
    DataError
        If their number or a value is wrong.
    """
    if not isinstance(labels, np.ndarray):
        raise TypeError(f"{op}: {name} is {_kind(labels)}, expected a NumPy array of integers")
    if labels.dtype.kind not in "iu":
        raise TypeError(f"{op}: {name} has dtype {labels.dtype}, expected integers")
    if labels.ndim != 1:
        raise DataError(f"{op}: {name} has shape {labels.shape}, expected (N,)")
    if len(labels) != count:
        images = name.replace("labels", "images")
        raise DataError(f"{op}: {name} has {len(labels)} labels, expected {count}, one for each image of {images}")
    smallest, largest = int(labels.min()), int(labels.max())
    if smallest < 0:
        raise DataError(f"{op}: {name} has a label {smallest}, expected at least 0")
    if classes is not None and largest >= classes:
        raise DataError(f"{op}: {name} has a label {largest}, expected 0 to {classes - 1} for {classes} classes")


def require_one_size(op: str, train_images: Images, test_images: Images) -> None:
    """Refuse test images of another size."""
    if train_images.shape[1:] != test_images.shape[1:]:
        sizes = f"{test_images.shape[1:]}, expected {train_images.shape[1:]} as in train_images"
        raise DataError(f"{op}: test_images are of size {sizes}")


def missing_label(labels: np.ndarray[Any, Any]) -> tuple[int, int, int] | None:
    """(smallest, largest, a label in between that does not occur), or None where all do."""
    present = np.unique(labels).astype(np.int64)  # a byte's successor may be no byte
    gaps = np.flatnonzero(np.diff(present) > 1)
    return (int(present[0]), int(present[-1]), int(present[gaps[0]]) + 1) if gaps.size else None


def blocks(images: np.ndarray[Any, Any]) -> Iterator[slice]:
    """Slices of images that cover all, each of about so many pixels."""
    count = max(1, BLOCK * len(images) // images.size)
    return (slice(start, start + count) for start in range(0, len(images), count))


def standard_values(
    train: np.ndarray[Any, Any], test: np.ndarray[Any, Any]
) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """Both in float32, less the mean and over the deviation of `train`."""
    unit = _unit(train, test)
    size = train.size
    mean = sum(float(_scaled(train[part], unit).sum(dtype=np.float64)) for part in blocks(train)) / size
    squares = sum(float(_squares(_scaled(train[part], unit), mean)) for part in blocks(train))
    deviation = (squares / size) ** 0.5 or 1.0
    results = []
    for images in (train, test):
        result = np.empty(images.shape, np.float32)
        for part in blocks(images):
            result[part] = (_scaled(images[part], unit) - mean) / deviation
        results.append(result)
    return results[0], results[1]


def _squares(values: np.ndarray[Any, Any], mean: float) -> Any:
    """Sum of the squared differences from the mean."""
    differences = values.astype(np.float64) - mean
    return np.square(differences, out=differences).sum()


def _unit(*batches: np.ndarray[Any, Any]) -> float:
    """A factor where squares would leave float64, or differences float32; else 1."""
    largest = max(float(np.abs(images[part].astype(np.float64)).max()) for images in batches for part in blocks(images))
    return 1.0 if largest == 0 or 1e-30 < largest < 1e30 else largest


def _scaled(images: np.ndarray[Any, Any], unit: float) -> np.ndarray[Any, Any]:
    """Images in a type that is computed in, over the unit."""
    if unit != 1:
        return images.astype(np.float64) / unit
    if images.dtype in FLOATING:
        return contiguous(images)  # type: ignore[return-value]
    return images.astype(np.float32 if images.dtype.itemsize < 4 else np.float64)


def _kind(value: Any) -> str:
    if value is None or isinstance(value, (bool, int, float, str)):
        return described(value)
    kind = f"{type(value).__module__}.{type(value).__qualname__}".removeprefix("builtins.")
    return f"a {kind}"
