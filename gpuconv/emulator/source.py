"""Compile a Python function to PTX with Numba, without a driver, cached on disk.

The cache key covers every source file that the function reaches through its globals and closure, so an edit of a
helper in another file triggers recompilation.
"""

import hashlib
import types as python_types
from pathlib import Path
from typing import Any

from . import cache
from .errors import EmulatorError

_SOURCES: dict[str, bytes] = {}


def compile_ptx(
    kernel: Any,
    signature: Any,
    architecture: tuple[int, int],
    *,
    lineinfo: bool = True,
    launch_bounds: int | tuple[int, ...] | None = None,
) -> str:
    """Compile a function or a `@cuda.jit` dispatcher to PTX for a Numba signature.

    The emulator needs line information; ptxas needs launch bounds to allocate registers.

    Raises
    ------
    EmulatorError
        Of kind bad-launch, if Numba cannot compile the function for these arguments.
    """
    function = getattr(kernel, "py_func", kernel)
    options = {k: v for k, v in getattr(kernel, "targetoptions", {}).items() if k in ("fastmath", "opt") and v}
    options |= {"lineinfo": lineinfo, "launch_bounds": launch_bounds}
    key = cache.key("ptx", _fingerprint(function), str(signature), str(architecture), str(options), _compiler())
    kept = cache.read(key)
    if kept is not None:
        return kept.decode()
    from numba import cuda
    from numba.core.errors import NumbaError

    try:
        ptx, _ = cuda.compile(function, signature, device=False, abi="numba", cc=architecture, output="ptx", **options)
    except NumbaError as error:
        raise EmulatorError("bad-launch", f"{function.__name__} does not compile for {signature}: {error}") from error
    text: str = ptx if isinstance(ptx, str) else ptx.decode()
    cache.write(key, text.encode())
    return text


def _compiler() -> str:
    from importlib.metadata import PackageNotFoundError, version

    found = []
    for package in ("numba", "numba-cuda", "nvidia-nvvm", "nvidia-cuda-nvcc-cu12"):
        try:
            found.append(f"{package} {version(package)}")
        except PackageNotFoundError:
            continue
    return ", ".join(found)


def _fingerprint(function: Any) -> str:
    """Hash of a function: its code, closure values, and the files of everything it reaches."""
    digest = hashlib.sha256()
    _add(function, digest, set(), 0)
    return digest.hexdigest()


def _add(value: Any, digest: Any, seen: set[int], depth: int) -> None:
    value = getattr(value, "py_func", value)
    if id(value) in seen or depth > 6:
        return
    seen.add(id(value))
    if isinstance(value, python_types.ModuleType):
        _add_file(getattr(value, "__file__", None), digest)
    elif isinstance(value, python_types.FunctionType):
        _add_file(value.__code__.co_filename, digest)
        digest.update(value.__qualname__.encode() + str(value.__code__.co_firstlineno).encode())
        if "numba" in (value.__module__ or "").split("."):
            return
        for cell in value.__closure__ or ():
            _add(cell.cell_contents, digest, seen, depth + 1)
        for name in value.__code__.co_names:
            if name in value.__globals__:
                _add(value.__globals__[name], digest, seen, depth + 1)
    elif hasattr(value, "_defn"):  # an intrinsic
        _add(value._defn, digest, seen, depth + 1)
    elif isinstance(value, (int, float, str, bytes, tuple, bool, type(None))):
        digest.update(repr(value).encode())
    elif type(value).__module__.startswith("numba"):
        digest.update(repr(value).encode() if " at 0x" not in repr(value) else b"")


def _add_file(name: str | None, digest: Any) -> None:
    if name is None or "/numba" in name.replace("\\", "/"):
        return
    if name not in _SOURCES:
        path = Path(name)
        _SOURCES[name] = path.read_bytes() if path.is_file() else name.encode()
    digest.update(_SOURCES[name])
