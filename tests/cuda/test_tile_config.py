"""Which kernels a convolution launches, and how the model chooses tiles and splits."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

pytest.importorskip("numba_cuda", reason="numba-cuda is not installed")

import gpuconv
from gpuconv.bench.launches import record
from gpuconv.kernels.cuda import tile_config

SIZES = st.integers(1, 5000)


def _names(launches):
    return [kernel.py_func.__name__ for kernel, *_ in launches]


def _shape(*problem):
    tile = tile_config.best_tile(4, *problem, 108)
    return tile.rows, tile.columns


def test_large_problems_take_large_tiles_and_small_ones_fill_the_device():
    assert _shape(1, 256, 32 * 56 * 56) == (128, 128)
    assert _shape(1, 64, 64 * 112 * 112) == (64, 128)
    assert _shape(1, 64, 28 * 28)[1] == 64


@settings(max_examples=200, deadline=None)
@given(rows=SIZES, columns=SIZES, depth=st.integers(1, 2**24), groups=st.integers(1, 8))
def test_splits_cover_the_sum_and_leave_no_part_without_work(rows, columns, depth, groups):
    tile, splits, length = tile_config.best_split(4, groups, rows, columns, depth, 108)
    assert tile in tile_config.WGRAD_TILES[4]
    assert length % 8 == 0
    assert (splits - 1) * length < depth <= splits * length
    assert splits * groups * rows * columns < 2**31 or splits == 1


def test_a_few_weights_and_many_pixels_are_split():
    assert tile_config.best_split(4, 1, 64, 576, 64 * 56 * 56, 108)[1] > 8
    assert tile_config.best_split(4, 1, 64, 576, 64, 108)[1] == 1


def _all_passes(size):
    x, w = np.zeros((2, 32, size, size + 1), np.float32), np.zeros((64, 32, 3, 3), np.float32)
    dy = gpuconv.conv2d(x, w)
    gpuconv.conv2d_input_grad(dy, w, x.shape)
    gpuconv.conv2d_weight_grad(x, dy, w.shape)


def test_ten_geometries_share_their_kernels():
    launches = record(lambda: [_all_passes(size) for size in range(20, 30)])
    kernels = {id(kernel): kernel.py_func.__name__.partition("_implicit_gemm_")[0] for kernel, *_ in launches}
    assert sorted(kernels.values()) == ["conv2d_fprop", "conv2d_wgrad", "pack_filters_kernel", "split_k_reduce"]


def test_a_stride_of_two_is_a_launch_for_each_phase():
    dy, w = np.zeros((64, 32, 10, 10), np.float32), np.zeros((32, 32, 3, 3), np.float32)
    launches = record(lambda: gpuconv.conv2d_input_grad(dy, w, (64, 32, 21, 21), stride=2))
    assert [name.partition("_implicit_gemm_")[0] for name in _names(launches)] == [
        "pack_filters_kernel",
        *["conv2d_fprop"] * 4,
    ]


def test_what_would_leave_a_tile_empty_is_computed_without_one():
    x, w = np.zeros((1, 64, 20, 20), np.float32), np.zeros((8, 8, 3, 3), np.float32)
    assert _names(record(lambda: gpuconv.conv2d(x, w, groups=8))) == ["conv2d_fprop_direct"]


def test_filters_of_one_channel_walk():
    x, w = np.zeros((1, 64, 20, 20), np.float32), np.zeros((64, 1, 3, 3), np.float32)
    assert _names(record(lambda: gpuconv.conv2d(x, w, groups=64))) == ["conv2d_fprop_depthwise_3x3_1"]
