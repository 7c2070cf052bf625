"""Static type of array arguments."""

from collections.abc import Iterator, Sequence
from typing import Any, Protocol, SupportsIndex, overload


class Array(Protocol):
    """The part of the array interface that gpuconv uses, for annotations of NumPy and CuPy arrays.

    Not a base class: functions accept NumPy and CuPy arrays only.
    """

    @property
    def shape(self) -> tuple[int, ...]:
        """Size of each axis."""

    @property
    def strides(self) -> tuple[int, ...]:
        """Bytes between adjacent elements along each axis."""

    @property
    def ndim(self) -> int:
        """Number of axes."""

    @property
    def size(self) -> int:
        """Number of elements."""

    @property
    def nbytes(self) -> int:
        """Bytes of the elements."""

    @property
    def dtype(self) -> Any:
        """Type of the elements, a numpy.dtype."""

    @property
    def flags(self) -> Any:
        """Layout in memory: c_contiguous, f_contiguous and so on."""

    @property
    def T(self) -> Any:  # noqa: N802  NumPy's name
        """The array with its axes reversed."""

    @overload
    def reshape(self, shape: Sequence[SupportsIndex], /) -> Any: ...
    @overload
    def reshape(self, size: SupportsIndex, /, *sizes: SupportsIndex) -> Any: ...
    def reshape(self, *sizes: Any) -> Any:
        """The array in another shape."""

    def astype(self, dtype: Any, /) -> Any:
        """The array converted to another dtype."""

    def copy(self) -> Any:
        """A copy of the array."""

    def argmax(self, axis: Any, /) -> Any:
        """Position of the largest element."""

    def __len__(self) -> int: ...

    def __iter__(self) -> Iterator[Any]: ...

    def __getitem__(self, key: Any, /) -> Any: ...

    def __setitem__(self, key: Any, value: Any, /) -> None: ...

    def __float__(self) -> float: ...

    def __int__(self) -> int: ...

    def __add__(self, other: Any, /) -> Any: ...

    def __sub__(self, other: Any, /) -> Any: ...

    def __mul__(self, other: Any, /) -> Any: ...

    def __truediv__(self, other: Any, /) -> Any: ...
