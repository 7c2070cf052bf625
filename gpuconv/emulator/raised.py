"""Exceptions that a kernel of `debug=True` raises, as exceptions of the same class with the line of the raise."""

import builtins
import functools
import sys
from typing import Any

import numpy as np

from .buffers import Memory
from .errors import EmulatorError, Location
from .source import RaiseSite

_CODE = "__errcode__"
"""End of the name of the module variable in which numba-cuda stores the code of the first exception."""


def raised_error(memory: Memory, sites: dict[int, RaiseSite], kernel: Any) -> EmulatorError | None:
    """The exception that a thread raised first; None if none did."""
    variables = {buffer.symbol: buffer.memory for buffer in memory.buffers if buffer.symbol}
    prefix = next((name.removesuffix(_CODE) for name in variables if name.endswith(_CODE)), None)
    if prefix is None:
        return None

    def number(name: str) -> int:
        found = variables.get(prefix + name)
        return 0 if found is None else int(found[:4].view(np.int32)[0])

    code = number(_CODE)
    if code == 0:
        return None
    bx, by, bz = (number(f"__ctaid{axis}__") for axis in "xyz")
    tx, ty, tz = (number(f"__tid{axis}__") for axis in "xyz")
    site = sites.get(code, RaiseSite("builtins", "SystemError", f"unknown exception {code}", "", 0))
    location = Location(
        kernel=getattr(kernel, "py_func", kernel).__name__, block=(bx, by, bz), thread=(tx, ty, tz),
        source_file=site.file or None, source_line=site.line or None,
    )  # fmt: skip
    text = f"{site.name}: {site.message}" if site.message else site.name
    error: EmulatorError = _error_class(_exception_class(site, kernel))("exception", text, location)
    return error


def _exception_class(site: RaiseSite, kernel: Any) -> Any:
    """The class of an exception: a built-in one, one of its module, or one that the kernel names."""
    found: Any = vars(builtins).get(site.name) or sys.modules.get(site.module)
    for part in site.name.split(".") if not isinstance(found, type) else ():
        found = getattr(found, part, None)
    if not isinstance(found, type):
        function = getattr(kernel, "py_func", kernel)
        captured = zip(function.__code__.co_freevars, function.__closure__ or (), strict=True)
        reached = {**function.__globals__, **{name: cell.cell_contents for name, cell in captured}}
        found = reached.get(site.name.rpartition(".")[2])
    return found if isinstance(found, type) and issubclass(found, Exception) else Exception


@functools.cache
def _error_class(exception: Any) -> Any:
    """A class that is both EmulatorError and the exception, so that `except ValueError` catches it."""
    if issubclass(EmulatorError, exception):
        return EmulatorError
    try:
        both = type(exception.__name__, (EmulatorError, exception), {"__module__": exception.__module__})
        both("exception", "")
    except TypeError:
        return EmulatorError
    return both
