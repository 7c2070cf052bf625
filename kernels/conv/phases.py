"""Phases of a strided input gradient: which taps of the kernel reach which elements, worked out once for all targets.

Input element i meets output o under tap r where o stride + r dilation - pad = i. Split the input by phase,
i = phase + u stride: element u of a phase reads

    o = u + shift,    shift = (phase + pad - r dilation) / stride,

under every tap r for which that division leaves no remainder. So a strided dgrad is one dense correlation of stride 1
for each phase, with the taps that reach it.
"""

from functools import lru_cache
from typing import NamedTuple


class AxisPhase(NamedTuple):
    """One phase of one axis: elements `phase + u * stride` for u < count."""

    phase: int
    count: int
    taps: tuple[tuple[int, int], ...]
    """(tap, shift) of each tap that reaches the phase, taps ascending."""

    @property
    def first_tap(self):
        """The lowest tap, 0 where none reaches the phase."""
        return self.taps[0][0] if self.taps else 0

    @property
    def tap_step(self):
        """Distance of neighboring taps, which is the same for all; 1 if fewer than two reach the phase."""
        return self.taps[1][0] - self.taps[0][0] if len(self.taps) > 1 else 1

    @property
    def first_shift(self):
        """Shift of the lowest tap, 0 where none reaches the phase."""
        return self.taps[0][1] if self.taps else 0

    @property
    def shift_step(self):
        """Distance of neighboring shifts, negative; 0 if fewer than two taps reach the phase."""
        return self.taps[1][1] - self.taps[0][1] if len(self.taps) > 1 else 0


class Phase(NamedTuple):
    """One phase of an image: its rows and its columns."""

    rows: AxisPhase
    columns: AxisPhase


def taps_of_phase(phase, taps, stride, dilation, pad):
    """(tap, shift) of each tap that reaches the elements `phase + u * stride` of an axis."""
    distances = ((tap, phase + pad - tap * dilation) for tap in range(taps))
    return tuple((tap, distance // stride) for tap, distance in distances if distance % stride == 0)


@lru_cache(maxsize=1024)
def axis_phases(size, taps, stride, dilation, pad):
    """Every phase of an axis that has elements, as AxisPhase; those that no tap reaches included."""
    return tuple(
        AxisPhase(phase, -(-(size - phase) // stride), taps_of_phase(phase, taps, stride, dilation, pad))
        for phase in range(min(stride, size))
    )


@lru_cache(maxsize=1024)
def dgrad_phases(shape):
    """(phases, complete) of an input gradient.

    Parameters
    ----------
    shape : conv shape
        Of the forward pass.

    Returns
    -------
    phases : tuple of Phase
        Those that a tap reaches; the elements of the others are zero.
    complete : bool
        Whether that is all of them.
    """
    rows = axis_phases(shape.h, shape.r, shape.stride_h, shape.dilation_h, shape.pad_top)
    columns = axis_phases(shape.w, shape.s, shape.stride_w, shape.dilation_w, shape.pad_left)
    reached = tuple(Phase(row, column) for row in rows for column in columns if row.taps and column.taps)
    return reached, len(reached) == len(rows) * len(columns)
