"""Which depthwise kernels a problem takes: lanes that are columns (rows.py, wgrad.py) or channels (channels.py).

Costs are in cycles of a core that begins two multiply-adds in one and loads two vectors, for a plane of a channel
(Xeon with AVX-512, 2026-11). A vector of columns at an edge takes a mask.
"""

from ....cpu.registers import lanes
from . import channels, channels_wgrad, rows, wgrad
from .channel_lanes import TILE_ROWS
from .tile import BLOCKS, MAX_STRIDE, MAX_TAPS, Window, block_for, lanes_for

ROWS_FACTOR = 1.25  # measured over counted
MASKED_LOAD = 1.5
GRADIENT_TAP = 1.7  # of a vector of dy
TRANSPOSED_INPUT, TRANSPOSED_OUTPUT, TRANSPOSED_GRADIENT = 0.45, 0.9, 0.6  # an element of a channel
CHANNEL_PRODUCT = 0.045  # of an element, sixteen of which are multiplied at once


def fprop_plan(shape, dtype):
    """The plan of a forward pass."""
    return (channels if by_channels(shape, "fprop", dtype) else rows).fprop_plan(shape, dtype)


def dgrad_plan(shape, dtype):
    """The plan of an input gradient."""
    return (channels if by_channels(shape, "dgrad", dtype) else rows).dgrad_plan(shape, dtype)


def wgrad_plan(shape, dtype):
    """The plan of a weight gradient."""
    return (channels_wgrad if by_channels(shape, "wgrad", dtype) else wgrad).wgrad_plan(shape, dtype)


def rows_reason(shape):
    """Why tiles whose lanes are columns do not support a problem; None where they do."""
    if max(shape.r, shape.s) > MAX_TAPS or max(shape.stride_h, shape.stride_w) > MAX_STRIDE:
        return f"expected at most {MAX_TAPS}x{MAX_TAPS} taps and a stride of at most {MAX_STRIDE}"
    if (shape.r > 1 and shape.dilation_h > 1) or (shape.s > 1 and shape.dilation_w > 1):
        return f"dilation {shape.dilation_h, shape.dilation_w}, expected 1"
    return None


def channels_support(shape, operation):
    """Whether tiles whose lanes are channels support a pass."""
    return shape.c == shape.k == shape.groups and (operation != "dgrad" or shape.stride_h * shape.stride_w == 1)


def by_channels(shape, operation, dtype):
    """Whether lanes are channels."""
    if not channels_support(shape, operation):
        return False
    if rows_reason(shape):
        return True
    return channels_cost(shape, operation, dtype) < rows_cost(shape, operation, dtype)


def channels_cost(shape, operation, dtype):
    """Cycles of a plane where lanes are channels."""
    taps, size = shape.r * shape.s, lanes(dtype)
    read, written = shape.h * shape.w, shape.p * shape.q
    if operation == "wgrad":
        products, other = -(-taps // TILE_ROWS) * TILE_ROWS * written, written * TRANSPOSED_GRADIENT
    else:
        products, other = taps * -(-written // TILE_ROWS) * TILE_ROWS, written * TRANSPOSED_OUTPUT
    cycles = read * TRANSPOSED_INPUT + other + products * CHANNEL_PRODUCT * 16 / size
    return cycles * -(-shape.c // size) * size / shape.c


def rows_cost(shape, operation, dtype):
    """Cycles of a plane where lanes are columns."""
    outputs = (shape.h, shape.w) if operation == "dgrad" else (shape.p, shape.q)
    strides = (1, 1) if operation == "dgrad" else (shape.stride_h, shape.stride_w)
    size = lanes_for(outputs[1], dtype)
    vectors = -(-outputs[1] // size)
    if operation == "wgrad":
        return outputs[0] * vectors * shape.r * shape.s * GRADIENT_TAP
    window = Window(shape.r, shape.s, *strides, size)
    block = block_for(window, outputs[0], BLOCKS)
    loads = ((block - 1) * strides[0] + shape.r) * shape.s
    cycles = block * shape.r * shape.s / 2 + loads * MASKED_LOAD
    return ROWS_FACTOR * -(-outputs[0] // block) * vectors * cycles
