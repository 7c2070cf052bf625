"""Fingerprint of a kernel: a hash of everything that decides its PTX.

Numba compiles bytecode and freezes the values of closures and globals. The hash covers both, and whatever they reach in
turn: functions by their bytecode, so that kernels of a notebook, of `__main__` and of exec need no file; modules by the
attributes that the bytecode names; data by type and content. A value that cannot be told from another makes the kernel
unhashable: it is compiled anew instead of being taken from a cache.
"""

import functools
import types as python_types
import weakref
from pathlib import Path
from typing import Any

from .hasher import ABSENT, Hasher, Reached, UnhashableError, adds, contents, is_known
from .registered import implementations, of_packages
from .values import Names

_OPTIONS = ("debug", "opt", "fastmath", "inline", "forceinline", "device", "launch_bounds", "extensions")
"""Options of `@cuda.jit` that decide the code, besides `link`."""


_KEPT: "weakref.WeakKeyDictionary[Any, tuple[Any, Reached, str]]" = weakref.WeakKeyDictionary()
"""Kernel -> (implementations of packages' functions, what its hash covers, hash)."""


def fingerprint(kernel: Any, types: tuple[Any, ...], *options: Any) -> str | None:
    """Hash of a kernel, of the types of its arguments and of options; None if something cannot be hashed safely."""
    try:
        texts = (_kernel_hash(kernel), _types_hash(types), *map(repr, options))
    except (UnhashableError, RecursionError):
        return None
    hasher = Hasher()
    hasher.text(*texts)
    return hasher.digest.hexdigest()


def _kernel_hash(kernel: Any) -> str:
    registered = of_packages()
    kept = _KEPT.get(kernel)
    if kept is not None and kept[0] is registered and kept[1].holds():
        return kept[2]
    hasher = Hasher()
    hasher.add(kernel)
    for implementation in registered:
        hasher.add(implementation)
    digest = hasher.digest.hexdigest()
    _KEPT[kernel] = registered, hasher.reached, digest
    return digest


@functools.lru_cache(maxsize=1024)
def _types_hash(types: tuple[Any, ...]) -> str:
    hasher = Hasher()
    hasher.add(types)
    return hasher.digest.hexdigest()


@adds(python_types.FunctionType)
def function(hasher: Hasher, value: Any, _: Names) -> None:
    """A function: bytecode, defaults, what its closure and the globals that it names hold."""
    hasher.text(value.__module__, value.__qualname__)
    if is_known(value):
        return
    code = value.__code__
    hasher.text(code_digest(code, code.co_filename))
    names = names_in(code)
    hasher.reached.functions.append((value, code, value.__defaults__, value.__kwdefaults__))
    hasher.add(value.__defaults__, names)
    hasher.add(value.__kwdefaults__, names)
    for name, cell in zip(code.co_freevars, value.__closure__ or (), strict=True):
        found = contents(cell)
        hasher.reached.cells.append((cell, found))
        hasher.text("cell", name, found is ABSENT)
        if found is not ABSENT:
            hasher.add(found, names)
    for name in names:
        found = hasher.reached.look_up(value.__globals__, name)
        if found is not ABSENT:
            hasher.text("global", name)
            hasher.add(found, names)
    for implementation in implementations(value):
        hasher.add(implementation, names)


@functools.lru_cache(maxsize=1024)
def names_in(code: python_types.CodeType) -> Names:
    """Names of globals and attributes in a code object and in those nested in it, and texts that may be names."""
    found = dict.fromkeys(code.co_names)
    for constant in code.co_consts:
        if isinstance(constant, python_types.CodeType):
            found |= dict.fromkeys(names_in(constant))
        elif isinstance(constant, str) and constant.isidentifier():
            found[constant] = None  # getattr(module, "name")
    return tuple(found)


def code_digest(code: python_types.CodeType, file: str) -> bytes:
    """Hash of a code object, with its line numbers and its file, which PTX names."""
    return _code_digest(_Code(code), file)


class _Code:
    """A code object by identity: Python takes code objects for equal that differ in line numbers of nested ones."""

    def __init__(self, code: python_types.CodeType) -> None:
        self.code = code

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Code) and self.code is other.code

    def __hash__(self) -> int:
        return id(self.code)


