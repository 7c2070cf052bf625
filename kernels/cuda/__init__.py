"""Runtime of the CUDA target: launches, PTX intrinsics, register tiles, reductions. Imports no operation."""

from . import cache, launch  # the cache before any kernel is decorated

INDEX_BITS = 32
HALF = True
"""Whether convolutions take 16-bit arrays as they are."""

__all__ = ["HALF", "INDEX_BITS", "cache", "launch"]
