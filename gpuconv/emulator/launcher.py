"""`run`, `measure` and `run_ptx`: launch a kernel on the emulator with NumPy arrays."""

import os
from functools import lru_cache
from typing import Any

import numpy as np

from .arguments import bound, flatten, types_of
from .buffers import Memory
from .cores import MAX_BASIC_BLOCKS, Counts, Launch
from .grid import launch
from .limits import three
from .local_arrays import check_local_arrays
from .program import Compiled, compile_kernel
from .raised import raised_error
from .report import Report, report_of
from .source import compile_source, declared_of, keep_declared_signatures

ARCHITECTURE = (8, 0)
VARIABLE = "GPUCONV_EMULATOR_ARCHITECTURE"
"""Environment variable: compute capability to compile for, such as 90; default 80."""

BUDGET_VARIABLE = "GPUCONV_EMULATOR_BUDGET"
"""Environment variable: basic blocks that a thread block may execute before it is reported as hanging."""

keep_declared_signatures()


def run(
    kernel: Any,
    grid: int | tuple[int, ...],
    block: int | tuple[int, ...],
    *arguments: Any,
    check: bool = True,
    seed: int = 0,
    shared_bytes: int = 0,
    architecture: tuple[int, int] = ARCHITECTURE,
    budget: int | None = None,
    cooperative: bool = False,
) -> None:
    """Run a kernel's PTX on the CPU.

    Parameters
    ----------
    kernel : CUDA kernel
        A function of `@cuda.jit`, or a plain function that it can compile.
    grid, block : int or tuple of int
        As in `kernel[grid, block](...)`.
    *arguments : numpy.ndarray or number
        Arrays act as device arrays; kernels write to them directly.
    check : bool
        Detect reads of uninitialized memory and races. Bounds, alignment and barriers are always checked.
    seed : int
        Seed of the order of blocks and warps; 0 runs them in ascending order.
    shared_bytes : int
        Bytes of dynamic shared memory.
    architecture : (int, int)
        Compute capability to compile for.
    budget : int, optional
        Basic blocks that a thread block may execute before it is reported as hanging; one that does nothing but poll
        memory has a 64th of them polls. Default: GPUCONV_EMULATOR_BUDGET, or 2^28.
    cooperative : bool
        Run all blocks together, as a cooperative launch does, so that a block may wait for one of a higher number;
        implied by `cuda.cg.this_grid().sync()`.

    Raises
    ------
    EmulatorError
        The fault of the kernel, with kernel, block, thread and line; or what the emulator cannot run.

    Examples
    --------
    >>> from numba import cuda
    >>> from gpuconv import emulator
    >>> @cuda.jit
    ... def double(x):
    ...     i = cuda.grid(1)
    ...     if i < x.size:
    ...         x[i] *= 2
    >>> x = np.arange(5)
    >>> emulator.run(double, 1, 32, x)
    >>> x
    array([0, 2, 4, 6, 8])
    """
    config = Launch(three(grid, "grid"), three(block, "block"), shared_bytes, check, seed=seed, budget=_budget(budget))
    config.cooperative = cooperative
    _launch(kernel, config, arguments, architecture, watch_locals=True)


def measure(
    kernel: Any,
    grid: int | tuple[int, ...],
    block: int | tuple[int, ...],
    *arguments: Any,
    shared_bytes: int = 0,
    architecture: tuple[int, int] = ARCHITECTURE,
) -> Report:
    """Run a kernel and count instructions, shared-memory wavefronts and global-memory sectors by source line.

    Parameters
    ----------
    kernel, grid, block, *arguments, shared_bytes, architecture
        As in `run`.

    Returns
    -------
    Report
        Counts by the models of docs/emulator.md, never times; `print` shows a table.

    Raises
    ------
    EmulatorError
        As in `run`.

    Examples
    --------
    >>> from numba import cuda
    >>> from gpuconv import emulator
    >>> @cuda.jit
    ... def copy(x, y):
    ...     i = cuda.grid(1)
    ...     y[i] = x[i]
    >>> x = np.arange(32, dtype=np.float32)
    >>> report = emulator.measure(copy, 1, 32, x, np.empty_like(x))
    >>> report.memory.requests, report.memory.passes
    (2, 8)
    """
    config = Launch(three(grid, "grid"), three(block, "block"), shared_bytes, meter=True)
    compiled, counts = _launch(kernel, config, arguments, architecture)
    assert counts is not None
    return report_of(compiled, counts)


