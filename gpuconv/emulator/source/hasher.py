"""Hash of Python values by type and content, of whatever they reach, and of nothing that differs between processes."""

import functools
import hashlib
import importlib.util
import sys
import sysconfig
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

MAX_DEPTH = 100
"""Nesting that is followed; what is deeper counts as unhashable."""

PACKAGES = ("numba", "numba_cuda", "numpy", "llvmlite", "cuda", "abc")
"""Packages whose versions are in the key ("abc" are classes that they make): their functions and classes go by name, as
do those of Python's library."""

_PLAIN = frozenset((int, float, complex, bool, str, bytes, type(None), type(Ellipsis)))


class UnhashableError(Exception):
    """A kernel reaches a value that cannot be hashed safely."""


class Hasher:
    """Feeds values, each with its type, to a hash; what was met before goes by its number."""

    def __init__(self) -> None:
        self.digest = hashlib.sha256()
        self.seen: dict[tuple[int, int], int] = {}
        self.keep: list[Any] = []
        self.depth = 0
        self.reached = Reached()

    def text(self, *fields: object) -> None:
        """Add texts, each with its length, so that ("ab", "c") is not ("a", "bc")."""
        for value in fields:
            data = value if isinstance(value, bytes) else str(value).encode("utf-8", "surrogatepass")
            self.digest.update(len(data).to_bytes(8, "little") + data)

    def add(self, value: Any, names: tuple[str, ...] = ()) -> None:
        """Add a value that is reached by code that names these attributes.

        Raises
        ------
        UnhashableError
            If the value, or one that it reaches, is of a kind that no function is registered for.
        """
        kind = type(value)
        if kind in _PLAIN:
            self.text(f"{kind.__name__} {value!r}")
            return
        key = id(value), id(names)
        if key in self.seen:
            self.text("seen", self.seen[key])
            return
        self.seen[key] = len(self.seen)
        self.keep += (value, names)  # an id is unique as long as its value lives
        if self.depth > MAX_DEPTH:
            raise UnhashableError(f"nested {MAX_DEPTH} deep")
        self.depth += 1
        self.text(f"{kind.__module__} {kind.__qualname__}")
        adder_of(value)(self, value, names)
        self.depth -= 1


ABSENT = object()
"""Stands for the value of a name that is not defined."""


@dataclass
class Reached:
    """By which names a hash was reached, to see without hashing again that it still holds."""

    names: list[tuple[Any, str, Any]] = field(default_factory=list)
    """(dictionary of a module, class or options, name, its value)."""
    cells: list[tuple[Any, Any]] = field(default_factory=list)
    functions: list[tuple[Any, Any, Any, Any]] = field(default_factory=list)
    """(function, its code, its defaults, its keyword defaults)."""
    mutable: bool = False
    """Whether something was reached whose contents can change: an array, a list."""

    def look_up(self, values: Any, name: str) -> Any:
        """The value of a name, `ABSENT` if it has none; noted."""
        found = values.get(name, ABSENT)
        self.names.append((values, name, found))
        return found

    def holds(self) -> bool:
        """Whether everything that was reached is still the same."""
        return (
            not self.mutable
            and all(values.get(name, ABSENT) is value for values, name, value in self.names)
            and all(contents(cell) is value for cell, value in self.cells)
            and all(
                f.__code__ is code and f.__defaults__ is defaults and f.__kwdefaults__ is more
                for f, code, defaults, more in self.functions
            )
        )


def contents(cell: Any) -> Any:
    """What a cell of a closure holds, `ABSENT` if it is empty."""
    try:
        return cell.cell_contents
    except ValueError:
        return ABSENT


Adder = Callable[[Hasher, Any, tuple[str, ...]], None]

_ADDERS: list[tuple[Callable[[Any], bool], Adder]] = []


def adds(*kinds: type, where: Callable[[Any], bool] | None = None) -> Callable[[Adder], Adder]:
    """Register a function that adds values of some types, or those that meet a condition; the first one counts."""

    def enter(adder: Adder) -> Adder:
        _ADDERS.append((where or (lambda value: isinstance(value, kinds)), adder))
        return adder

    return enter


def adder_of(value: Any) -> Adder:
    """The function that adds a value."""
    for matches, adder in _ADDERS:
        if matches(value):
            return adder
    raise UnhashableError(f"a value of type {type(value).__qualname__}")


def is_known(value: Any) -> bool:
    """Whether a function, class or module belongs to Python or to a package whose version is in the key."""
    name = getattr(value, "__module__", None) or getattr(value, "__name__", None) or ""
    code = getattr(value, "__code__", None)
    file = code.co_filename if code is not None else getattr(sys.modules.get(name), "__file__", None)
    return _is_known(name.partition(".")[0], file)


@functools.lru_cache(maxsize=4096)
def _is_known(package: str, file: str | None) -> bool:
    if package not in PACKAGES and package not in sys.stdlib_module_names:
        return False
    if file is None or file.startswith("<frozen"):
        return True
    parents = Path(file).parents
    if any(folder in parents for folder in _package_folders()):
        return True
    third_party = {"site-packages", "dist-packages"} & set(Path(file).parts)
    return not third_party and Path(sysconfig.get_path("stdlib")) in parents


@functools.cache
def _package_folders() -> frozenset[Path]:
    found: set[Path] = set()
    for package in PACKAGES:
        try:
            spec = importlib.util.find_spec(package)
        except (ImportError, ValueError):
            continue
        if spec is not None:
            found |= {Path(folder) for folder in spec.submodule_search_locations or ()}
    return frozenset(found)
