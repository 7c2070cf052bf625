"""One random case of a function: what the peer is asked for, and the call of this library that computes the same."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from ...core.device import Array
from ..operations import OPERATIONS, OperationCall


class Case(NamedTuple):
    """A call of gpuconv, and the same of one function of the peer."""

    call: OperationCall
    inputs: tuple[Array | None, ...]
    """The peer's arguments by position, float64 or labels."""
    options: dict[str, Any]
    """The peer's arguments by name, as JSON can carry them."""
    terms: int = 1
    """Products summed for one element of any result, for the tolerance."""
    magnitude: float = 0.0
    """Size of what is summed, where a result may cancel to less; 0 where nothing is summed."""
    zero_padding: tuple[int, ...] | None = None
    """By which the peer pads the first input beforehand, where its function has no such form of padding."""
    peer_dtype: Any = np.float64
    """Precision of the peer's gradients, where it is known to round a constant to float32."""
    named: dict[str, Array] | None = None
    """Arrays that the peer takes by name."""
    as_list: bool = False
    """Whether the peer takes its inputs as one list."""

    @property
    def function(self) -> str:
        """The peer's function, below torch.nn.functional or torch."""
        return self.call.operation.peer or self.call.operation.name

    @property
    def differentiated(self) -> tuple[int, ...]:
        """Positions of the inputs whose gradients are compared."""
        wanted = self.call.operation.differentiable
        return tuple(i for i, a in enumerate(self.inputs) if a is not None and self._argument(a) in wanted)

    @property
    def named_differentiated(self) -> tuple[str, ...]:
        """The arrays by name whose gradients are compared, after the others'."""
        wanted = self.call.operation.differentiable
        return tuple(name for name, a in (self.named or {}).items() if self._argument(a) in wanted)

    @property
    def gradients_of(self) -> tuple[str, ...]:
        """The arguments of gpuconv whose gradients are compared, in their order."""
        positional = (self._argument(self.inputs[i]) for i in self.differentiated)
        return *positional, *(self._argument((self.named or {})[name]) for name in self.named_differentiated)

    @property
    def updated(self) -> tuple[int, ...]:
        """Positions of the inputs that the call updates: running statistics in training."""
        statistics = ("running_mean", "running_var") if self.call.arguments.get("training") else ()
        return tuple(i for i, a in enumerate(self.inputs) if a is not None and self._argument(a) in statistics)

    def _argument(self, a: Any) -> str:
        """The name of the argument of gpuconv that an array is, or one of a list of arrays."""
        for name, value in self.call.arguments.items():
            if value is a or (isinstance(value, list) and any(a is part for part in value)):
                return name
        return ""

    def compute(self, rng: np.random.Generator) -> tuple[Array, tuple[Array, ...]]:
        """Compute the case with this library.

        Parameters
        ----------
        rng : numpy.random.Generator
            Draws the gradient of the result.

        Returns
        -------
        (array, tuple of array)
            The gradient drawn; then the result, the gradients compared, and the arrays that the call updates.
        """
        updated = [self._argument(self.inputs[i]) for i in self.updated]
        arguments = {name: a.copy() if name in updated else a for name, a in self.call.arguments.items()}
        call = OperationCall(self.call.operation, arguments)
        y = call.results()[0]
        dy = rng.standard_normal(y.shape)
        found = call.backward(dy)
        return dy, (y, *(found[name].pop(0) for name in self.gradients_of), *(arguments[name] for name in updated))

    def __str__(self) -> str:
        shapes = ", ".join("None" if a is None else f"{a.dtype}{list(a.shape)}" for a in self.inputs)
        padded = f", padded by {self.zero_padding} before" if self.zero_padding else ""
        names = f", {', '.join(self.named)} given" if self.named else ""
        return f"{self.function}({shapes}, {self.options}){names}{padded}"


def call_of(name: str, **arguments: Any) -> OperationCall:
    """A call of an operation of the catalogue."""
    return OperationCall(OPERATIONS[name], arguments)


def integer(rng: np.random.Generator, low: int, high: int) -> int:
    """A number of low to high, both included."""
    return int(rng.integers(low, high + 1))


def integers(rng: np.random.Generator, low: int, high: int, count: int) -> tuple[int, ...]:
    """As many numbers of low to high, both included."""
    return tuple(integer(rng, low, high) for _ in range(count))


def choice(rng: np.random.Generator, values: Sequence[Any]) -> Any:
    """One of the values, as it is."""
    return values[integer(rng, 0, len(values) - 1)]
