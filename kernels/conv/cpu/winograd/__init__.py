"""Winograd's algorithm: all three passes of square kernels on fewer multiplications."""

from .correlate import LIMITS, dgrad_plan, fprop_plan
from .taps import supports
from .wgrad import wgrad_plan

__all__ = ["LIMITS", "dgrad_plan", "fprop_plan", "supports", "wgrad_plan"]
