"""1x1 kernels: products of matrices, read where x lies and stored where y does."""

from . import product
from .single import SinglePlan, is_single

__all__ = ["dgrad_plan", "fprop_plan"]


def fprop_plan(shape, dtype):
    """The plan of a forward pass."""
    return SinglePlan(shape.k, False, dtype) if is_single(shape) else product.fprop_plan(shape, dtype)


def dgrad_plan(shape, dtype):
    """The plan of an input gradient."""
    return SinglePlan(shape.c, True, dtype) if is_single(shape) else product.dgrad_plan(shape, dtype)
