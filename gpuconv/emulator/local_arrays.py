"""Local arrays that are read before they are written.

Numba fills them with zeros where they are made, which CUDA does not promise. The emulator compiles kernels without, so
that a read of local memory before a write is seen as it runs. An array with constant indices would be kept in
registers, where nothing is seen: in kernels that are not the library's, its address is handed to empty inline PTX, so
that it stays in memory; of the others the source is asked whether any write can come before a read.
"""

import ast
import contextlib
import inspect
import textwrap
from collections.abc import Iterator
from functools import lru_cache
from typing import Any

from llvmlite import ir

from .errors import EmulatorError, Location


class _Unfilled:
    """numba.cuda.cgutils with an `alloca_once` that leaves local arrays as they are, in memory if `watched`."""

    def __init__(self, module: Any, watched: bool) -> None:
        self._module, self._watched = module, watched

    def __getattr__(self, name: str) -> Any:
        return getattr(self._module, name)

    def alloca_once(self, builder: Any, type_: Any, size: Any = None, name: str = "", zfill: bool = False) -> Any:
        """Allocate in the entry block, as in Numba; filled with zeros unless it is a local array."""
        if name != "_cudapy_lmem":
            return self._module.alloca_once(builder, type_, size, name, zfill)
        with builder.goto_entry_block():
            array = builder.alloca(type_, size=size, name=name)
            if self._watched:
                taken = ir.FunctionType(ir.VoidType(), [array.type])
                builder.asm(taken, "", "l,~{memory}", [array], side_effect=True)
            return array


@contextlib.contextmanager
def unfilled(watched: bool) -> Iterator[None]:
    """Within this context Numba does not fill local arrays; it keeps them in memory if `watched`."""
    from numba.cuda import cudaimpl

    usual = cudaimpl.cgutils
    cudaimpl.cgutils = _Unfilled(usual, watched)
    try:
        yield
    finally:
        cudaimpl.cgutils = usual


def check_local_arrays(kernel: Any) -> None:
    """Report a local array of a kernel that its source reads where no write can have come before.

    Raises
    ------
    EmulatorError
        Of kind uninitialized.
    """
    function = getattr(kernel, "py_func", kernel)
    found = _first_read(function.__code__)
    if found is not None:
        name, line = found
        location = Location(
            kernel=function.__name__, block=(0, 0, 0), thread=(0, 0, 0),
            source_file=function.__code__.co_filename, source_line=line,
        )  # fmt: skip
        raise EmulatorError("uninitialized", f"a read of the local array {name}, never written", location)


@lru_cache(maxsize=512)
def _first_read(code: Any) -> tuple[str, int] | None:
    """A local array and the line of a read before any write; None if none is found, or no source."""
    try:
        lines, first = inspect.getsourcelines(code)
        tree = ast.parse(textwrap.dedent("".join(lines)))
    except (OSError, TypeError, SyntaxError):
        return None
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name) and _makes_local(node.value):
            line = _read_before_write(tree, node, node.targets[0].id)
            if line is not None:
                return node.targets[0].id, line + first - 1
    return None


def _makes_local(value: Any) -> bool:
    """Whether an expression is `cuda.local.array(...)`."""
    function = value.func if isinstance(value, ast.Call) else None
    if not isinstance(function, ast.Attribute) or function.attr != "array":
        return False
    return isinstance(function.value, ast.Attribute) and function.value.attr == "local"


def _read_before_write(tree: Any, made: ast.Assign, name: str) -> int | None:
    """Line of the first read of an array if no write is ahead of it or in a loop around it."""
    reads: list[int] = []
    writes: list[int] = []
    subscripts = [n for n in ast.walk(tree) if isinstance(n, ast.Subscript) and _is(n.value, name)]
    fields = {id(n.value) for n in ast.walk(tree) if isinstance(n, ast.Attribute) and isinstance(n.ctx, ast.Store)}
    updated = {id(n.target) for n in ast.walk(tree) if isinstance(n, ast.AugAssign)}
    for node in subscripts:
        reading = (isinstance(node.ctx, ast.Load) and id(node) not in fields) or id(node) in updated
        (reads if reading else writes).append(node.lineno)
    # any other mention hands the array on, perhaps to be written
    inside = {id(n.value) for n in subscripts} | {id(made.targets[0])}
    writes += [n.lineno for n in ast.walk(tree) if isinstance(n, ast.Name) and n.id == name and id(n) not in inside]
    if not reads:
        return None
    first = min(reads)
    loops = [n for n in ast.walk(tree) if isinstance(n, (ast.For, ast.While)) and n.lineno > made.lineno]
    around = [n for n in loops if n.lineno <= first <= (n.end_lineno or n.lineno)]
    end = max((n.end_lineno or n.lineno for n in around), default=first)
    return None if any(w <= end for w in writes) else first


def _is(node: Any, name: str) -> bool:
    return isinstance(node, ast.Name) and node.id == name
