"""One random case of a function: what the peer is asked for, and how this library computes the same."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from ...core.device import Array


class Case(NamedTuple):
    """A call of one function of the peer, and the same in gpuconv."""

    function: str
    """Below torch.nn.functional."""
    inputs: tuple[Array | None, ...]
    """Its arguments by position, float64 or labels."""
    options: dict[str, Any]
    """Its arguments by name, as JSON can carry them."""
    differentiated: tuple[int, ...]
    """Positions of the inputs whose gradients are compared."""
    forward: Callable[[], Array]
    backward: Callable[[Array], Sequence[Array]]
    """Gradients in the order of `differentiated`, from the gradient of the result."""
    terms: int = 1
    """Products summed for one element of any result, for the tolerance."""
    magnitude: float = 0.0
    """Size of what is summed, where a result may cancel to less; 0 where nothing is summed."""
    before: tuple[int, ...] | None = None
    """Zeros the peer pads the first input with beforehand, where its function has no such form of padding."""
    peer_dtype: Any = np.float64
    """Precision of the peer's gradients, where it is known to round a constant to float32."""
    named: dict[str, Array] | None = None
    """Arrays the peer takes by name; their gradients come after the others', if `name_differentiated`."""
    name_differentiated: bool = False
    together: bool = False
    """Whether the peer takes its inputs as one list."""
    changed: tuple[int, ...] = ()
    """Positions of the inputs that the call moves in place, and with `left`, what ours are afterwards."""
    left: Callable[[], Sequence[Array]] | None = None

    def __str__(self) -> str:
        shapes = ", ".join("None" if a is None else f"{a.dtype}{list(a.shape)}" for a in self.inputs)
        padded = f", padded by {self.before} before" if self.before else ""
        names = f", {', '.join(self.named)} given" if self.named else ""
        return f"{self.function}({shapes}, {self.options}){names}{padded}"


def integer(rng: np.random.Generator, low: int, high: int) -> int:
    """A number of low to high, both included."""
    return int(rng.integers(low, high + 1))


def integers(rng: np.random.Generator, low: int, high: int, count: int) -> tuple[int, ...]:
    """As many numbers of low to high, both included."""
    return tuple(integer(rng, low, high) for _ in range(count))


def choice(rng: np.random.Generator, values: Sequence[Any]) -> Any:
    """One of the values, as it is."""
    return values[integer(rng, 0, len(values) - 1)]
