"""Which kernels serve an array, and where arrays live.

The array decides: a CuPy array runs the CUDA kernels on its device and the current CuPy stream, a NumPy array the CPU
kernels. `device()` is only where *new* arrays go (parameters, batches).
"""

import contextlib
import functools
import importlib
import logging
import os
import sys
from collections.abc import Iterator
from typing import Any

import numpy as np

from ..kernels.core import forks
from .available import import_cupy, missing_for_cuda, missing_for_emulator, missing_for_kernels
from .hints import did_you_mean
from .typing import Array

__all__ = [
    "DEVICES", "Array", "DeviceError", "Target", "array_module", "device", "device_of", "is_cupy", "kernels_for",
    "missing_for_cuda", "missing_for_emulator", "missing_for_kernels", "on_device_of", "to_device", "to_host",
    "use_device",
]  # fmt: skip

DEVICES = ("auto", "cpu", "cuda", "emulator")
_log = logging.getLogger("gpuconv")
_chosen: str | None = None


class DeviceError(RuntimeError):
    """A device that was asked for is missing; the message says what it needs."""


def device() -> str:
    """Name of the device new arrays go to: "cuda" where CuPy imports and finds one, else "cpu".

    `use_device` decides, else the environment variable GPUCONV_DEVICE (read once), else "auto". Falling back to the CPU
    is logged once, at level INFO.

    Returns
    -------
    str
        "cpu" or "cuda" ("emulator" where that was asked for).

    Raises
    ------
    DeviceError
        If "cuda" was asked for and no GPU is found.
    ValueError
        If GPUCONV_DEVICE names no device.

    Examples
    --------
    >>> with gpuconv.use_device("cpu"):
    ...     gpuconv.device()
    'cpu'
    """
    return _chosen or _from_environment()


class use_device:  # noqa: N801  used like a function
    """Choose where new arrays go, from now on or within a `with` block.

    Parameters
    ----------
    name : {"auto", "cpu", "cuda", "emulator"}
        "emulator" runs the PTX of the CUDA kernels on NumPy arrays and checks every access (docs/emulator.md).

    Raises
    ------
    DeviceError
        If the device is missing; nothing is changed then.
    ValueError
        If no device has that name.

    Examples
    --------
    >>> with gpuconv.use_device("cpu"):
    ...     print(gpuconv.device())
    cpu
    """

    def __init__(self, name: str) -> None:
        global _chosen
        resolved = _resolve(name, "use_device")
        self._before, _chosen = _chosen, resolved
        self._resolved = resolved
        _direct_launches()

    def __enter__(self) -> "use_device":
        global _chosen  # noqa: PLW0603
        _chosen = self._resolved
        _direct_launches()
        return self

    def __exit__(self, *exc: object) -> None:
        global _chosen  # noqa: PLW0603
        _chosen = self._before
        _direct_launches()


def to_device(a: Array, device_name: str | None = None) -> Array:
    """The array on a device, copied only if it is on another one.

    Parameters
    ----------
    a : array or array-like
    device_name : {"cpu", "cuda"}, optional
        Default: `device()`.

    Returns
    -------
    array

    Examples
    --------
    >>> gpuconv.to_device([1.0, 2.0], "cpu")
    array([1., 2.])
    """
    name = device() if device_name is None else _resolve(device_name, "to_device")
    if name != "cuda":
        return to_host(a)
    return a if is_cupy(a) else import_cupy().asarray(a)


def to_host(a: Array) -> np.ndarray[Any, Any]:
    """The array as a NumPy array, copied only if it lives on a GPU (which waits for the current stream).

    Examples
    --------
    >>> gpuconv.to_host(np.array([1.0, 2.0]))
    array([1., 2.])
    """
    array: Any = a
    host: np.ndarray[Any, Any] = array.get() if is_cupy(a) else np.asarray(array)
    return host


def device_of(a: Array) -> str:
    """Where an array lives: "cpu" or "cuda"."""
    return "cuda" if is_cupy(a) else "cpu"


def array_module(a: Array) -> Any:
    """The library an array belongs to, numpy or cupy: for allocation, never for computing."""
    return import_cupy() if type(a) is not np.ndarray and is_cupy(a) else np


