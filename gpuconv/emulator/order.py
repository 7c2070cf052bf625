"""Determinism check: the same launch in shuffled orders of blocks and warps, compared bit by bit."""

from typing import Any

import numpy as np

from .arguments import bound
from .errors import EmulatorError, Location
from .launcher import run


def check_order(
    kernel: Any,
    grid: int | tuple[int, ...],
    block: int | tuple[int, ...],
    *arguments: Any,
    runs: int = 3,
    **options: Any,
) -> None:
    """Check that a kernel's results do not depend on the order of blocks and warps, to the bit.

    Parameters
    ----------
    kernel, grid, block, *arguments
        As in `run`; the arrays keep the results of the run in ascending order.
    runs : int
        Number of shuffled orders to try.
    **options
        Passed to `run`.

    Raises
    ------
    EmulatorError
        Of kind order-dependent if a bit differs; or as in `run`.

    Examples
    --------
    >>> from numba import cuda
    >>> from gpuconv import emulator
    >>> @cuda.jit
    ... def last(x):
    ...     x[0] = cuda.blockIdx.x
    >>> try:
    ...     emulator.check_order(last, 4, 1, np.zeros(1, np.int64))
    ... except emulator.EmulatorError as error:
    ...     print(error.kind)
    race-global
    """
    # reference: ascending order
    start = [a.copy() if isinstance(a, np.ndarray) else a for a in arguments]
    run(kernel, grid, block, *arguments, **options)
    names = bound(kernel, arguments)
    # shuffled orders
    for seed in range(1, runs + 1):
        shuffled = [a.copy() if isinstance(a, np.ndarray) else a for a in start]
        run(kernel, grid, block, *shuffled, seed=seed, **options)
        for name, expected, found in zip(names, arguments, shuffled, strict=False):
            if isinstance(expected, np.ndarray) and expected.tobytes() != found.tobytes():
                _report(_location(kernel), name, expected, found)


def _location(kernel: Any) -> Location:
    """Location of a whole kernel."""
    return Location(kernel=getattr(kernel, "py_func", kernel).__name__)


def _report(location: Location, name: str, expected: Any, found: Any) -> None:
    a, b = (x.reshape(-1).view(np.uint8).reshape(x.size, -1) for x in (expected, found))
    i = int(np.argmax((a != b).any(axis=1)))
    values = f"{expected.reshape(-1)[i]!r} in order, {found.reshape(-1)[i]!r} in another order"
    raise EmulatorError("order-dependent", f"element {i} of {name} is {values}", location)
