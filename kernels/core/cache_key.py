"""What decides a kernel's machine code, as hashes: the stamps of its entries on disk.

A kernel inlines functions of other files, and emitters of other files write its instructions. So two things are hashed.
First the sources: the modules in which anything it reaches was written, and all that they import within the library.
Contents count, not times. Second the objects: bytecode, constants, closures and options of the functions that it
reaches through globals, closures and attributes. That is what this process runs, should a source have been edited since
it was imported, or a constant depend on the machine.
"""

import hashlib
import re
import sys
from enum import Enum
from functools import cache
from pathlib import Path
from types import BuiltinFunctionType, CodeType, FunctionType, ModuleType

import numpy as np

LIBRARY = __name__.partition(".")[0]
IMPORT = re.compile(
    rb"^[ \t]*(?:from[ \t]+([.\w]+)[ \t]+import[ \t]*(\([^)]*\)|(?:[^\n\\]|\\\n)*)|import[ \t]+([^\n]*))", re.MULTILINE
)
"""An import statement: where from and which names, or which modules."""
NAME = re.compile(rb"(?:#[^\n]*)|([\w.]+)(?:\s+as\s+\w+)?")
"""A name in it, or a comment."""
FOREIGN = {*sys.stdlib_module_names, "cuda", "cupy", "llvmlite", "numba", "numba_cuda", "numpy"}
"""Packages whose versions are in the key instead of their code."""
SIMPLE = (type(None), bool, int, float, complex, str, bytes, np.generic, np.dtype)

_codes = {}
"""Memo of `_read_code` by id, with the code object: hashing one reads all of it."""


# ---- sources


@cache
def source(module):
    """(bytes, is a package) of the file of a module in a package, None without such a module."""
    package, _, name = module.rpartition(".")
    candidates = [(folder / "__init__.py", loader, True) for folder, loader in _folders(module)]
    candidates += [(folder / f"{name}.py", loader, False) for folder, loader in _folders(package)]
    for path, loader, is_package in candidates:
        try:
            return loader.get_data(str(path)), is_package
        except OSError:
            continue
    return None


@cache
def _folders(package):
    """(folder, loader) of a package's modules; a loader reads files, or members of an archive."""
    loaded = sys.modules.get(package)
    if loaded is not None:
        return [(Path(folder), loaded.__spec__.loader) for folder in getattr(loaded, "__path__", ())]
    above, _, name = package.rpartition(".")
    return [(folder / name, loader) for folder, loader in _folders(above)] if above else []


@cache
def imported(module):
    """Modules of the library that a module's source imports, inside its functions too."""
    content, is_package = source(module)
    found = set()
    for origin, names, modules in IMPORT.findall(content):
        if modules:
            found |= {name.decode() for name in NAME.findall(modules) if name}
            continue
        start = _absolute(origin.decode(), module, is_package)
        if start.partition(".")[0] == LIBRARY:
            # `from package import module` is an import of the module alone
            inner = [f"{start}.{name.decode()}" for name in NAME.findall(names) if name] or [start]
            found |= {name if source(name) else start for name in inner}
    return frozenset(name for name in found - {module} if name.partition(".")[0] == LIBRARY and source(name))


def _absolute(origin, module, is_package):
    """The module after an import statement's `from`."""
    level = len(origin) - len(origin.lstrip("."))
    if not level:
        return origin
    parents = module.split(".")
    parents = parents[: len(parents) - level + is_package]
    return ".".join([*parents, *filter(None, [origin[level:]])])


def closure(modules):
    """These modules and all that they import, transitively."""
    found, waiting = set(), [name for name in modules if source(name)]
    while waiting:
        module = waiting.pop()
        if module not in found:
            found.add(module)
            waiting += imported(module)
    return found


@cache
def sources_stamp(modules):
    """Hash of the sources of some modules (a frozenset) and of all that they import."""
    digest = hashlib.sha256()
    for module in sorted(closure(modules)):
        digest.update(f"{module} {_source_hash(module)}\n".encode())
    return digest.hexdigest()


@cache
def _source_hash(module):
    return hashlib.sha256(source(module)[0]).hexdigest()


# ---- objects


def reached(function):
    """(modules of the library, hash) of what a function reaches, itself included.

    Every object has a number, in the order in which they are met, and says the numbers of those that it refers to: a
    tuple (3, 1) is not (1, 3), nor (f, g, f) the same as (f, g, g).
    """
    modules, digest, numbers, waiting = set(), hashlib.sha256(), {id(function): (0, function)}, [function]
    while waiting:
        text, referenced, module = _described(waiting.pop())
        references = []
        for part in referenced:
            if isinstance(part, SIMPLE):
                references.append(_described(part)[0])
                continue
            if id(part) not in numbers:
                numbers[id(part)] = len(numbers), part  # an id names an object as long as that lives
                waiting.append(part)
            references.append(numbers[id(part)][0])
        digest.update(f"{text} {references}\n".encode())
        modules |= {module} if module.partition(".")[0] == LIBRARY else set()
    return frozenset(modules), digest.hexdigest()


