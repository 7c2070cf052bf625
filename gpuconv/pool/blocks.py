"""Pooling of arrays that are too large to be converted whole: some planes at a time."""

from collections.abc import Callable, Sequence
from typing import Any

from ..core.blocks import Operand, Result, in_blocks
from ..core.call import Call
from ..core.device import Array

PLANES = (0, 1)
"""Axes of samples and channels, which pooling treats one by one."""


def by_planes(
    call: Call,
    function: Callable[..., Any],
    operands: Sequence[Array],
    shapes: Sequence[Sequence[int]],
    out: Array | None = None,
    *,
    second: Any = None,
) -> list[Array]:
    """The results of function(*operands) for some planes at a time.

    Parameters
    ----------
    call : Call
    function : function
        Of blocks (n, c, ...) of the operands; returns blocks of the results.
    operands : sequence of array (N, C, ...)
    shapes : sequence of shape (N, C, ...)
        Of the results.
    out : array, optional
        Memory for the first result; it was checked.
    second : dtype, optional
        Of the second result.

    Returns
    -------
    list of array
    """
    results = [Result(tuple(shape), PLANES, dtype) for shape, dtype in zip(shapes, (None, second), strict=False)]
    return in_blocks(call, function, tuple(shapes[0][:2]), [Operand(a, PLANES) for a in operands], results, out)
