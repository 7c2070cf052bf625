"""The fully connected layer to check."""

from collections.abc import Iterator, Sequence

from ...core.device import Array
from ...linear.functional import linear, linear_bias_grad, linear_input_grad, linear_weight_grad
from .check import OperationCheck


def checks() -> Iterator[OperationCheck]:
    """Yield the family's cases."""

    def backward(dy: Array, x: Array, w: Array, b: Array) -> Sequence[Array]:
        return linear_input_grad(dy, w), linear_weight_grad(x, dy), linear_bias_grad(dy)

    yield OperationCheck("linear", linear, backward, ((5, 9), (7, 9), (7,)), terms=9)
