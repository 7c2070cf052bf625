"""Lines of the source that numba-cuda drops: of compile errors, of exceptions in Numba's code, of inlined functions."""

import functools
import re
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any


def place_of(error: BaseException, file: str) -> tuple[str | None, int | None]:
    """File and line of an error of the compiler, preferably in the file of the kernel; None where it says nothing."""
    places = [(name, int(line)) for name, line in re.findall(r"at (\S[^\n]*?) \((\d+)\)", str(error))]
    places += _places_in_frames(error)
    if getattr(error, "loc", None) is not None:
        places.insert(0, _location(error.loc))  # type: ignore[attr-defined]
    return next((p for p in places if p[0] == file), places[0] if places else (None, None))


def _places_in_frames(error: BaseException) -> list[Any]:
    """Locations that the compiler's functions were working at when they raised an error, the innermost first."""
    found = []
    for frame, _ in traceback.walk_tb(error.__traceback__):
        values = frame.f_locals
        for owner in (values, vars(values["self"]) if hasattr(values.get("self"), "__dict__") else {}):
            location = owner.get("loc")
            if hasattr(location, "filename") and hasattr(location, "line"):
                found.append(_location(location))
    return found[::-1]


def _location(location: Any) -> tuple[str, int]:
    return location.filename, location.line


class _Location:
    """A location as numba-cuda's calling convention takes it."""

    def __init__(self, filename: str, line: int) -> None:
        self.filename, self.line = filename, line

    def _raw_function_name(self) -> str:
        return ""


def with_place(return_exception: Callable[..., Any]) -> Callable[..., Any]:
    """`return_user_exc` that finds the line of exceptions without one: that of the instruction being compiled."""

    @functools.wraps(return_exception)
    def wrapped(self: Any, builder: Any, exc: Any, exc_args: Any = None, loc: Any = None, func_name: Any = None) -> Any:
        if loc is None and getattr(builder, "debug_metadata", None) is not None:
            loc = _location_of(builder.debug_metadata)
        return return_exception(self, builder, exc, exc_args, loc, func_name)

    return wrapped


def _location_of(metadata: Any) -> _Location | None:
    """File and line of a DILocation; None if it is another kind of metadata."""
    fields: dict[str, Any] = dict(metadata.operands)
    scope: Any = fields.get("scope")
    file: Any = None
    while file is None and hasattr(scope, "operands"):
        inner = dict(scope.operands)
        scope, file = inner.get("scope"), inner.get("file")
    if not hasattr(file, "operands") or "line" not in fields:
        return None
    name, folder = (dict(file.operands).get(key, "") for key in ("filename", "directory"))
    return _Location(f"{folder}/{name}" if folder else str(name), int(fields["line"]))


def with_files(lower_instruction: Callable[..., Any]) -> Callable[..., Any]:
    """`Lower.lower_inst` that tells the builder of debugging information where an instruction really stands.

    numba-cuda knows one file for a function and no line above its `def`, so that code of `inline="always"` functions
    seems to stand elsewhere in the kernel's file.
    """

    @functools.wraps(lower_instruction)
    def wrapped(self: Any, instruction: Any) -> Any:
        location, first, definition = self.loc, self.func_ir.loc, self.defn_loc
        same_file = location.filename == first.filename
        in_header = same_file and first.line <= location.line <= definition.line
        self.debuginfo.noted_location = None if in_header or location.line is None else location
        try:
            return lower_instruction(self, instruction)
        finally:
            self.debuginfo.noted_location = None

    return wrapped


def with_scope(location_of_line: Callable[..., Any]) -> Callable[..., Any]:
    """`DIBuilder._di_location` that follows the location noted by `with_files`, with a scope for its file."""

    @functools.wraps(location_of_line)
    def wrapped(self: Any, line: int) -> Any:
        location = getattr(self, "noted_location", None)
        if location is None:
            return location_of_line(self, line)
        self.noted_location, scope = None, self.subprograms[-1]
        path = Path(location.filename)
        if path != Path(self.filepath):
            file = self.module.add_debug_info("DIFile", {"directory": str(path.parent), "filename": path.name})
            scope = self.module.add_debug_info("DILexicalBlockFile", {"scope": scope, "file": file, "discriminator": 0})
        return self.module.add_debug_info("DILocation", {"line": location.line, "column": 1, "scope": scope})

    return wrapped
