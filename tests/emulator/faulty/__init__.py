"""Kernels with one planted fault each, on the line marked `# FAULT`, and corrected versions of them."""

from tests.emulator.faulty import barriers, bounds, other_races, shared_races
from tests.emulator.faulty.entries import CORRECT, FAULTS

__all__ = ["CORRECT", "FAULTS", "barriers", "bounds", "other_races", "shared_races"]
