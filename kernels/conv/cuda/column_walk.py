"""Column walks: how a thread steps down a column of the output with the taps of a small kernel in registers.

Depthwise convolution and the weight gradients of few channels use them. A step moves by the rows that bring taps onto
rows where taps have been, so each element of x is loaded once for all taps of a column.
"""

from functools import lru_cache
from math import gcd
from typing import NamedTuple

THREADS = 256

MAX_VALUES = 84
"""Taps, loads of a step and live accumulators that fit a thread's registers: float32 leaves 44 of 128 for addresses and
the epilogue, float64 more of 255.
"""

OTHER_REGISTERS = 44
"""Registers of a thread for addresses and the epilogue."""

REGISTERS_PER_MULTIPROCESSOR = 65536

WALK_LENGTHS = 32, 16, 8, 4
"""Outputs of a walk, the longest that leaves enough threads: it also walks over the rows above its first output."""

THREADS_PER_MULTIPROCESSOR = 1024
"""Threads for each multiprocessor, half of what it can have resident."""


class Path(NamedTuple):
    """How a thread walks: outputs p, p + distance, ..., whose taps lie dilation_h > 0 rows from each other.

    A step moves by `stride` taps.
    """

    stride: int
    distance: int
    dilation_h: int
    h0: int
    first_tap: int
    tap_stride_r: int


@lru_cache(maxsize=1024)
def path_of(problem):
    """The shortest steps that bring taps onto rows that taps have read; a rotated kernel is walked from its end."""
    dilation_h, h0, first_tap, tap_stride_r = problem.dilation_h, problem.h0, problem.first_tap, problem.tap_stride_r
    if dilation_h < 0:
        h0, first_tap = h0 + (problem.r - 1) * dilation_h, first_tap + (problem.r - 1) * tap_stride_r
        dilation_h, tap_stride_r = -dilation_h, -tap_stride_r
    dilation_h = max(dilation_h, 1)  # a single tap is no distance from itself
    common = gcd(problem.stride_h, dilation_h)
    return Path(problem.stride_h // common, dilation_h // common, dilation_h, h0, first_tap, tap_stride_r)


def outputs_per_thread(steps, columns, processors):
    """Outputs that a thread computes one after the other: the longest walk that leaves enough threads."""
    long_enough = [e for e in WALK_LENGTHS if columns * -(-steps // e) >= THREADS_PER_MULTIPROCESSOR * processors]
    return min([*long_enough, WALK_LENGTHS[-1]][0], steps)


def resident_blocks(values, dtype):
    """Blocks that a multiprocessor has registers for, of threads that keep so many values of a type."""
    return REGISTERS_PER_MULTIPROCESSOR // THREADS // (OTHER_REGISTERS + dtype.bitwidth // 32 * values)
