"""Disk cache of compiled kernels: PTX keyed by source, machine code keyed by PTX.

The folder is __pycache__/ of this package if it is writable (as for Numba's cache), else the user's cache folder.
GPUCONV_EMULATOR_CACHE names another folder; an empty value switches the cache off.
"""

import functools
import hashlib
import os
import sys
import tempfile
from pathlib import Path

import llvmlite.binding

from .runtime.version import VERSION


@functools.cache
def folder() -> Path | None:
    """The cache folder, None if the cache is off or no folder is writable."""
    chosen = os.environ.get("GPUCONV_EMULATOR_CACHE")
    if chosen is not None:
        candidates = [Path(chosen)] if chosen else []
    else:
        package_cache = Path(__file__).resolve().parent / "__pycache__" / "kernels"
        home = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
        candidates = [package_cache, home / "gpuconv" / "kernels"]
    for candidate in candidates:
        try:
            candidate.mkdir(parents=True, exist_ok=True)
        except OSError:
            continue
        if os.access(candidate, os.W_OK):
            return candidate
    return None


def key(*parts: str) -> str:
    """Cache key of texts, of this version of the emulator and of this processor."""
    digest = hashlib.sha256()
    for part in (VERSION, host(), *parts):
        digest.update(part.encode() + b"\0")
    return digest.hexdigest()[:32]


@functools.cache
def host() -> str:
    """Processor and LLVM version, on which machine code depends."""
    binding = llvmlite.binding
    features = binding.get_host_cpu_features().flatten()
    return f"{binding.get_host_cpu_name()} {features} LLVM {binding.llvm_version_info} {sys.platform}"


def read(name: str) -> bytes | None:
    """Read an entry, None if it is missing."""
    directory = folder()
    if directory is None:
        return None
    try:
        return (directory / name).read_bytes()
    except OSError:
        return None


def write(name: str, data: bytes) -> None:
    """Write an entry atomically; another process may write the same one."""
    directory = folder()
    if directory is None:
        return
    try:
        with tempfile.NamedTemporaryFile(dir=directory, delete=False) as file:
            file.write(data)
        os.replace(file.name, directory / name)
    except OSError:
        return
