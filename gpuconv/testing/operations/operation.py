"""An operation of the catalogue: calls that work, and the gradient functions that belong to it."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np

import gpuconv

from ...core.device import Array, to_device
from ...core.dtypes import wide

Shape = tuple[int, ...]
Shapes = Mapping[str, Shape | Sequence[Shape]]
STATISTICS = ("mean", "var", "running_mean", "running_var")
"""Arguments that stay float32 beside 16-bit arrays."""


class Gradient(NamedTuple):
    """A call of a gradient function."""

    function: str | None
    """Its public name; None where the gradient is dy itself."""
    of: tuple[str, ...]
    """Arguments of the operation, one for each gradient returned."""
    arguments: dict[str, Any]


class OperationCall:
    """An operation with its arguments by name.

    Parameters
    ----------
    operation : Operation
    arguments : dict
    """

    def __init__(self, operation: "Operation", arguments: dict[str, Any]) -> None:
        self.operation, self.arguments = operation, arguments
        self._results: tuple[Array, ...] | None = None

    def results(self) -> tuple[Array, ...]:
        """Everything that the operation returns, from its first run."""
        if self._results is None:
            found = run(self.operation.name, self.arguments)
            self._results = found if isinstance(found, tuple) else (found,)
        return self._results

    def gradients(self, dy: Any) -> list[Gradient]:
        """Gradient calls for the gradient of the result; none for an argument that is not given."""
        return self.operation.gradients(self, dy)

    def backward(self, dy: Any) -> dict[str, list[Array]]:
        """Gradients by argument; a list has one entry unless the argument is a list of arrays."""
        found: dict[str, list[Array]] = {}
        for gradient in self.gradients(dy):
            returned = run(gradient.function, gradient.arguments) if gradient.function else dy
            if len(gradient.of) == 1:
                found[gradient.of[0]] = list(returned) if isinstance(returned, tuple) else [returned]
            else:
                found.update((name, [a]) for name, a in zip(gradient.of, returned, strict=True))
        return found


class Sample(NamedTuple):
    """Arguments for one call of an operation."""

    title: str
    shapes: Shapes
    """Of the arrays that are drawn at random, or of each array of a list."""
    options: Mapping[str, Any] = MappingProxyType({})
    """The other arguments. Arrays among them are copied and converted to the call's dtype."""
    terms: int = 1
    """Products summed for one element of a gradient, for the tolerance."""

    def shapes_in_order(self) -> tuple[Shape, ...]:
        """Return one shape for each array drawn."""
        return tuple(s for value in self.shapes.values() for s in (_list_of_shapes(value) or (value,)))  # type: ignore[misc]

    def named(self, arrays: Sequence[Array], dtype: Any) -> dict[str, Any]:
        """Arguments by name, from the arrays in the order of `shapes_in_order`."""
        remaining = iter(arrays)
        found: dict[str, Any] = {}
        for name, value in self.shapes.items():
            several = _list_of_shapes(value)
            found[name] = next(remaining) if several is None else [next(remaining) for _ in several]
        return {**found, **{name: _converted(name, value, dtype) for name, value in self.options.items()}}


class Operation(NamedTuple):
    """A public function with arguments that work and its gradients."""

    name: str
    samples: tuple[Sample, ...]
    """The first is what the tables of wrong arguments vary; gradients are checked for all."""
    result_shape: Shape
    """Of the first sample's result."""
    differentiable: tuple[str, ...]
    """Arguments that have a gradient."""
    gradients: Callable[[OperationCall, Any], list[Gradient]]
    peer: str = ""
    """The function's name in torch.nn.functional or torch; empty where it is the same."""

    def checks(self) -> Iterator["OperationCheck"]:
        """Yield the gradient check of each sample."""
        return (OperationCheck.of(self, sample) for sample in self.samples if self.differentiable)

    def valid_calls(self) -> dict[str, dict[str, Any]]:
        """Arguments of the operation and of each of its gradient functions, float32 arrays of NumPy."""
        sample, rng = self.samples[0], np.random.default_rng(0)
        arrays = [rng.standard_normal(shape).astype(np.float32) for shape in sample.shapes_in_order()]
        call = OperationCall(self, sample.named(arrays, np.float32))
        dy = rng.standard_normal(self.result_shape).astype(np.float32) if self.result_shape else 1.0
        return {self.name: call.arguments, **{g.function: g.arguments for g in call.gradients(dy) if g.function}}


class OperationCheck(NamedTuple):
    """An operation, its gradients and arguments to try them on."""

    name: str
    forward: Callable[..., Array]
    backward: Callable[..., Sequence[Array | None]]
    shapes: tuple[Shape, ...]
    terms: int
    """Products summed for one element of a gradient, for the tolerance in float32."""
    arguments: tuple[str, ...] = ()
    """Names of the operation's arguments that the arrays are, in their order."""

    @classmethod
    def of(cls, operation: Operation, sample: Sample) -> "OperationCheck":
        """Make the check of a sample; arrays that have no gradient get None."""

        def call(inputs: Sequence[Array]) -> OperationCall:
            return OperationCall(operation, sample.named(inputs, inputs[0].dtype))

        def forward(*inputs: Array) -> Array:
            return call(inputs).results()[0]

        def backward(dy: Array, *inputs: Array) -> Sequence[Array | None]:
            found = call(inputs).backward(dy)
            return [found[name].pop(0) if name in found else None for name in names]

        names = tuple(name for name, value in sample.shapes.items() for _ in _list_of_shapes(value) or (value,))
        return cls(sample.title, forward, backward, sample.shapes_in_order(), sample.terms, names)

    def inputs(self, dtype: Any) -> list[Array]:
        """Standard normal values on the current device, the same for every type up to rounding."""
        rng = np.random.default_rng(1)
        return [to_device(rng.standard_normal(shape).astype(np.float32).astype(dtype)) for shape in self.shapes]

    def argument(self, position: int) -> str:
        """The name of an array; empty where it has none."""
        return self.arguments[position] if self.arguments else ""

    def run(self, dtype: Any) -> None:
        """Both passes, for what they compile."""
        inputs = self.inputs(dtype)
        y = self.forward(*inputs)
        self.backward(y, *inputs)


def run(name: str, arguments: dict[str, Any]) -> Any:
    """OperationCall a public function by its name."""
    return getattr(gpuconv, name)(**arguments)


def no_gradient(call: OperationCall, dy: Any) -> list[Gradient]:
    """Gradients of an operation that has none."""
    return []


def title(name: str, options: Mapping[str, Any]) -> str:
    """A sample's title: the operation with its options."""
    return ", ".join((name, *(f"{option} {value}" for option, value in options.items())))


def without(arguments: Mapping[str, Any], *names: str) -> dict[str, Any]:
    """The arguments but those of some names: the options, where the arrays are named."""
    return {name: value for name, value in arguments.items() if name not in names}


def _list_of_shapes(value: Any) -> Sequence[Shape] | None:
    """The shapes of a list of arrays, or None for the shape of one array."""
    return value if value and isinstance(value[0], tuple) else None


def _converted(name: str, value: Any, dtype: Any) -> Any:
    """A copy of an array on the current device, floating-point ones in the dtype of the call."""
    if not isinstance(value, np.ndarray):
        return value
    if value.dtype.kind != "f":
        return to_device(value.copy())
    return to_device(value.astype(wide(np.dtype(dtype)) if name in STATISTICS else dtype))
