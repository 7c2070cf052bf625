"""Convolution of bfloat16 arrays on the CPU, where the processor multiplies them."""

from .correlate import dgrad_plan, fprop_plan
from .wgrad import wgrad_plan

__all__ = ["dgrad_plan", "fprop_plan", "wgrad_plan"]
