"""Runtime of the CPU target: Numba, SIMD intrinsics, `numba.get_num_threads()` threads. Imports no operation."""

from ..core import cache  # before any kernel is decorated

INDEX_BITS = 64
HALF = ("bfloat16",)
"""16-bit types that kernels may take as they are."""

__all__ = ["HALF", "INDEX_BITS", "cache"]
