"""The machine's multiply-add peak: what is timed computes what it says, and its share is reported."""

import numpy as np
import pytest

from gpuconv.bench import microkernel
from gpuconv.kernels.cpu import fma_peak
from gpuconv.kernels.cpu.parallel import threads_for


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("kernel", fma_peak.KERNELS)
def test_every_tile_that_is_timed_is_the_product(kernel, dtype):
    threads = threads_for(2)
    panels = fma_peak.panels(threads, dtype)
    fma_peak.run(kernel, (*panels, 1), threads)
    assert np.array_equal(panels[-1], np.full_like(panels[-1], fma_peak.REDUCTION_STEPS))


def test_shares_are_of_the_peak_in_registers():
    limit, reached = microkernel.shares(1, np.float32, repeats=50, samples=3)
    assert limit > 0
    assert list(reached) == ["multiply_tile", "multiply_packed"]
    assert all(share > 0 for share in reached.values())
