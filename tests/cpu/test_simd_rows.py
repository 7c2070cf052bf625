"""What the CPU kernels move rows and vectors with: every element arrives, and nothing around a target is touched."""

import itertools

import numba
import numpy as np
import pytest

from gpuconv.kernels.cpu import emitter, simd, simd_rows
from tests.cpu.between_guards import ROOM, assert_holds, between_guards, target_of

DTYPES = pytest.mark.parametrize("dtype", [np.float32, np.float64])
COUNTS = pytest.mark.parametrize("count", [0, 1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 31, 33, 50])


@numba.njit
def copy_columns(target, place, source, first, apart, rows):
    simd_rows.copy_columns(target, place, source, first, apart, rows)


@numba.njit
def copy_row(target, place, source, first, count):
    simd_rows.copy_row(target, place, source, first, count)


@numba.njit
def add_row(target, place, source, first, count):
    simd_rows.add_row(target, place, source, first, count)


@numba.njit
def sum_rows(target, place, source, first, volume, depths, apart, rows, count):
    simd_rows.sum_rows(target, place, source, first, volume, depths, apart, rows, count)


@numba.njit
def zip_rows(target, place, even, even_first, odd, odd_first, count):
    simd_rows.zip_rows(target, place, even, even_first, odd, odd_first, count)


@numba.njit
def unzip_row(even, even_place, odd, odd_place, source, first, count):
    simd_rows.unzip_row(even, even_place, odd, odd_place, source, first, count)


@numba.njit
def store_row(target, place, source, first, count, end):
    simd.store_row(target, place, simd.load(source, first), count, end)


@numba.njit
def load_in_turns(a, start, even, odd, place):
    first, second = simd.load_in_turns(a, start)
    simd.store(even, place, first)
    simd.store(odd, place, second)


@numba.njit
def load_apart(target, place, a, start, step):
    simd.store(target, place, simd.load_apart(a, start, step))


@numba.njit
def moved_up(target, place, a, start, following):
    simd.store(target, place, simd.moved_up(simd.load(a, start), a, following))


@numba.njit
def store_in_turns(target, place, even, odd, first):
    simd.store_in_turns(target, place, simd.load(even, first), simd.load(odd, first))


@numba.njit
def add_in_turns(target, place, even, odd, first):
    simd.add_in_turns(target, place, simd.load(even, first), simd.load(odd, first))


@pytest.fixture
def rng():
    return np.random.default_rng(7)


def whole_numbers(rng, *shape):
    """Values whose sums are exact."""
    return rng.integers(-99, 100, shape)


@DTYPES
@pytest.mark.parametrize("rows", [1, 2, 11])
@pytest.mark.parametrize("between", [0, 9])
def test_columns_are_copied_side_by_side(rng, dtype, rows, between):
    columns = emitter.tile_columns(dtype)
    source = rng.standard_normal((rows, columns + between)).astype(dtype)
    target = target_of(rows * columns, dtype)
    copy_columns(target, ROOM, between_guards(source), ROOM, columns + between, rows)
    assert_holds(target, source[:, :columns])


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
    lanes, guard = emitter.lanes(dtype), 99
    source = rng.integers(0, 99, lanes).astype(dtype)
    for count in range(1, lanes + 3):
        for end in range(count, lanes + 3):
            target = np.full(lanes + 2 * ROOM, guard, stored)
            store_row(target, ROOM, source, 0, count, ROOM + end)
            written = lanes if end >= lanes else count
            assert target[ROOM : ROOM + written].tolist() == source[:written].tolist()
            assert (np.delete(target, np.arange(ROOM, ROOM + written)) == guard).all()


@DTYPES
def test_vectors_are_loaded_in_turns(rng, dtype):
    lanes = emitter.lanes(dtype)
    source, even, odd = rng.standard_normal(2 * lanes).astype(dtype), target_of(lanes, dtype), target_of(lanes, dtype)
    load_in_turns(between_guards(source), ROOM, even, odd, ROOM)
    assert_holds(even, source[::2])
    assert_holds(odd, source[1::2])


@DTYPES
@pytest.mark.parametrize("step", [1, 2, 3, 5])
def test_vectors_are_loaded_from_elements_apart(rng, dtype, step):
    lanes = emitter.lanes(dtype)
    source, target = rng.standard_normal(lanes * step).astype(dtype), target_of(lanes, dtype)
    load_apart(target, ROOM, between_guards(source), ROOM, step)
    assert_holds(target, source[::step])


@DTYPES
def test_a_vector_is_moved_up_by_one(rng, dtype):
    lanes = emitter.lanes(dtype)
    source, target = rng.standard_normal(4 * lanes).astype(dtype), target_of(lanes, dtype)
    for following in (lanes, 2 * lanes + 1):
        moved_up(target, ROOM, source, 0, following)
        assert_holds(target, [*source[1:lanes], source[following]])


@DTYPES
def test_vectors_are_stored_and_added_in_turns(rng, dtype):
    lanes = emitter.lanes(dtype)
    even, odd = whole_numbers(rng, 2, lanes).astype(dtype)
    target, turns = target_of(2 * lanes, dtype), np.stack((even, odd), 1)
    store_in_turns(target, ROOM, between_guards(even), between_guards(odd), ROOM)
    assert_holds(target, turns)
    add_in_turns(target, ROOM, between_guards(odd), between_guards(even), ROOM)
    assert_holds(target, turns + turns[:, ::-1])
