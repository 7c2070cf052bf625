"""Blocks that are used again: only when nobody holds them, from any thread, and never too many."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from gpuconv.kernels import memory

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


def test_small_and_huge_arrays_are_not_kept():
    for count in (0, 10, memory.SMALLEST - 1, memory.LARGEST + 1):
        assert memory.new((count,), np.uint8).shape == (count,)
    assert memory.new((), np.float64).shape == ()
    assert not memory._blocks


def test_not_too_much_is_kept():
    alive = []
    for i in range(100):
        alive.append(memory.new((memory.LARGEST // 3 - 4096 * (i % 7),), np.uint8))
        assert _bytes_kept() <= memory.KEPT
    assert all(not np.shares_memory(alive[i], alive[i + 1]) for i in range(99))


def test_threads_never_share_a_block():
    def work(number):
        arrays = [memory.new(SHAPE, np.float32) for _ in range(3)]
        for i, a in enumerate(arrays):
            a.fill(number + i / 4)
        return all((a == number + i / 4).all() for i, a in enumerate(arrays))

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(work, range(200)))
