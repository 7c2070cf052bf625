"""Arrays of a module: parameters, which are learned, and buffers, which are not."""

from typing import Any

import numpy as np

from ..core.arrays import contiguous, require_array
from ..core.device import device_of
from ..core.typing import Array


class _State:
    """What keeps an array of a module: in C order, whoever sets it, as kernels and files take it by its address."""

    data: Array

    def __init__(self, data: Array) -> None:
        self.data = data

    def __setattr__(self, name: str, value: Any) -> None:
        """Bring the array into C order where it is not."""
        if name == "data":
            value = np.asarray(value) if isinstance(value, np.generic) else value  # what NumPy makes of 2 * data
            require_array(type(self).__name__, name, value)
            value = contiguous(value)
        super().__setattr__(name, value)


class Parameter(_State):
    """An array to be learned, and its gradient.

    Parameters
    ----------
    data : array
        Kept as it is, not copied; copied into C order where it has another.

    Raises
    ------
    TypeError
        If data is no NumPy or CuPy array.

    Examples
    --------
    >>> import numpy as np
    >>> from gpuconv import nn
    >>> nn.Parameter(np.zeros((2, 3), np.float32))
    Parameter(shape=(2, 3), dtype=float32, device=cpu, grad=None)
    """

    def __init__(self, data: Array) -> None:
        super().__init__(data)
        self.grad: Array | None = None

    def accumulate(self, gradient: Array) -> None:
        """Add to the gradient, as torch does until `zero_grad`."""
        if self.grad is None:
            self.grad = gradient
        else:
            self.grad += gradient

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Forget the gradient or, with set_to_none=False, fill it with zeros."""
        if set_to_none or self.grad is None:
            self.grad = None
        else:
            self.grad[...] = 0

    def __repr__(self) -> str:
        """Describe the array and the gradient."""
        gradient = "None" if self.grad is None else f"array of shape {tuple(self.grad.shape)}"
        return f"Parameter({_described(self.data)}, grad={gradient})"


class Buffer(_State):
    """An array that belongs to a module's state but is not learned: running statistics.

    Parameters
    ----------
    data : array
        As for `Parameter`.
    """

    def __repr__(self) -> str:
        """Describe the array."""
        return f"Buffer({_described(self.data)})"


def _described(a: Array) -> str:
    return f"shape={tuple(a.shape)}, dtype={a.dtype}, device={device_of(a)}"
