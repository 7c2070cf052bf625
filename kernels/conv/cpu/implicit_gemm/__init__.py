"""Convolution in place for few channels or filters: no padded copy of x, no sums in memory, y stored from registers.

What direct convolution spends besides its products, copies of the input and of the results, is a small part where
channels and filters are many, and most of the time where they are few.
"""

from .launch import dgrad_plan, fprop_plan
from .tile import MAX_COLUMNS

__all__ = ["MAX_COLUMNS", "dgrad_plan", "fprop_plan"]
