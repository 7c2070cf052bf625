"""Convolution in place for few channels or filters: no padded copy of x, no sums in memory, y stored from registers.

What direct convolution spends besides its products, copies of the input and of the results, is a small part where
channels and filters are many, and most of the time where they are few.
"""

from . import launch, strided_dgrad
from .launch import fprop_plan
from .tile import MAX_COLUMNS

__all__ = ["MAX_COLUMNS", "dgrad_plan", "fprop_plan"]


def dgrad_plan(shape, dtype):
    """The plan of an input gradient of stride 1, or of stride 2 along a row."""
    strided = shape.stride_h * shape.stride_w > 1
    return (strided_dgrad if strided else launch).dgrad_plan(shape, dtype)
