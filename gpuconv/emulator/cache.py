"""Compiled kernels on disk: PTX by its source, machine code by its PTX.

The folder is __pycache__/ beside this package where that can be written, as Numba's own, else the user's cache folder;
GPUCONV_EMULATOR_CACHE chooses another, or none if it is empty.
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
    """Where compiled kernels are kept; None where nothing is."""
    chosen = os.environ.get("GPUCONV_EMULATOR_CACHE")
    if chosen is not None:
        candidates = [Path(chosen)] if chosen else []
    else:
        beside = Path(__file__).resolve().parent / "__pycache__" / "kernels"
        home = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
        candidates = [beside, home / "gpuconv" / "kernels"]
    for candidate in candidates:
        try:
            candidate.mkdir(parents=True, exist_ok=True)
        except OSError:
            continue
        if os.access(candidate, os.W_OK):
            return candidate
    return None


def key(*parts: str) -> str:
    """A name for what was made of some texts by this version of the emulator on this machine."""
    digest = hashlib.sha256()
    for part in (VERSION, host(), *parts):
        digest.update(part.encode() + b"\0")
    return digest.hexdigest()[:32]


@functools.cache
def host() -> str:
    """The processor and the versions that machine code depends on."""
    binding = llvmlite.binding
    features = binding.get_host_cpu_features().flatten()
    return f"{binding.get_host_cpu_name()} {features} LLVM {binding.llvm_version_info} {sys.platform}"


def read(name: str) -> bytes | None:
    """What is kept under a name."""
    place = folder()
    if place is None:
        return None
    try:
        return (place / name).read_bytes()
    except OSError:
        return None


def write(name: str, data: bytes) -> None:
    """Keep data under a name; another process may do so at the same time."""
    place = folder()
    if place is None:
        return
    try:
        with tempfile.NamedTemporaryFile(dir=place, delete=False) as file:
            file.write(data)
        os.replace(file.name, place / name)
    except OSError:
        return
