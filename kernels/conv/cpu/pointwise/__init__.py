"""1x1 kernels, and those as large as their stride: products of matrices, read where x lies, stored where y does."""

from . import patches, product
from .patches import are_patches
from .single import SinglePlan, is_single

__all__ = ["are_patches", "dgrad_plan", "fprop_plan"]


def fprop_plan(shape, dtype):
    """The plan of a forward pass."""
    if are_patches(shape):
        return patches.fprop_plan(shape, dtype)
    return SinglePlan(shape.k, False, dtype) if is_single(shape) else product.fprop_plan(shape, dtype)


def dgrad_plan(shape, dtype):
    """The plan of an input gradient."""
    if are_patches(shape):
        return patches.dgrad_plan(shape, dtype)
    return SinglePlan(shape.c, True, dtype) if is_single(shape) else product.dgrad_plan(shape, dtype)
