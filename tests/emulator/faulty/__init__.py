"""Kernels with a planted fault each, on the line with the mark `# FAULT`, and the same kernels done right."""

from tests.emulator.faulty import barriers, bounds, other_races, shared_races
from tests.emulator.faulty.entries import FAULTS, RIGHT

__all__ = ["FAULTS", "RIGHT", "barriers", "bounds", "other_races", "shared_races"]