def identity(function, above=()):
    """Text that tells a function from others of its name: its code, constants and the names of what it calls.

    Functions that a factory made, which have one name, go by what they captured.
    """
    text, referenced, _ = _described(function)
    texts, above = [text], (*above, function)
    for part in referenced:
        inner = part if isinstance(part, FunctionType) else getattr(part, "py_func", None)
        made = getattr(inner, "__closure__", None) and inner not in above
        texts.append(identity(inner, above) if made else _name(part) or reached(part)[1])
    return "\n".join(texts)


def name_of(value):
    """Where a function or class was defined, or an object's class."""
    return _name(value) or _name(type(value))


def _name(value):
    """Name of a module, function, dispatcher or class, None for another object."""
    if isinstance(value, ModuleType):
        return value.__name__
    value = value if isinstance(value, (type, FunctionType)) else getattr(value, "py_func", None)
    return f"{value.__module__}.{value.__qualname__}" if value is not None else None


def _described(value):
    """(text, what it refers to, module that it was written in, or "") of an object."""
    if isinstance(value, FunctionType):
        return _of_function(value)
    if isinstance(value, ModuleType):
        return value.__name__, [], value.__name__
    if isinstance(value, type):
        return _of_class(value)
    inner = _inside(value)
    if inner is not None:
        return inner
    # any other object: its class, and its attributes if the library or its user wrote that
    kind = type(value)
    if kind.__module__.partition(".")[0] in FOREIGN:
        stable = kind.__module__.startswith("numba") and " at 0x" not in repr(value)
        return f"{name_of(value)} {value!r}" if stable else name_of(value), [], ""
    attributes = getattr(value, "__dict__", {})
    return f"{name_of(value)} {sorted(attributes)}", [kind, *(attributes[name] for name in sorted(attributes))], ""


def _inside(value):
    """The contents of containers and of wrapped functions, None for another object."""
    if isinstance(value, Enum):
        return f"{name_of(value)}.{value.name}", [value.value], ""
    if isinstance(value, SIMPLE):
        return f"{type(value).__name__} {value!r}", [], ""
    if isinstance(value, np.ndarray):
        data = np.ascontiguousarray(value).tobytes() if value.dtype.kind != "O" else repr(value).encode()
        return f"array {value.dtype} {value.shape} {hashlib.sha256(data).hexdigest()}", [], ""
    if isinstance(value, (tuple, list)):
        return f"{name_of(value)} of {len(value)}", list(value), ""
    if isinstance(value, (set, frozenset)):
        return f"{name_of(value)} of {sorted(map(repr, value))}", [], ""
    if isinstance(value, dict):
        return f"{name_of(value)} of {len(value)}", [part for item in value.items() for part in item], ""
    if isinstance(value, BuiltinFunctionType):
        return f"builtin {value.__module__}.{value.__qualname__}", [], ""
    for attribute in ("py_func", "_defn", "__wrapped__", "func"):  # of a dispatcher, an intrinsic, caches, partial
        function = getattr(value, attribute, None)
        if callable(function):
            more = [getattr(value, name, None) for name in ("targetoptions", "args", "keywords")]
            return f"{name_of(type(value))} of {name_of(function)}", [function, *more], ""
    return None


def _of_function(function):
    module = function.__module__ or ""
    if module.partition(".")[0] in FOREIGN:
        return name_of(function), [], ""
    names, code = _read_code(function.__code__)
    texts, referenced = [code], [function.__defaults__, function.__kwdefaults__]
    # globals that the code names, and attributes of modules
    for name in names:
        value = function.__globals__.get(name, names)
        if value is names:
            continue
        texts.append(name)
        referenced.append(value)
        if isinstance(value, ModuleType) and value.__name__.partition(".")[0] not in FOREIGN:
            referenced += [vars(value)[attribute] for attribute in names if attribute in vars(value)]
    # the closure
    for name, cell in zip(function.__code__.co_freevars, function.__closure__ or (), strict=False):
        texts.append(name)
        referenced.append(_content(cell))
    return f"{name_of(function)} {texts}", referenced, module


def _content(cell):
    try:
        return cell.cell_contents
    except ValueError:  # not assigned yet
        return None


def _read_code(code):
    """(names that code refers to, hash of its bytecode and constants), of code nested in it too; memoized."""
    if id(code) not in _codes:
        names, texts = {*code.co_names}, [code.co_code, code.co_names]
        for constant in code.co_consts:
            if isinstance(constant, CodeType):
                inner_names, inner_hash = _read_code(constant)
                names.update(inner_names)
                texts.append(inner_hash)
            else:
                texts.append(sorted(map(repr, constant)) if isinstance(constant, frozenset) else repr(constant))
        _codes[id(code)] = code, (sorted(names), hashlib.sha256(repr(texts).encode()).hexdigest())
    return _codes[id(code)][1]


def _of_class(kind):
    if kind.__module__.partition(".")[0] in FOREIGN:
        return name_of(kind), [], ""
    members = [value for name, value in sorted(vars(kind).items()) if not name.startswith("__") or callable(value)]
    members = [getattr(value, "__func__", value) for value in members]
    return name_of(kind), [*kind.__bases__, *members], kind.__module__
