"""Depthwise convolution: planes are read in place, rows are reused in registers, lanes are columns.

Each plane of a result is a sum of correlations of single planes, one for each channel of its group, which suits
convolutions with few filters a group. Kernels are made for the taps and the strides of a problem (tile.py), so both are
small; whatever is larger is left to the algorithms that take any.
"""

from .rows import dgrad_plan, fprop_plan
from .tile import MAX_STRIDE, MAX_TAPS
from .wgrad import wgrad_plan

__all__ = ["MAX_STRIDE", "MAX_TAPS", "dgrad_plan", "fprop_plan", "wgrad_plan"]
