"""Arrays of a module: parameters, which are learned, and buffers, which are not."""

from ..core.device import device_of
from ..core.typing import Array


class Parameter:
    """An array to be learned, and its gradient.

    Parameters
    ----------
    data : array

    Examples
    --------
    >>> import numpy as np
    >>> from gpuconv import nn
    >>> nn.Parameter(np.zeros((2, 3), np.float32))
    Parameter(shape=(2, 3), dtype=float32, device=cpu, grad=None)
    """

    def __init__(self, data: Array) -> None:
        self.data = data
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


class Buffer:
    """An array that belongs to a module's state but is not learned: running statistics.

    Parameters
    ----------
    data : array
    """

    def __init__(self, data: Array) -> None:
        self.data = data

    def __repr__(self) -> str:
        """Describe the array."""
        return f"Buffer({_described(self.data)})"


def _described(a: Array) -> str:
    return f"shape={tuple(a.shape)}, dtype={a.dtype}, device={device_of(a)}"
