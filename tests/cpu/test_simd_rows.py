"""SIMD rows and vectors: every element arrives, and nothing around a target is touched."""

import itertools

import numba
import numpy as np
import pytest

from gpuconv.kernels.cpu import registers, simd, simd_rows
from tests.cpu.between_guards import ROOM, assert_holds, between_guards, target_of

DTYPES = pytest.mark.parametrize("dtype", [np.float32, np.float64])
COUNTS = pytest.mark.parametrize("count", [0, 1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 31, 33, 50])


@numba.njit
def copy_row(target, start, source, first, count):
    simd_rows.copy_row(target, start, source, first, count)


@numba.njit
def add_row(target, start, source, first, count):
    simd_rows.add_row(target, start, source, first, count)


@numba.njit
def sum_rows(target, start, source, first, depth_stride, depths, row_stride, rows, count):
    simd_rows.sum_rows(target, start, source, first, depth_stride, depths, row_stride, rows, count)


@numba.njit
def zip_rows(target, start, even, even_first, odd, odd_first, count):
    simd_rows.zip_rows(target, start, even, even_first, odd, odd_first, count)


@numba.njit
def unzip_row(even, even_start, odd, odd_start, source, first, count):
    simd_rows.unzip_row(even, even_start, odd, odd_start, source, first, count)


@numba.njit
def store_row(target, start, source, first, count, end):
    simd.store_row(target, start, simd.load(source, first), count, end)


@numba.njit
def load_deinterleaved(a, start, even, odd, target_start):
    first, second = simd.load_deinterleaved(a, start)
    simd.store(even, target_start, first)
    simd.store(odd, target_start, second)


@numba.njit
def load_strided(target, target_start, a, start, step):
    simd.store(target, target_start, simd.load_strided(a, start, step))


@numba.njit
def shift_in(target, target_start, a, start, following):
    simd.store(target, target_start, simd.shift_in(simd.load(a, start), a, following))


@numba.njit
def store_interleaved(target, start, even, odd, first):
    simd.store_interleaved(target, start, simd.load(even, first), simd.load(odd, first))


@numba.njit
def add_interleaved(target, start, even, odd, first):
    simd.add_interleaved(target, start, simd.load(even, first), simd.load(odd, first))


@pytest.fixture
def rng():
    return np.random.default_rng(7)


def whole_numbers(rng, *shape):
    """Values whose sums are exact."""
    return rng.integers(-99, 100, shape)


@DTYPES
@COUNTS
def test_rows_are_copied_and_added(rng, dtype, count):
    source, target = whole_numbers(rng, count).astype(dtype), target_of(count, dtype)
    copy_row(target, ROOM, between_guards(source), ROOM, count)
    assert_holds(target, source)
    added = whole_numbers(rng, count).astype(dtype)
    add_row(target, ROOM, between_guards(added), ROOM, count)
    assert_holds(target, source + added)


@DTYPES
@COUNTS
def test_rows_of_several_depths_are_summed(rng, dtype, count):
    for depths, rows in itertools.product((0, 1, 2, 3), (0, 1, 2, 3, 4, 7)):
        source = np.full((depths, rows + 1, count + 2), np.nan)  # no row and no column more than asked for is read
        source[:, :rows, :count] = whole_numbers(rng, depths, rows, count)
        flat, target = between_guards(source.astype(dtype)), target_of(count, dtype)
        sum_rows(target, ROOM, flat, ROOM, (rows + 1) * (count + 2), depths, count + 2, rows, count)
        assert_holds(target, source[:, :rows, :count].sum((0, 1)))


@DTYPES
@COUNTS
def test_rows_are_zipped_and_unzipped(rng, dtype, count):
    sides, target = whole_numbers(rng, 2, count).astype(dtype), target_of(2 * count, dtype)
    zip_rows(target, ROOM, between_guards(sides[0]), ROOM, between_guards(sides[1]), ROOM, count)
    assert_holds(target, sides.T)
    even, odd = target_of(count, dtype), target_of(count, dtype)
    unzip_row(even, ROOM, odd, ROOM, target, ROOM, count)
    assert_holds(even, sides[0])
    assert_holds(odd, sides[1])


@pytest.mark.parametrize(
    ("dtype", "stored"),
    [
        (np.float32, np.float32),
        (np.float64, np.float64),
        *((wide, mask) for wide in (np.int32, np.int64) for mask in (np.uint8, np.uint16)),
    ],
)
def test_a_row_is_stored_no_further_than_its_end(rng, dtype, stored):
    """Elements past the row's last one are written only where they lie before the end: integers are cut."""
    lanes, guard = registers.lanes(dtype), 99
    source = rng.integers(0, 99, lanes).astype(dtype)
    for count in range(1, lanes + 3):
        for end in range(count, lanes + 3):
            target = np.full(lanes + 2 * ROOM, guard, stored)
            store_row(target, ROOM, source, 0, count, ROOM + end)
            written = lanes if end >= lanes else count
            assert target[ROOM : ROOM + written].tolist() == source[:written].tolist()
            assert (np.delete(target, np.arange(ROOM, ROOM + written)) == guard).all()


@DTYPES
def test_vectors_are_loaded_deinterleaved(rng, dtype):
    lanes = registers.lanes(dtype)
    source, even, odd = rng.standard_normal(2 * lanes).astype(dtype), target_of(lanes, dtype), target_of(lanes, dtype)
    load_deinterleaved(between_guards(source), ROOM, even, odd, ROOM)
    assert_holds(even, source[::2])
    assert_holds(odd, source[1::2])


@DTYPES
@pytest.mark.parametrize("step", [1, 2, 3, 5])
def test_vectors_are_loaded_strided(rng, dtype, step):
    lanes = registers.lanes(dtype)
    source, target = rng.standard_normal(lanes * step).astype(dtype), target_of(lanes, dtype)
    load_strided(target, ROOM, between_guards(source), ROOM, step)
    assert_holds(target, source[::step])


@DTYPES
def test_an_element_is_shifted_in(rng, dtype):
    lanes = registers.lanes(dtype)
    source, target = rng.standard_normal(4 * lanes).astype(dtype), target_of(lanes, dtype)
    for following in (lanes, 2 * lanes + 1):
        shift_in(target, ROOM, source, 0, following)
        assert_holds(target, [*source[1:lanes], source[following]])


@DTYPES
def test_vectors_are_stored_and_added_interleaved(rng, dtype):
    lanes = registers.lanes(dtype)
    even, odd = whole_numbers(rng, 2, lanes).astype(dtype)
    target, turns = target_of(2 * lanes, dtype), np.stack((even, odd), 1)
    store_interleaved(target, ROOM, between_guards(even), between_guards(odd), ROOM)
    assert_holds(target, turns)
    add_interleaved(target, ROOM, between_guards(odd), between_guards(even), ROOM)
    assert_holds(target, turns + turns[:, ::-1])
