"""Runtime of the CPU target: Numba, SIMD intrinsics, `numba.get_num_threads()` threads. Imports no operation."""

from ..core import cache  # before any kernel is decorated
from . import pair_tiles

INDEX_BITS = 64
HALF = ("bfloat16",) if pair_tiles.quickest() else ()
"""16-bit types that convolutions may take as they are."""

__all__ = ["HALF", "INDEX_BITS", "cache"]
