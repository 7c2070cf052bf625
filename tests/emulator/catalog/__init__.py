"""A catalog of buggy and of correct kernels, each with what the emulator must say about it."""

from tests.emulator.catalog import (
    atomics,
    barriers,
    blocks,
    flags,
    locals_,
    locks,
    scans,
    shared,
    warps,
)
from tests.emulator.catalog.entries import BUGGY, CORRECT

__all__ = ["BUGGY", "CORRECT", "atomics", "barriers", "blocks", "flags", "locals_", "locks", "scans", "shared", "warps"]
