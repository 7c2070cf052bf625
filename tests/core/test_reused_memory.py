"""Blocks that are used again: only when nobody holds them, from any thread, and never too many."""

from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise

import numpy as np
import pytest

from gpuconv.kernels.core import memory
from gpuconv.kernels.cpu import parallel

SHAPE = (64, 1000)  # 256 KB of float32


@pytest.fixture(autouse=True)
def nothing_kept():
    memory.forget()
    yield
    memory.forget()


def _address(a):
    return a.__array_interface__["data"][0]


def _bytes_kept():
    return sum(size * len(queue) for size, queue in memory._blocks.items())


def test_a_free_block_is_used_again_and_one_in_use_is_not():
    a = memory.new(SHAPE, np.float32)
    assert a.shape == SHAPE
    assert a.dtype == np.float32
    assert a.flags.c_contiguous
    assert a.flags.writeable
    first = _address(a)
    b = memory.new(SHAPE, np.float32)
    assert not np.shares_memory(a, b)
    del a
    assert _address(memory.new((1000, 32), np.float64)) == first


@pytest.mark.parametrize(
    "hold", [lambda a: a[3:5], lambda a: a.T.reshape(-1)[:1], memoryview, lambda a: a.view(np.int32)]
)
def test_whatever_refers_to_an_array_keeps_its_block(hold):
    a = memory.new(SHAPE, np.float32)
    first, held = _address(a), hold(a)
    copied = isinstance(held, np.ndarray) and not np.shares_memory(a, held)
    del a
    assert (_address(memory.new(SHAPE, np.float32)) == first) == copied


def test_arrays_that_are_alive_never_share_memory():
    """Each refers to its block, not to a slice of it that NumPy would do without; more of them than are kept at all."""
    shape, alive = (1 << 22,), []
    for i in range(100):
        alive.append(memory.new(shape, np.uint8))
        if i % 3 == 2:  # what follows is handed the blocks that are free
            del alive[-2]
    places = sorted(_address(a) for a in alive)
    assert all(end - start >= shape[0] for start, end in pairwise(places))
    assert len(places) * shape[0] > memory.POOL_BYTES
    a = memory.new(SHAPE, np.float32)
    assert any(a.base is block for block in memory._blocks[a.nbytes])


@pytest.mark.parametrize(
    "size",
    [
        memory.POOLED_MIN_BYTES,
        memory.POOLED_MIN_BYTES + 8,
        3 << 20,
        memory.POOLED_MAX_BYTES,
        memory.POOLED_MAX_BYTES + 8,
    ],
)
@pytest.mark.parametrize("dtype", [np.uint8, np.float32, np.float64])
def test_large_arrays_begin_where_a_cache_line_does(size, dtype):
    alive = [memory.new((size // np.dtype(dtype).itemsize,), dtype) for _ in range(3)]
    assert [_address(a) % memory.LINE_BYTES for a in alive] == [0, 0, 0]
    for number, a in enumerate(alive):
        a[0] = a[-1] = number  # the last element lies inside the block, too
    assert [(a[0], a[-1]) for a in alive] == [(0, 0), (1, 1), (2, 2)]


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int32, np.int64])
@pytest.mark.parametrize("make", [parallel.workspace, parallel.zeros])
def test_workspaces_begin_where_a_cache_line_does(make, dtype):
    like, alive = np.empty(1, dtype), []
    for size in (0, 1, 7, 16, 17, 100, 1000, 12345, 100_000):
        for _ in range(4):
            alive.append(make(size, like))
            assert alive[-1].shape == (size,)
            assert alive[-1].dtype == dtype
            assert _address(alive[-1]) % memory.LINE_BYTES == 0
            assert make is parallel.workspace or not alive[-1].any()
            alive[-1][:] = len(alive)
    assert all((a == number).all() for number, a in enumerate(alive, 1))


def test_small_and_huge_arrays_are_not_kept():
    for count in (0, 10, memory.POOLED_MIN_BYTES - 1, memory.POOLED_MAX_BYTES + 1):
        assert memory.new((count,), np.uint8).shape == (count,)
    assert memory.new((), np.float64).shape == ()
    assert not memory._blocks


def test_not_too_much_is_kept():
    alive = []
    for i in range(100):
        alive.append(memory.new((memory.POOLED_MAX_BYTES // 3 - 4096 * (i % 7),), np.uint8))
        assert _bytes_kept() <= memory.POOL_BYTES
    assert all(not np.shares_memory(alive[i], alive[i + 1]) for i in range(99))


def test_threads_never_share_a_block():
    def work(number):
        arrays = [memory.new(SHAPE, np.float32) for _ in range(3)]
        for i, a in enumerate(arrays):
            a.fill(number + i / 4)
        return all((a == number + i / 4).all() for i, a in enumerate(arrays))

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(work, range(200)))
