"""One operation with what it takes to check its gradients."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from ...core.device import Array, to_device


class OperationCheck(NamedTuple):
    """An operation, its gradients and arguments to try them on."""

    name: str
    forward: Callable[..., Array]
    backward: Callable[..., Sequence[Array | None]]
    shapes: tuple[tuple[int, ...], ...]
    terms: int
    """Products summed for one element of a gradient, for the tolerance in float32."""

    def inputs(self, dtype: Any) -> list[Array]:
        """Standard normal values on the current device, the same for every type up to rounding."""
        rng = np.random.default_rng(1)
        return [to_device(rng.standard_normal(shape).astype(np.float32).astype(dtype)) for shape in self.shapes]

    def run(self, dtype: Any) -> None:
        """Both passes, for what they compile."""
        inputs = self.inputs(dtype)
        y = self.forward(*inputs)
        self.backward(y, *inputs)
