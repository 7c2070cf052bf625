"""ldmatrix and mma.sync by the fragment layouts of PTX ISA 9.7.14.

With g = lane / 4 and t = lane % 4, element i of a lane's fragment is

    A (16, 16), 16 bits   row g + 8 ((i / 2) % 2), column 2 t + i % 2 + 8 (i / 4)
    B (16, 8), 16 bits    row 2 t + i % 2 + 8 (i / 2), column g
    A (16, 8), tf32       row g + 8 (i % 2), column t + 4 (i / 2)
    B (8, 8), tf32        row t + 4 i, column g
    C, D (16, 8)          row g + 8 (i / 2), column 2 t + i % 2

Products are exact; they are summed in float64 with C last, and rounded once. Hardware accumulates with fewer digits
and in an unpublished order. The 13 low bits of tf32 operands are ignored, as on hardware.
"""

import numpy as np
from numba import int32, int64, njit, types, uint32, uint64

from . import state as s
from .access import shared_access
from .core import WARP_DIVERGENCE, fault, get, tick
from .meter import add_to_meter, group_wavefronts
from .raw import lazily, read_i64, read_u16, read_u32, write_u32
from .rounding import bf16_value, f16_bits, f16_value, f32_bits, f32_value, narrow

F16, BF16, TF32 = range(3)
KINDS = {"f16": F16, "bf16": BF16, "tf32": TF32}


@njit
def _whole_warp(core, warp, mask, site):
    """Check that all 32 lanes are active, as .aligned instructions require."""
    if mask == uint32(0xFFFFFFFF):
        return True
    lane = 0
    while not (mask >> uint32(lane)) & uint32(1):
        lane += 1
    fault(core, warp, lane, WARP_DIVERGENCE, site, 0, 0, -1)
    return False


@lazily(types.void(int64, int64, int64, int64, uint32, int32, int32, int32))
def ldmatrix(core, warp, addresses, results, mask, site, matrices, transposed):
    """Load 8 x 8 matrices of 16-bit elements; lanes 8 k to 8 k + 7 hold the row addresses of matrix k."""
    tick(core, warp, site)
    if not _whole_warp(core, warp, mask, site):
        return
    passes = 0
    for k in range(matrices):
        # rows
        rows = np.zeros(8, np.int64)
        for r in range(8):
            lane = 8 * k + r
            address = read_i64(addresses + 8 * lane)
            rows[r] = shared_access(core, warp, lane, address, 16, site, s.READ, False)
            if rows[r] == 0:
                return
        if get(core, s.SITE_METER):
            passes += group_wavefronts(addresses, mask, 8 * k, 8 * k + 8, 16)
        # two elements per lane
        for lane in range(s.LANES):
            g, t = lane // 4, lane % 4
            if transposed:
                low, high = read_u16(rows[2 * t] + 2 * g), read_u16(rows[2 * t + 1] + 2 * g)
            else:
                low, high = read_u16(rows[g] + 4 * t), read_u16(rows[g] + 4 * t + 2)
            write_u32(results + 4 * (s.LANES * k + lane), uint32(low) | (uint32(high) << uint32(16)))
    if get(core, s.SITE_METER):
        add_to_meter(core, site, mask, passes, matrices, 4 * matrices)


@njit
def _element(word, half, kind):
    if kind == TF32:
        return f32_value(uint64(word & uint32(0xFFFFE000)))
    bits = uint64((word >> uint32(16 * half)) & uint32(0xFFFF))
    return f16_value(bits) if kind == F16 else bf16_value(bits)


@njit
def _load_a(fragments, kind, K):
    a = np.empty((16, K), np.float64)
    for lane in range(s.LANES):
        g, t = lane // 4, lane % 4
        if kind == TF32:
            for i in range(K // 2):
                word = read_u32(fragments + 4 * (s.LANES * i + lane))
                a[g + 8 * (i % 2), t + 4 * (i // 2)] = _element(word, 0, kind)
        else:
            for i in range(K // 2):
                word = read_u32(fragments + 4 * (s.LANES * (i // 2) + lane))
                a[g + 8 * (i // 2 % 2), 2 * t + i % 2 + 8 * (i // 4)] = _element(word, i % 2, kind)
    return a


@njit
def _load_b(fragments, kind, K):
    b = np.empty((8, K), np.float64)
    for lane in range(s.LANES):
        g, t = lane // 4, lane % 4
        for i in range(K // 4):
            if kind == TF32:
                b[g, t + 4 * i] = _element(read_u32(fragments + 4 * (s.LANES * i + lane)), 0, kind)
            else:
                word = read_u32(fragments + 4 * (s.LANES * (i // 2) + lane))
                b[g, 2 * t + i % 2 + 8 * (i // 2)] = _element(word, i % 2, kind)
    return b


@lazily(types.void(int64, int64, int64, int64, int64, int64, uint32, int32, int32, int32, int32, int32))
def mma(core, warp, a_fragments, b_fragments, c_fragments, results, mask, site, kind, K, c_half, d_half):
    """D = A B + C for matrices (16, K), (K, 8) and (16, 8); c_half, d_half: C, D are packed float16."""
    if not _whole_warp(core, warp, mask, site):
        return
    a, b = _load_a(a_fragments, kind, K), _load_b(b_fragments, kind, K)
    for lane in range(s.LANES):
        g, t = lane // 4, lane % 4
        packed = uint32(0)
        for i in range(4):
            row, column = g + 8 * (i // 2), 2 * t + i % 2
            total = 0.0
            for k in range(K):
                total += a[row, k] * b[column, k]
            if c_half:
                word = read_u32(c_fragments + 4 * (s.LANES * (i // 2) + lane))
                total += _element(word, i % 2, F16)
            else:
                total += f32_value(uint64(read_u32(c_fragments + 4 * (s.LANES * i + lane))))
            if d_half:
                bits = uint32(f16_bits(narrow(total, 11, -14, 15, 0)))
                packed = bits if i % 2 == 0 else packed | (bits << uint32(16))
                write_u32(results + 4 * (s.LANES * (i // 2) + lane), packed)
            else:
                write_u32(results + 4 * (s.LANES * i + lane), uint32(f32_bits(total)))
