"""Zones of a correlation: which outputs meet which taps, and how they are cut into tasks."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gpuconv.conv.shape import conv_shape
from gpuconv.kernels.conv.cpu.correlation import dgrad_correlations, fprop_correlation
from gpuconv.kernels.conv.cpu.zones import lay_out_zones, reading, zone_products, zones_of
from tests.conv.cpu.test_algorithms import Problem
from tests.conv.test_conv2d import SYMMETRIC
from tests.strategies import convolutions


def _shape(case):
    x_shape, w_shape, options, _ = case
    return conv_shape("test", x_shape, w_shape, **options)


def _correlations(shape):
    return [fprop_correlation(shape), *dgrad_correlations(shape)[0]]


@settings(max_examples=150, deadline=None)
@given(case=convolutions())
def test_every_output_is_in_one_zone_and_meets_the_taps_that_read_the_image(case):
    for correlation in _correlations(_shape(case)):
        lattice, (stride_h, stride_w), (_, _, h, w) = correlation.lattice, correlation.stride, correlation.x_shape
        found = {}
        for zone in zones_of(correlation):
            for p, q in itertools.product(range(zone.lattice.p), range(zone.lattice.q)):
                where = zone.row + p, zone.column + q
                assert where not in found
                found[where] = zone.taps
                assert zone.lattice.row0 + p * lattice.row_step == lattice.row0 + where[0] * lattice.row_step
                assert zone.lattice.col0 + q * lattice.col_step == lattice.col0 + where[1] * lattice.col_step
        assert sorted(found) == list(itertools.product(range(lattice.p), range(lattice.q)))
        for (p, q), taps in found.items():
            row, column = p * stride_h, q * stride_w
            inside = (t for t in correlation.taps if 0 <= row + t.dh < h and 0 <= column + t.dw < w)
            assert taps == tuple(inside)


@settings(max_examples=150, deadline=None)
@given(case=convolutions(), images=st.integers(1, 4), task=st.integers(1, 2000), rows=st.sampled_from((6, 8)))
def test_tasks_have_every_row_once_and_read_inside_the_images(case, images, task, rows):
    shape = _shape(case)
    for correlation in _correlations(shape):
        (_, c, h, w), zones = correlation.x_shape, zones_of(correlation)
        t = lay_out_zones(zones, (images, c, h, w), shape.s, shape.r * shape.s, c, images, task, rows)
        assert t.starts[0] == 0
        assert t.starts[-1] == len(t.pieces)
        assert t.starts == sorted(set(t.starts))
        outputs = sum(piece.rows * piece.columns for piece in t.pieces)
        assert outputs == correlation.lattice.p * correlation.lattice.q
        assert t.positions.size == images * outputs
        for first, last in itertools.pairwise(t.starts):
            assert sum(-(-images * p.rows * p.columns // rows) * rows for p in t.pieces[first:last]) <= t.longest
        for piece in t.pieces:
            positions = t.positions[piece.first : piece.first + images * piece.rows * piece.columns]
            pairs = t.pairs[piece.entry * c : (piece.entry + piece.taps) * c]
            if pairs.size:
                read = positions[:, None] + pairs
                assert read.min() >= 0
                assert read.max() < images * c * h * w


def test_a_dilation_as_large_as_the_map_multiplies_by_few_taps():
    """DeepLab's layer: of nine taps 5.2 read the image on average."""
    shape = conv_shape("test", (1, 512, 33, 33), (256, 512, 3, 3), padding=12, dilation=12)
    correlation = fprop_correlation(shape)
    assert zone_products(zones_of(correlation), 1, 1) == (21 + 33 + 21) ** 2
    layout, zones, _ = reading((correlation,), 8, 8)
    assert not layout.copied
    assert len(zones) == 9


def _padded(rows, columns):
    return {"padding": ((rows, rows), (columns, columns))}


# x_shape, w_shape, options
LARGER = {
    "dilated, several tasks": ((2, 21, 33, 33), (40, 21, 3, 3), _padded(12, 12) | {"dilation": (12, 12)}),
    "dilated by more than the map": ((3, 9, 6, 7), (33, 9, 3, 3), _padded(9, 9) | {"dilation": (9, 9)}),
    "strided, several steps of channels": ((3, 70, 14, 14), (80, 70, 3, 3), _padded(1, 1) | {"stride": (2, 2)}),
    "one row of taps": ((4, 40, 17, 17), (36, 40, 1, 7), _padded(0, 3)),
    "groups": ((3, 66, 7, 7), (70, 33, 3, 3), _padded(1, 1) | {"groups": 2}),
    "groups of a vector of filters": ((3, 30, 14, 9), (30, 15, 3, 3), _padded(1, 1) | {"groups": 2}),
    "the same, strided": ((3, 30, 14, 9), (30, 15, 3, 3), _padded(1, 1) | {"groups": 2, "stride": (2, 2)}),
    "groups, strided and dilated": (
        (2, 66, 15, 11), (70, 33, 3, 3), _padded(3, 1) | {"groups": 2, "stride": (2, 3), "dilation": (2, 1)},
    ),
    "2x2 maps": ((4, 64, 2, 2), (64, 64, 3, 3), _padded(1, 1) | {"stride": (2, 2)}),
    "a large map": ((1, 5, 90, 100), (32, 5, 3, 3), _padded(1, 1)),
}  # fmt: skip


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", LARGER)
def test_filters_as_lanes_agree_with_the_oracle(name, dtype):
    x_shape, w_shape, options = LARGER[name]
    problem = Problem(x_shape, w_shape, options, {**SYMMETRIC, **options}, dtype)
    assert problem.check("filter_vectorized") == ["fprop", "dgrad", "wgrad"]