@functools.lru_cache(maxsize=1024)
def _code_digest(key: _Code, file: str) -> bytes:
    code = key.code
    hasher = Hasher()
    hasher.text(file, code.co_name, code.co_firstlineno, code.co_flags, code.co_argcount, code.co_posonlyargcount)
    hasher.text(code.co_kwonlyargcount, code.co_code, code.co_linetable, getattr(code, "co_exceptiontable", b""))
    for names in (code.co_names, code.co_varnames, code.co_freevars, code.co_cellvars):
        hasher.text(len(names), *names)
    for constant in code.co_consts:
        if isinstance(constant, python_types.CodeType):
            hasher.text(code_digest(constant, file))
        else:
            hasher.add(constant)
    return hasher.digest.digest()


@adds(where=lambda value: isinstance(getattr(value, "py_func", None), python_types.FunctionType))
def dispatcher(hasher: Hasher, value: Any, names: Names) -> None:
    """A function of `@cuda.jit`: the function, the options that decide its code, the files that it links."""
    hasher.add(value.py_func, names)
    if is_known(value.py_func):
        return
    options = getattr(value, "targetoptions", {})
    for name in _OPTIONS:
        found = hasher.reached.look_up(options, name)
        hasher.add((name, None if found is ABSENT or not found else found), names)
    linked = hasher.reached.look_up(options, "link")
    linked = () if linked is ABSENT or not linked else linked
    for item in [linked] if isinstance(linked, str) else linked:
        hasher.reached.mutable = True
        hasher.text(_contents(item))


def _contents(linked: Any) -> bytes | str:
    """Contents of a file, or of a code object in memory, that a kernel links."""
    if isinstance(linked, (str, Path)):
        try:
            return Path(linked).read_bytes()
        except OSError as error:
            raise UnhashableError(f"{linked} cannot be read") from error
    data = getattr(linked, "data", None)
    if not isinstance(data, (str, bytes)):
        raise UnhashableError("linked code")
    return data


@adds(where=lambda value: hasattr(value, "_defn"))
def intrinsic(hasher: Hasher, value: Any, names: Names) -> None:
    """An intrinsic: the function that defines it."""
    hasher.add(value._defn, names)


@adds(where=lambda value: isinstance(value, functools._lru_cache_wrapper))
def cached_function(hasher: Hasher, value: Any, names: Names) -> None:
    """A function of functools.cache: the function."""
    hasher.add(value.__wrapped__, names)


@adds(staticmethod, classmethod)
def method(hasher: Hasher, value: Any, names: Names) -> None:
    """A static or class method in its class."""
    hasher.add(value.__func__, names)


@adds(python_types.BuiltinFunctionType, python_types.MethodDescriptorType, python_types.WrapperDescriptorType)
def builtin(hasher: Hasher, value: Any, _: Names) -> None:
    """A function written in C, of a module or class whose version is in the key."""
    owner = getattr(value, "__self__", None) or getattr(value, "__objclass__", None)
    if not is_known(owner if owner is not None else value):
        raise UnhashableError(f"{value.__name__}, a compiled function")
    hasher.text(getattr(owner, "__name__", ""), value.__qualname__)


@adds(where=lambda value: callable(value) and hasattr(value, "__qualname__") and is_known(value))
def known(hasher: Hasher, value: Any, _: Names) -> None:
    """Any other function of a package whose version is in the key."""
    hasher.text(value.__module__, value.__qualname__)


@adds(where=lambda value: type(value).__module__.startswith(("numba", "llvmlite")) and is_known(type(value)))
def object_of_numba(hasher: Hasher, value: Any, names: Names) -> None:
    """A type, by the key that decides whether it equals another; a signature; other objects by their text."""
    text = repr(value)
    if hasattr(value, "mangling_args") and hasattr(value, "key"):
        hasher.text(str(value))
        if value.key != value.name:
            hasher.add(value.key, names)
    elif hasattr(value, "return_type") and hasattr(value, "args"):
        hasher.add((value.return_type, *value.args), names)
    elif " at 0x" in text:
        raise UnhashableError(text)
    else:
        hasher.text(text)
