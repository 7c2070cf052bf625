"""Runtime of the CUDA target: launches, PTX intrinsics, register tiles, reductions. Imports no operation."""

from . import cache, launch  # the cache before any kernel is decorated

INDEX_BITS = 32
HALF = "float16", "bfloat16"
"""16-bit types that convolutions take as they are."""

__all__ = ["HALF", "INDEX_BITS", "cache", "launch"]
