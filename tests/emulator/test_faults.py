"""Planted faults are reported with their kind and line; correct kernels run without a report."""

import linecache

import numpy as np
import pytest

from gpuconv import emulator
from tests.emulator.faulty import CORRECT, FAULTS
from tests.emulator.faulty_ptx import CORRECT_PTX, FAULTY_PTX


@pytest.mark.parametrize("name", FAULTS)
def test_a_planted_fault_is_reported(name):
    kind, kernel, blocks, threads, make = FAULTS[name]
    with pytest.raises(emulator.EmulatorError) as found:
        emulator.run(kernel, blocks, threads, *(a() for a in make), budget=1 << 18)
    location = found.value.location
    assert (found.value.kind, location.kernel) == (kind, name), str(found.value)
    if kind != "hang":
        assert "# FAULT" in linecache.getline(location.source_file, location.source_line), str(found.value)
        assert location.thread is not None
        assert location.block is not None


@pytest.mark.parametrize("name", FAULTY_PTX)
def test_a_fault_in_ptx_is_reported(name):
    kind, text, threads, arguments = FAULTY_PTX[name]
    with pytest.raises(emulator.EmulatorError) as found:
        emulator.run_ptx(text, 1, threads, *(a() for a in arguments))
    assert found.value.kind == kind, str(found.value)
    assert "FAULT" in text.splitlines()[found.value.location.ptx_line - 1], str(found.value)


@pytest.mark.parametrize("seed", [0, 1])
@pytest.mark.parametrize("name", CORRECT)
def test_a_correct_kernel_is_not_reported(name, seed):
    kernel, blocks, threads, make = CORRECT[name]
    emulator.run(kernel, blocks, threads, *(a() for a in make), seed=seed)


@pytest.mark.parametrize("name", CORRECT_PTX)
def test_correct_ptx_is_not_reported(name):
    _, text, threads, arguments = CORRECT_PTX[name]
    emulator.run_ptx(text, 1, threads, *(a() for a in arguments))


def test_at_least_25_faulty_and_25_correct_kernels():
    assert len(FAULTS) + len(FAULTY_PTX) >= 25
    assert len(CORRECT) + len(CORRECT_PTX) >= 25


def test_check_false_still_checks_bounds_but_not_races():
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