def is_cupy(a: Array) -> bool:
    """Whether a is a CuPy array, found out without importing cupy."""
    cupy = sys.modules.get("cupy")
    return cupy is not None and isinstance(a, cupy.ndarray)


class Target:
    """The kernels of one target, "cpu" or "cuda": `target.pool` is the package kernels.pool.cpu or kernels.pool.cuda.

    Operations are imported when they are first asked for.
    """

    def __init__(self, name: str) -> None:
        if missing := missing_for_kernels(name):
            raise DeviceError(f"kernels of gpuconv cannot run: {missing}")
        self.name = name
        with forks.importing:
            self.runtime = importlib.import_module(f"gpuconv.kernels.{name}")
        self.index_bits: int = self.runtime.INDEX_BITS
        importlib.import_module("gpuconv.core.compile_notice")  # from now on Numba tells it what it compiles

    def __getattr__(self, operation: str) -> Any:
        if operation.startswith("_"):
            raise AttributeError(operation)
        with forks.importing:
            launchers = importlib.import_module(f"gpuconv.kernels.{operation}.{self.name}")
        setattr(self, operation, launchers)
        return launchers


def kernels_for(a: Array) -> Target:
    """The kernels that serve an array: those of CUDA for CuPy arrays, those of the CPU for NumPy arrays.

    On the emulator NumPy arrays stand for device arrays.
    """
    if type(a) is not np.ndarray and is_cupy(a):
        return _target("cuda")
    return numpy_target or _find_numpy_target()


def _find_numpy_target() -> Target:
    global numpy_target  # noqa: PLW0603
    numpy_target = _target("cuda" if device() == "emulator" else "cpu")
    return numpy_target


@contextlib.contextmanager
def numpy_arrays_on(name: str) -> Iterator[None]:
    """Serve NumPy arrays with the kernels of "cpu" or "cuda": tools record launches that way, without any device."""
    global numpy_target  # noqa: PLW0603
    previous, numpy_target = numpy_target, _target(name)
    try:
        yield
    finally:
        numpy_target = previous


_target = functools.cache(Target)

numpy_target: Target | None = None
"""Whose kernels serve NumPy arrays; None before that was asked for, and again after the device has changed."""


@functools.cache
def _auto() -> str:
    """Resolve "auto" once a process, and say so once if it is the fallback."""
    missing = missing_for_cuda()
    if missing is None:
        return "cuda"
    _log.info("gpuconv runs on the CPU: %s", missing)
    return "cpu"


@functools.cache
def _from_environment() -> str:
    return _resolve(os.environ.get("GPUCONV_DEVICE") or "auto", "GPUCONV_DEVICE")


def _resolve(name: str, source: str) -> str:
    if name not in DEVICES:
        hint = did_you_mean(name, DEVICES)
        raise ValueError(f"{source}: device is {name!r}, expected one of {', '.join(map(repr, DEVICES))}{hint}")
    if name == "auto":
        return _auto()
    if name == "cuda" and (missing := missing_for_cuda()):
        raise DeviceError(f"{source}: device 'cuda' was asked for, but {missing}")
    if name == "emulator":
        if missing := missing_for_emulator():
            raise DeviceError(f"{source}: device 'emulator' was asked for, but {missing}")
        importlib.import_module("gpuconv.emulator.device").switch_on()
    return name


def _direct_launches() -> None:
    """Let the launches on NumPy arrays go to the emulator while it is the device, and only then."""
    global numpy_target  # noqa: PLW0603
    numpy_target = None
    emulated = sys.modules.get("gpuconv.emulator.device")
    if emulated is not None:
        wanted = _chosen or os.environ.get("GPUCONV_DEVICE")
        (emulated.switch_on if wanted == "emulator" else emulated.switch_off)()


_NO_GPU: contextlib.AbstractContextManager[None] = contextlib.nullcontext()


def on_device_of(a: Any) -> contextlib.AbstractContextManager[Any]:
    """Make the array's GPU the current one while a function allocates and launches; nothing to do on the CPU."""
    return a.device if type(a) is not np.ndarray and is_cupy(a) else _NO_GPU
