"""Micro-kernels and in-register transposes: the products, and nothing around a target touched."""

import numba
import numpy as np
import pytest

from gpuconv.kernels.cpu import microkernel, registers
from gpuconv.kernels.cpu.transpose import transpose
from gpuconv.testing import assert_close
from tests.cpu.between_guards import ROOM, between_guards, target_of

DTYPES = pytest.mark.parametrize("dtype", [np.float32, np.float64])


@numba.njit
def multiply(a, b, starts, tile, offsets, c, accumulate):
    multiply_tile = microkernel.multiply_tile
    multiply_tile(a, 0, b, 0, starts, tile, offsets, offsets.size, c, 0, c.shape[1], accumulate)


@numba.njit
def multiply_gathered(a, start, row_offsets, row, step_offsets, step0, steps, b, c, c_start, c_stride, accumulate):
    multiply = microkernel.multiply_gathered
    multiply(a, start, row_offsets, row, step_offsets, step0, steps, b, 0, c, c_start, c_stride, accumulate)


@numba.njit
def multiply_packed(a, a_start, a_stride, b, b_start, steps, c, c_start, c_stride, accumulate):
    multiply = microkernel.multiply_packed
    multiply(a, a_start, a_stride, b, b_start, steps, c, c_start, c_stride, accumulate)


@numba.njit
def multiply_biased(a, a_start, a_stride, b, b_start, steps, bias, first, c, c_start, c_stride):
    multiply = microkernel.multiply_biased
    multiply(a, a_start, a_stride, b, b_start, steps, bias, first, c, c_start, c_stride)


@numba.njit
def add_dots(a, stride, b, starts, offsets, c, accumulate):
    dots = microkernel.add_dots
    dots(a, 0, stride, b, 0, starts, offsets, 0, starts.size, c, 0, c.shape[1], accumulate)


@pytest.fixture
def rng():
    return np.random.default_rng(7)


def _tile_offsets(row_stride, columns):
    """Offsets of the elements of a tile in a target."""
    return ROOM + np.arange(registers.MR)[:, None] * row_stride + np.arange(columns)


@DTYPES
def test_tile_multiplies_panels(rng, dtype):
    steps, columns, lanes = 37, registers.tile_columns(dtype), registers.lanes(dtype)
    a, b = rng.standard_normal((steps, registers.MR)).astype(dtype), rng.standard_normal((steps, 2 * columns))
    b = b.astype(dtype)
    starts = np.arange(0, 2 * columns, lanes, dtype=np.int32)
    offsets = (np.arange(steps) * 2 * columns).astype(np.int32)
    c = np.full((registers.MR, columns), np.nan, dtype)
    for tile in range(2):
        expected = a.T.astype(np.float64) @ b[:, tile * columns : (tile + 1) * columns]
        multiply(a.ravel(), b.ravel(), starts, tile, offsets, c, False)
        assert_close(c, expected, terms=steps)
        multiply(a.ravel(), b.ravel(), starts, tile, offsets, c, True)
        assert_close(c, 2 * expected, terms=steps)


@DTYPES
def test_tile_multiplies_a_matrix_read_by_offsets(rng, dtype):
    steps, rows, columns = 23, 2 * registers.MR, registers.tile_columns(dtype)
    a, b = rng.standard_normal(999).astype(dtype), rng.standard_normal((steps, columns)).astype(dtype)
    row_offsets, step_offsets = rng.integers(0, 400, rows, np.int32), rng.integers(0, 500, steps + 3, np.int32)
    c, inside = target_of(registers.MR * (columns + 3), dtype), _tile_offsets(columns + 3, columns)
    for row in (0, registers.MR):
        unrolled = a[90 + row_offsets[row : row + registers.MR, None] + step_offsets[3:]]
        expected = unrolled.astype(np.float64) @ b
        for accumulate in (False, True):
            offsets = row_offsets, row, step_offsets, 3
            multiply_gathered(a, 90, *offsets, steps, b.ravel(), c, ROOM, columns + 3, accumulate)
            assert_close(c[inside], (1 + accumulate) * expected, terms=steps)
            assert np.isnan(np.delete(c, inside)).all()


