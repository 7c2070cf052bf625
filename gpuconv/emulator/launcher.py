"""`run`: any function that numba.cuda compiles, on NumPy arrays."""

from typing import Any

import numpy as np

from .errors import EmulatorError
from .grid import Counts, Launch, flatten, launch
from .program import compile_kernel
from .source import compile_ptx

ARCHITECTURE = (8, 0)


def run(
    kernel: Any,
    grid: int | tuple[int, ...],
    block: int | tuple[int, ...],
    *arguments: Any,
    check: bool = True,
    seed: int = 0,
    shared_bytes: int = 0,
    architecture: tuple[int, int] = ARCHITECTURE,
) -> None:
    """Run a kernel's PTX on the CPU.

    Parameters
    ----------
    kernel : function
        A function of `@cuda.jit`, or a plain one that it would compile.
    grid, block : int or tuple of int
        As in `kernel[grid, block](...)`.
    *arguments : numpy.ndarray or number
        Arrays stand for device arrays and are changed in place.
    check : bool
        Look for reads of memory never written and for races. Bounds, alignment and barriers are always checked.
    seed : int
        0 runs blocks and warps in order; any other number in an order of its own.
    shared_bytes : int
        Dynamic shared memory.
    architecture : (int, int)
        Compute capability to compile for.

    Raises
    ------
    EmulatorError
        What the kernel did wrong, with kernel, block, thread and line; or what the emulator cannot run.
    """
    signature = signature_of(arguments)
    ptx = compile_ptx(kernel, signature, architecture)
    names = names_of(kernel, arguments)
    _launch(ptx, None, Launch(_three(grid), _three(block), shared_bytes, check, False, seed), list(arguments), names)


def run_ptx(
    ptx: str,
    grid: int | tuple[int, ...],
    block: int | tuple[int, ...],
    *arguments: Any,
    name: str | None = None,
    check: bool = True,
    seed: int = 0,
    shared_bytes: int = 0,
) -> None:
    """Run a kernel of a PTX text that takes a pointer for each array, as C compilers have it.

    Parameters
    ----------
    ptx : str
    name : str, optional
        The kernel; default: the only one of the text.
    grid, block, *arguments, check, seed, shared_bytes
        As in `run`.

    Raises
    ------
    EmulatorError
        As in `run`.
    """
    flat = [a if isinstance(a, np.ndarray) else flatten([a])[0] for a in arguments]
    how = Launch(_three(grid), _three(block), shared_bytes, check, False, seed)
    launch(compile_kernel(ptx, name), how, flat, [f"argument {k}" for k in range(len(flat))])


def _launch(ptx: str, name: str | None, how: Launch, arguments: list[Any], names: list[str]) -> Counts | None:
    flat = flatten(arguments)
    named = [n for argument, n in zip(arguments, names, strict=True) for _ in flatten([argument])]
    return launch(compile_kernel(ptx, name), how, flat, named)


def signature_of(arguments: Any) -> Any:
    """The Numba signature of a launch with these arguments."""
    from numba import typeof, types

    return types.void(*(typeof(a) for a in arguments))


def names_of(kernel: Any, arguments: Any) -> list[str]:
    """What a kernel calls its arguments."""
    code = getattr(kernel, "py_func", kernel).__code__
    found = list(code.co_varnames[: code.co_argcount])
    if len(found) != len(arguments):
        raise EmulatorError("bad-launch", f"{len(arguments)} arguments, expected {len(found)}: {', '.join(found)}")
    return found


def _three(shape: int | tuple[int, ...]) -> tuple[int, int, int]:
    sizes = (shape,) if isinstance(shape, (int, np.integer)) else tuple(shape)
    x, y, z = (*(int(size) for size in sizes), 1, 1)[:3]
    return x, y, z
