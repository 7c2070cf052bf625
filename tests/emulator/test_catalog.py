"""The catalog of buggy and correct kernels: kind and line of every bug, and no report where there is none."""

import linecache

import numpy as np
import pytest

from gpuconv import emulator
from tests.emulator.catalog import BUGGY, CORRECT

BUDGET = 1 << 20


@pytest.mark.parametrize("name", BUGGY)
def test_a_bug_is_reported_with_its_kind_and_line_in_any_order(name):
    kind, kernel, grid, block, make, seeds = BUGGY[name]
    for seed in seeds:
        with pytest.raises(emulator.EmulatorError) as found:
            emulator.run(kernel, grid, block, *(a() for a in make), seed=seed, budget=BUDGET)
        location = found.value.location
        assert (found.value.kind, location.kernel) == (kind, name), str(found.value)
        assert "# FAULT" in linecache.getline(location.source_file, location.source_line), str(found.value)
        assert location.block is not None
        assert location.thread is not None


@pytest.mark.parametrize("name", CORRECT)
def test_a_correct_kernel_runs_without_a_report_in_any_order(name):
    kernel, grid, block, make, result, cooperative = CORRECT[name]
    for seed in (0, 1, 2, 7):
        arguments = [a() for a in make]
        emulator.run(kernel, grid, block, *arguments, seed=seed, cooperative=cooperative)
        if result is not None:
            np.testing.assert_array_equal(arguments[-1], result())


def test_at_least_40_of_each():
    assert len(BUGGY) >= 40
    assert len(CORRECT) >= 40