def run_ptx(
    ptx: str,
    grid: int | tuple[int, ...],
    block: int | tuple[int, ...],
    *arguments: Any,
    name: str | None = None,
    check: bool = True,
    seed: int = 0,
    shared_bytes: int = 0,
    budget: int | None = None,
    cooperative: bool = False,
) -> None:
    """Run a kernel of a PTX text with a pointer per array, the ABI of CUDA C.

    Parameters
    ----------
    ptx : str
    name : str, optional
        Kernel name; default: the only kernel of the text.
    grid, block, *arguments, check, seed, shared_bytes, budget, cooperative
        As in `run`.

    Raises
    ------
    EmulatorError
        As in `run`.

    Examples
    --------
    >>> from gpuconv import emulator
    >>> ptx = '''
    ... .version 8.0
    ... .target sm_80
    ... .address_size 64
    ... .visible .entry one(.param .u64 y)
    ... {
    ...     .reg .b64 %p;
    ...     ld.param.u64 %p, [y];
    ...     st.global.u32 [%p], 1;
    ...     ret;
    ... }
    ... '''
    >>> y = np.zeros(1, np.int32)
    >>> emulator.run_ptx(ptx, 1, 1, y)
    >>> y
    array([1], dtype=int32)
    """
    flat = [(f"argument {k}", _c_argument(a)) for k, a in enumerate(arguments)]
    config = Launch(three(grid, "grid"), three(block, "block"), shared_bytes, check, False, seed, _budget(budget), True)
    config.cooperative = cooperative
    launch(compile_kernel(ptx, name), config, flat)


def _c_argument(value: Any) -> Any:
    """An argument of CUDA C: Python numbers are 64 bits wide."""
    if isinstance(value, bool):
        return np.int8(value)
    return np.int64(value) if isinstance(value, int) else np.float64(value) if isinstance(value, float) else value


def _launch(
    kernel: Any,
    config: Launch,
    arguments: tuple[Any, ...] | list[Any],
    architecture: tuple[int, int],
    watch_locals: bool = False,
) -> tuple[Compiled, Counts | None]:
    named = bound(kernel, arguments)
    types = types_of(named, declared_of(kernel))
    if config.check and not config.meter and not watch_locals:
        check_local_arrays(kernel)
    fill = config.meter or not config.check
    signature = signature_of_types(types)
    source = compile_source(kernel, signature, architecture, fill_locals=fill, watch_locals=watch_locals and not fill)
    config.cooperative |= source.cooperative
    compiled = compile_kernel(source.texts)
    flat = [f for (name, value), kind in zip(named.items(), types, strict=True) for f in flatten(name, kind, value)]

    def inspect(memory: Memory) -> None:
        error = raised_error(memory, source.raised, kernel) if source.raised else None
        if error is not None:
            raise error

    return compiled, launch(compiled, config, flat, inspect)


def run_blocks_of(kernel: Any, blocks: int, threads: int, arguments: list[Any]) -> None:
    """Run a launch of the library with all checks, for the architecture of the environment variable."""
    _launch(kernel, Launch((blocks, 1, 1), (threads, 1, 1), budget=_budget(None)), arguments, architecture())


def _budget(asked: int | None) -> int:
    """Basic blocks a thread block: as asked, of the environment variable, or the default."""
    if asked is None:
        text = os.environ.get(BUDGET_VARIABLE) or str(MAX_BASIC_BLOCKS)
        if not text.isdecimal():
            raise ValueError(f"{BUDGET_VARIABLE} is {text!r}, expected a number of basic blocks")
        asked = int(text)
    if asked < 1:
        raise ValueError(f"budget is {asked}, expected at least 1")
    return asked


def architecture() -> tuple[int, int]:
    """Compute capability of GPUCONV_EMULATOR_ARCHITECTURE, by default 8.0."""
    return _architecture(os.environ.get(VARIABLE))


@lru_cache
def _architecture(asked: str | None) -> tuple[int, int]:
    if not asked:
        return ARCHITECTURE
    if not (asked.isdecimal() and int(asked) >= 50):
        raise ValueError(f"{VARIABLE} is {asked!r}, expected a compute capability such as 80 or 100")
    return int(asked[:-1]), int(asked[-1])


def signature_of(arguments: Any) -> Any:
    """The Numba signature of a launch with these arguments."""
    return signature_of_types(types_of({f"argument {k}": a for k, a in enumerate(arguments)}, []))


def signature_of_types(kinds: list[Any]) -> Any:
    """The Numba signature of a kernel that takes arguments of these types."""
    from numba import types

    return types.void(*kinds)
