"""Weight gradient on tensor cores: windows (of x) x pixels by pixels x filters (dy), accumulated in float32, split-K.

As in implicit_gemm_wgrad.py, the sum over the pixels is split among blocks, and a second kernel adds the partial sums
in a fixed order and rounds once. In dy pixels are innermost, in x channels: a line of shared memory holds the channels
of one pixel, so the depth runs across the lines and the operand is loaded transposed.
"""

from functools import lru_cache
from typing import NamedTuple

import numpy as np

from ...cuda.launch import Plan, empty_like_on, multiprocessors, planned
from ...cuda.ptx import reciprocals
from ...cuda.split_k import THREADS as REDUCTION_THREADS
from ...cuda.split_k import reduction_blocks
from ...cuda.tensor_core_mapping import LARGE, SMALL, THREADS, TensorCoreTile
from ...cuda.tensor_core_types import KINDS, bits_of, kind_of
from ...cuda.tile_config import MAX_SPLIT_LENGTH, MIN_SPLIT_LENGTH
from .implicit_gemm_wgrad import ROW_UNIT
from .pack_nhwc import pack_images, pack_pixels_last, whole_lines
from .tensor_core_wgrad_kernels import reduction_kernel, wgrad_kernel


class SplitConfig(NamedTuple):
    """A tile, the blocks among which the pixels are split, and the pixels of each split, whole lines."""

    tile: TensorCoreTile
    splits: int
    length: int


def best_split(kind, groups, windows, filters, pixels, multiprocessors):
    """The SplitConfig that gives a multiprocessor two blocks, if the pixels are so many."""
    tile = LARGE if windows > SMALL.rows and filters > SMALL.columns else SMALL
    blocks = groups * -(-windows // tile.rows) * -(-filters // tile.columns)
    most, least = max(1, pixels // MIN_SPLIT_LENGTH), -(-pixels // MAX_SPLIT_LENGTH)
    splits = max(least, min(most, -(-tile.resident * multiprocessors // blocks)))
    length = whole_lines(kind, -(-pixels // splits))
    return SplitConfig(tile, -(-pixels // length), length)


def wgrad(shape, x, dy, dw, split=None):
    """Pack x and dy, launch the products and their sum, by the best SplitConfig or the one given."""
    kind = kind_of(dw.dtype)
    products, sums, partial_size = _plans(shape, kind.name, multiprocessors(dw), split)
    images = pack_images(kind, bits_of(x), shape.n, shape.groups, shape.c // shape.groups, shape.h * shape.w)
    gradients = pack_pixels_last(kind, bits_of(dy), shape.n, shape.k, shape.p * shape.q)
    partial_sums = empty_like_on(dw, partial_size, np.float32)
    planned(products, images, gradients, partial_sums)
    planned(sums, partial_sums, bits_of(dw))


@lru_cache(maxsize=1024)
def _plans(shape, name, processors, split):
    """(Plan of the products, Plan of their sum, elements of the partial sums)."""
    kind, groups, filters = KINDS[name], shape.groups, shape.k // shape.groups
    channels, pixels = whole_lines(kind, shape.c // groups), shape.n * shape.p * shape.q
    windows = shape.r * shape.s * channels
    tile, splits, length = split or best_split(kind, groups, windows, filters, pixels, processors)
    size = groups * windows * filters
    scalars = (
        groups, channels, shape.h, shape.w, shape.h * ROW_UNIT, filters, windows, whole_lines(kind, pixels), shape.s,
        shape.p * shape.q, shape.q, shape.stride_h, shape.stride_w, shape.pad_top, shape.pad_left,
        shape.dilation_h, shape.dilation_w, pixels, length,
        *reciprocals(shape.p * shape.q, shape.q, channels, shape.s),
    )  # fmt: skip
    blocks = splits * groups * -(-windows // tile.rows) * -(-filters // tile.columns)
    sizes = size, filters, windows, channels, shape.c // groups, shape.r * shape.s, splits
    return (
        Plan(wgrad_kernel(name, tile), blocks, THREADS, scalars),
        Plan(reduction_kernel(name), reduction_blocks(size), REDUCTION_THREADS, sizes),
        splits * size,
    )