def _panels(rng, dtype, steps, stride):
    """A, with NaN between its rows, and B, between guards; their product in float64, and its offsets in C."""
    rows, columns = registers.MR, registers.tile_columns(dtype)
    a, b = np.full((steps, stride), np.nan, dtype), rng.standard_normal((steps, columns)).astype(dtype)
    a[:, :rows] = rng.standard_normal((steps, rows))
    product = a[:, :rows].T.astype(np.float64) @ b
    return between_guards(a), between_guards(b), product, _tile_offsets(columns + 3, columns)


@DTYPES
@pytest.mark.parametrize("steps", [1, 2, 29])
@pytest.mark.parametrize("stride", [registers.MR, registers.MR + 5])
def test_tile_multiplies_packed_panels_and_touches_nothing_else(rng, dtype, steps, stride):
    a, b, expected, offsets = _panels(rng, dtype, steps, stride)
    c, columns = target_of(offsets.max(), dtype), registers.tile_columns(dtype)
    for accumulate in (False, True):
        multiply_packed(a, ROOM, stride, b, ROOM, steps, c, ROOM, columns + 3, accumulate)
        assert_close(c[offsets], (1 + accumulate) * expected, terms=steps)
        assert np.isnan(np.delete(c, offsets)).all()


@DTYPES
@pytest.mark.parametrize("steps", [1, 2, 29])
@pytest.mark.parametrize("stride", [registers.MR, registers.MR + 5])
def test_tile_begins_with_its_biases_and_reads_nothing_of_the_target(rng, dtype, steps, stride):
    a, b, expected, offsets = _panels(rng, dtype, steps, stride)
    c, columns = target_of(offsets.max(), dtype), registers.tile_columns(dtype)
    bias = rng.standard_normal(registers.MR).astype(dtype)
    multiply_biased(a, ROOM, stride, b, ROOM, steps, between_guards(bias), ROOM, c, ROOM, columns + 3)
    assert_close(c[offsets], expected + bias[:, None].astype(np.float64), terms=steps + 1)
    assert np.isnan(np.delete(c, offsets)).all()


@DTYPES
def test_dots_add_inner_products(rng, dtype):
    rows, columns, lanes = registers.DOT_ROWS, registers.DOT_COLUMNS, registers.lanes(dtype)
    length = 5 * lanes
    a, b = rng.standard_normal((rows, length)).astype(dtype), rng.standard_normal((columns, length)).astype(dtype)
    before = rng.standard_normal((columns, rows)).astype(dtype)
    products = b.astype(np.float64) @ a.T
    starts = np.arange(0, length, lanes, dtype=np.int32)
    for accumulate, expected in ((True, before + products), (False, products)):
        c = before.copy()
        offsets = (np.arange(columns) * length).astype(np.int32)
        add_dots(a.ravel(), length, b.ravel(), starts, offsets, c, accumulate)
        assert_close(c, expected, terms=length)


@DTYPES
@pytest.mark.parametrize("rows", [1, 7, 16, 33])
@pytest.mark.parametrize("columns", [1, 3, 4, 9, 16])
def test_transposing_moves_every_element_and_no_other(rng, dtype, rows, columns):
    source, target = rng.standard_normal(rows * 20 + 5).astype(dtype), np.full(columns * 40 + 7, np.nan, dtype)
    transpose(source, 5, 20, rows, columns, target, 7, 40)
    moved = target[7:].reshape(columns, 40)
    np.testing.assert_array_equal(moved[:, :rows], source[5:].reshape(rows, 20)[:, :columns].T)
    assert np.isnan(moved[:, rows:]).all()
    assert np.isnan(target[:7]).all()
