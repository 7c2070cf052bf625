"""Convolution by the FFT on the CPU, all three passes: NumPy's transforms, our products."""

from .launch import WORKSPACE_BYTES, dgrad_plan, fprop_plan, wgrad_plan

__all__ = ["WORKSPACE_BYTES", "dgrad_plan", "fprop_plan", "wgrad_plan"]
