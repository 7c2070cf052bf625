"""Every planted fault is reported, of its kind and at its line; kernels that are right raise nothing."""

import linecache

import numpy as np
import pytest

from gpuconv import emulator
from tests.emulator.faulty import FAULTS, RIGHT
from tests.emulator.faulty_ptx import FAULTY_PTX, RIGHT_PTX


@pytest.mark.parametrize("name", FAULTS)
def test_a_planted_fault_is_found(name):
    kind, kernel, blocks, threads, make = FAULTS[name]
    with pytest.raises(emulator.EmulatorError) as found:
        emulator.run(kernel, blocks, threads, *(a() for a in make), budget=1 << 18)
    place = found.value.place
    assert (found.value.kind, place.kernel) == (kind, name), str(found.value)
    if kind != "hang":
        assert "# FAULT" in linecache.getline(place.source_file, place.source_line), str(found.value)
        assert place.thread is not None
        assert place.block is not None


@pytest.mark.parametrize("name", FAULTY_PTX)
def test_a_fault_planted_in_ptx_is_found(name):
    kind, text, threads, arguments = FAULTY_PTX[name]
    with pytest.raises(emulator.EmulatorError) as found:
        emulator.run_ptx(text, 1, threads, *(a() for a in arguments))
    assert found.value.kind == kind, str(found.value)
    assert "FAULT" in text.splitlines()[found.value.place.ptx_line - 1], str(found.value)


@pytest.mark.parametrize("seed", [0, 1])
@pytest.mark.parametrize("name", RIGHT)
def test_a_right_kernel_raises_nothing(name, seed):
    kernel, blocks, threads, make = RIGHT[name]
    emulator.run(kernel, blocks, threads, *(a() for a in make), seed=seed)


@pytest.mark.parametrize("name", RIGHT_PTX)
def test_right_ptx_raises_nothing(name):
    _, text, threads, arguments = RIGHT_PTX[name]
    emulator.run_ptx(text, 1, threads, *(a() for a in arguments))


def test_there_are_enough_of_them():
    assert len(FAULTS) + len(FAULTY_PTX) >= 25
    assert len(RIGHT) + len(RIGHT_PTX) >= 25


def test_unchecked_runs_still_mind_the_bounds():
    kind, kernel, blocks, threads, make = FAULTS["guard_missing"]
    with pytest.raises(emulator.EmulatorError, match=kind):
        emulator.run(kernel, blocks, threads, *(a() for a in make), check=False)
    _, kernel, blocks, threads, make = FAULTS["warp_exchange_without_a_sync"]
    emulator.run(kernel, blocks, threads, *(a() for a in make), check=False)


def test_a_sum_of_float_atomics_depends_on_the_order():
    from numba import cuda, float32

    def add(x, total):
        cuda.atomic.add(total, 0, x[cuda.blockIdx.x])

    def add_integers(x, total):
        cuda.atomic.add(total, 0, float32(1))

    x = np.tile(np.array([1e8, 1, -1e8, 1], np.float32), 4)
    with pytest.raises(emulator.EmulatorError, match="element 0 of total is") as found:
        emulator.check_order(add, 16, 1, x, np.zeros(1, np.float32), runs=8)
    assert found.value.kind == "order-dependent"
    emulator.check_order(add_integers, 16, 1, x, np.zeros(1, np.float32), runs=8)
