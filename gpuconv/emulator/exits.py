"""Which threads may exit without reaching a barrier, judged by the source of the kernel.

A thread that returns before a barrier is not waited for. One that goes around it, in an `if` or a shorter loop, is a
mistake, even where the machine code is the same; so the source is asked whether it has a `return` ahead of the barrier.
"""

import ast
import linecache
from functools import cache
from typing import Any

import numpy as np

from .program import Compiled
from .runtime.barriers import EXIT_ALLOWED, RETURN_FOLLOWS

_Function = ast.FunctionDef | ast.AsyncFunctionDef


def site_lines(compiled: Compiled) -> Any:
    """For each site its line, and whether a `return` comes before or after it; None if no threads wait for others."""
    if compiled.lines is not None:
        return compiled.lines
    items = compiled.program.sites
    barriers = [item for item in items if item.op in ("bar", "barrier") or "sync" in item.modifiers]
    if not barriers:
        return None
    home = barriers[0].source[0] if barriers[0].source else 0
    path = compiled.files.get(home)
    table = np.zeros(len(items), np.int64)
    for site, item in enumerate(items):
        number, line = item.source or (0, item.line)
        if number == home:
            table[site] = line << 2 | _returns(path, line)
        else:
            table[site] = EXIT_ALLOWED
    compiled.lines = table
    return table


@cache
def _returns(path: str | None, line: int) -> int:
    """The bits of a line: threads may have returned before it, or may return after it."""
    function = _enclosing(path, line)
    if function is None:
        return EXIT_ALLOWED
    returns = [n.lineno for n in ast.walk(function) if isinstance(n, ast.Return) and n is not function.body[-1]]
    loops = [n for n in ast.walk(function) if isinstance(n, (ast.For, ast.While)) and _holds(n, line)]
    may_have_returned = any(r < line or any(_holds(loop, r) for loop in loops) for r in returns)
    may_return_later = any(r >= line for r in returns)
    return EXIT_ALLOWED * may_have_returned | RETURN_FOLLOWS * may_return_later


def _enclosing(path: str | None, line: int) -> _Function | None:
    """The innermost function of a source file around a line; None without a source."""
    functions = [f for f in _functions(path, tuple(linecache.getlines(path))) if _holds(f, line)] if path else []
    return max(functions, key=lambda f: f.lineno, default=None)


@cache
def _functions(path: str, lines: tuple[str, ...]) -> list[_Function]:
    try:
        tree = ast.parse("".join(lines))
    except SyntaxError:
        return []
    return [n for n in ast.walk(tree) if isinstance(n, _Function)]


def _holds(node: Any, line: int) -> bool:
    return bool(node.lineno <= line <= node.end_lineno)
