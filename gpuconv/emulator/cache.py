"""Disk cache of compiled kernels: PTX keyed by source, machine code keyed by PTX.

Its folder is chosen as that of the kernels' cache (kernels/core/cache_files.py): __pycache__/ of this package if it
is writable, else the user's cache folder. GPUCONV_EMULATOR_CACHE names another folder; an empty value switches the
cache off. A key is never made anew for other contents, so entries that were not read for long are removed.
"""

import contextlib
import functools
import hashlib
import os
import sys
import time
from pathlib import Path

import llvmlite.binding

from gpuconv.kernels.core import cache_files

from .runtime.version import VERSION

SOURCE_FOLDER = Path(__file__).resolve().parent
PREFIX = "emulated."
"""What the names of entries begin with."""
STAMP = bytes(cache_files.STAMP_BYTES)
"""Keys say all that decides an entry, so that its stamp says nothing."""
KEPT_DAYS = 60
"""Days after the last reading for which an entry is kept."""
DAY = 86400


def key(*texts: str) -> str:
    """Cache key of texts, of this version of the emulator and of this processor."""
    digest = hashlib.sha256()
    for text in (VERSION, host(), *texts):
        digest.update(text.encode() + b"\0")
    return digest.hexdigest()[:32]


@functools.cache
def host() -> str:
    """Processor and LLVM version, on which machine code depends."""
    binding = llvmlite.binding
    features = binding.get_host_cpu_features().flatten()
    return f"{binding.get_host_cpu_name()} {features} LLVM {binding.llvm_version_info} {sys.platform}"


def folders() -> list[Path]:
    """Folders of entries, the one to write to last; empty if the cache is off."""
    named = chosen()
    return [] if named == "" else list(cache_files.folders(SOURCE_FOLDER, named))


def chosen() -> str | None:
    """The folder that the user has named: "" for none at all, None where nothing was said."""
    return os.environ.get("GPUCONV_EMULATOR_CACHE")


def read(name: str) -> bytes | None:
    """Read an entry, None if it is missing or damaged."""
    found: bytes | None = cache_files.read(folders(), _file(name), STAMP)
    if found is not None:
        _note_use(_file(name))
    return found


def write(name: str, data: bytes) -> None:
    """Write an entry atomically; another process may write the same one."""
    if chosen() != "":
        cache_files.write(SOURCE_FOLDER, chosen(), _file(name), data, stamp=STAMP)
        _remove_unused(folders()[-1])


def _file(name: str) -> str:
    return f"{PREFIX}{name}{cache_files.SUFFIX}"


def _note_use(name: str) -> None:
    """Let the time of a file say on which day it was last read."""
    for folder in folders():
        with contextlib.suppress(OSError):
            if time.time() - (folder / name).stat().st_mtime > DAY:
                os.utime(folder / name)


@functools.cache
def _remove_unused(folder: Path) -> None:
    """Remove the entries that were not read for long, once a process."""
    oldest = time.time() - KEPT_DAYS * DAY
    with contextlib.suppress(OSError), os.scandir(folder) as items:
        for item in items:
            if item.name.startswith(PREFIX) and item.stat().st_mtime < oldest:
                os.unlink(item.path)
