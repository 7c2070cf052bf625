"""Depthwise convolution: planes are read in place, rows are reused in registers, lanes are columns; or channels.

Each plane of a result is a sum of correlations of single planes, one for each channel of its group, which suits
convolutions with few filters a group. Kernels are made for the taps and the strides of a problem (tile.py), so both are
small. With one channel and one filter a group, other kernels take any taps, stride and dilation, and small maps: their
lanes are channels (channel_lanes.py).
"""

from .choose import channels_support, dgrad_plan, fprop_plan, rows_reason, wgrad_plan

__all__ = ["channels_support", "dgrad_plan", "fprop_plan", "rows_reason", "wgrad_plan"]
