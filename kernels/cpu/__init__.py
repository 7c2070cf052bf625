"""Runtime of the CPU target: Numba, SIMD intrinsics, `numba.get_num_threads()` threads. Imports no operation."""

INDEX_BITS = 64
HALF = False
"""Whether convolutions take 16-bit arrays as they are."""
