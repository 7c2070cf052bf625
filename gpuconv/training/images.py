"""Images kept as bytes: a quarter of the memory of the float32 array that they stand for."""

from typing import Any, TypeAlias

import numpy as np

LEVELS = 256
BLOCK = 1 << 16
"""Pixels counted at once."""


class ByteImages(np.lib.mixins.NDArrayOperatorsMixin):
    """A float32 array of standardized images, made of bytes where it is read: an index or a slice gives a NumPy array.

    Everything else that an array has is computed on the whole, and takes the memory of the whole; `images[:]` is it.

    Parameters
    ----------
    pixels : array of uint8
    mean, deviation : float
    """

    dtype = np.dtype(np.float32)

    def __init__(self, pixels: np.ndarray[Any, Any], mean: float, deviation: float) -> None:
        self._pixels = pixels
        self._values = (np.arange(LEVELS, dtype=np.float32) - mean) / deviation
        """Of each byte."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the array."""
        return tuple(self._pixels.shape)

    @property
    def ndim(self) -> int:
        """Number of dimensions."""
        return self._pixels.ndim

    @property
    def size(self) -> int:
        """Number of pixels."""
        return self._pixels.size

    def __len__(self) -> int:
        """Return the number of images."""
        return len(self._pixels)

    def __getitem__(self, index: Any) -> Any:
        """Return images, or a part of them, as a NumPy array."""
        return self._values[self._pixels[index]]

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray[Any, Any]:
        """Return all images as a NumPy array."""
        if copy is False:
            raise ValueError("ByteImages: copy is False, but the array is made anew each time")
        whole: np.ndarray[Any, Any] = self._values[self._pixels]
        return whole if dtype is None else whole.astype(dtype, copy=False)

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **options: Any) -> Any:
        """Compute a function of NumPy's on the whole."""
        arrays = [np.asarray(a) if isinstance(a, ByteImages) else a for a in inputs]
        return getattr(ufunc, method)(*arrays, **options)

    def __getattr__(self, name: str) -> Any:
        """Return what else an array has, such as `mean`."""
        if name.startswith("_"):
            raise AttributeError(name)
        return getattr(np.asarray(self), name)

    def __repr__(self) -> str:
        """Show the shape."""
        return f"ByteImages(shape={self.shape}, dtype={self.dtype})"


Images: TypeAlias = np.ndarray[Any, Any] | ByteImages


def byte_statistics(pixels: np.ndarray[Any, Any]) -> tuple[float, float]:
    """Mean and deviation of bytes, from whole numbers: rounded once each. The deviation of equal ones is given as 1."""
    flat, counts = pixels.reshape(-1), np.zeros(LEVELS, np.int64)
    for start in range(0, flat.size, BLOCK):
        counts += np.bincount(flat[start : start + BLOCK], minlength=LEVELS)
    sums = [sum(int(count) * value**power for value, count in enumerate(counts)) for power in (1, 2)]
    variance = (flat.size * sums[1] - sums[0] ** 2) / flat.size**2
    return sums[0] / flat.size, variance**0.5 or 1.0
