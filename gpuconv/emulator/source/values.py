"""What of a value decides the code of a kernel that captures it: data by type and content."""

import enum
import functools
import types as python_types
from typing import Any

import numpy as np

from .hasher import ABSENT, Hasher, UnhashableError, adds, is_known

Names = tuple[str, ...]


@adds(enum.Enum)
def enum_member(hasher: Hasher, member: Any, names: Names) -> None:
    """A member of an enum: its name, its value and its class."""
    hasher.text(member.name)
    hasher.add(type(member), names)
    hasher.add(member.value, names)


@adds(np.generic)
def scalar(hasher: Hasher, value: Any, _: Names) -> None:
    """A NumPy scalar."""
    hasher.reached.mutable |= isinstance(value, np.void)
    data(hasher, np.asarray(value))


@adds(int, float, complex, str, bytes)
def number(hasher: Hasher, value: Any, names: Names) -> None:
    """A number or text of a class that inherits from a plain one."""
    plain = next(kind for kind in (int, float, complex, str, bytes) if isinstance(value, kind))
    hasher.text(plain.__repr__(value))
    hasher.add(type(value), names)


@adds(np.ndarray)
def array(hasher: Hasher, value: Any, _: Names) -> None:
    """An array by its contents."""
    hasher.reached.mutable = True
    hasher.text(value.shape, value.flags.c_contiguous, value.flags.f_contiguous, value.flags.aligned)
    hasher.text(value.flags.writeable)
    data(hasher, value)


def data(hasher: Hasher, value: Any) -> None:
    """Contents of an array."""
    if value.dtype.hasobject:
        raise UnhashableError("an array of objects")
    hasher.text(repr(value.dtype), value.dtype.isalignedstruct, value.tobytes())


@adds(np.dtype)
def dtype(hasher: Hasher, value: Any, _: Names) -> None:
    """A dtype: fields, offsets, alignment."""
    hasher.text(repr(value), value.isalignedstruct)


@adds(tuple, list)
def sequence(hasher: Hasher, value: Any, names: Names) -> None:
    """A tuple, named tuple or list."""
    hasher.reached.mutable |= isinstance(value, list)
    hasher.text(len(value))
    if type(value) not in (tuple, list):
        hasher.add(type(value), names)
    for item in value:
        hasher.add(item, names)


@adds(dict, python_types.MappingProxyType)
def mapping(hasher: Hasher, value: Any, names: Names) -> None:
    """A dictionary, in its order."""
    hasher.reached.mutable = True
    hasher.text(len(value))
    for key, item in value.items():
        hasher.add(key, names)
        hasher.add(item, names)


@adds(set, frozenset)
def unordered(hasher: Hasher, value: Any, names: Names) -> None:
    """A set: its elements' hashes in sorted order."""
    hasher.reached.mutable |= isinstance(value, set)
    digests = []
    for item in value:
        one = Hasher()
        one.reached = hasher.reached
        one.add(item, names)
        digests.append(one.digest.digest())
    hasher.text(len(digests), *sorted(digests))


@adds(functools.partial)
def partial(hasher: Hasher, value: Any, names: Names) -> None:
    """A partial: the function and its arguments."""
    for part in (value.func, value.args, value.keywords):
        hasher.add(part, names)


@adds(np.ufunc)
def ufunc(hasher: Hasher, value: Any, _: Names) -> None:
    """A NumPy ufunc, by name."""
    hasher.text(value.__name__)


@adds(slice, range)
def span(hasher: Hasher, value: Any, names: Names) -> None:
    """A slice or range."""
    for part in (value.start, value.stop, value.step):
        hasher.add(part, names)


@adds(python_types.ModuleType)
def module(hasher: Hasher, value: Any, names: Names) -> None:
    """A module: the attributes that code names."""
    hasher.text(value.__name__)
    if not is_known(value):
        attributes(hasher, vars(value), names)


@adds(type)
def class_(hasher: Hasher, kind: Any, names: Names) -> None:
    """A class: its name and bases, members of an enum, fields of a named tuple, the attributes that code names."""
    hasher.text(kind.__module__, kind.__qualname__)
    if is_known(kind) and not issubclass(kind, enum.Enum):
        return
    hasher.text(*(f"{base.__module__}.{base.__qualname__}" for base in kind.__mro__))
    if issubclass(kind, enum.Enum):
        for name, member in kind.__members__.items():
            hasher.text(name)
            hasher.add(member.value, names)
    elif issubclass(kind, tuple):
        hasher.text(getattr(kind, "_fields", ""))
    else:
        for base in kind.__mro__[:-1]:
            if not is_known(base):
                attributes(hasher, vars(base), names)


def attributes(hasher: Hasher, values: Any, names: Names) -> None:
    """The attributes of a module or class that code names."""
    for name in names:
        found = hasher.reached.look_up(values, name)
        if found is not ABSENT:
            hasher.text("attribute", name)
            hasher.add(found, names)
