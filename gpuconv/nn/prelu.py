"""The leaky ReLU that learns its slopes, as a layer."""

from typing import Any

import numpy as np

from .. import activation as f
from ..core.device import to_device
from ..core.shapes import positive
from ..core.typing import Array
from .module import Module
from .parameter import Parameter


class PReLU(Module):
    """A leaky ReLU that learns its slopes.

    Parameters
    ----------
    num_parameters : int
        1, or the channels.
    init : float
        Initial slopes.
    device : {"cpu", "cuda"}, optional
        Default: `gpuconv.device()`.
    dtype : float16, bfloat16, float32 or float64, optional
        Default: float32.

    Examples
    --------
    >>> layer = nn.PReLU(dtype=np.float64)
    >>> layer(np.array([[-1.0, 2.0]]))
    array([[-0.25,  2.  ]])
    """

    def __init__(
        self, num_parameters: int = 1, init: float = 0.25, device: str | None = None, dtype: Any = None
    ) -> None:
        self.num_parameters = positive("PReLU", "num_parameters", num_parameters)
        slopes = np.full(self.num_parameters, init, np.float32 if dtype is None else dtype)
        self.weight = Parameter(to_device(slopes, device))
        self._x: Array | None = None

    def forward(self, x: Array) -> Array:
        """Compute x where x > 0, the channel's slope times x elsewhere."""
        self._x = x
        return f.prelu(x, self.weight.data)

    def backward(self, dy: Array, *, input_grad: bool = True) -> Array | None:
        """Compute the gradients; a slope's is the sum of dy x over its channel where x <= 0."""
        x = self.saved(self._x)
        self.weight.accumulate(f.prelu_weight_grad(dy, x, self.weight.data.shape))
        return f.prelu_grad(dy, x, self.weight.data) if input_grad else None

    def extra_repr(self) -> str:
        """Return the number of slopes."""
        return f"num_parameters={self.num_parameters}"
