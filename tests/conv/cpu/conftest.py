"""What the tests of the CPU's convolutions have in common."""

import numpy as np
import pytest

from gpuconv.kernels.core import memory
from gpuconv.kernels.cpu import parallel


@pytest.fixture(autouse=True)
def poisoned_workspaces():
    """Fill the memory that launches hand to kernels with NaN: one that reads what it has not written is found.

    Pairs of bfloat16 are integers to a launch; all bits set are two NaN.
    """

    def poisoned(shape, dtype):
        return np.full(shape, np.iinfo(dtype).max if np.dtype(dtype).kind in "iu" else np.nan, dtype)

    with memory.provided_by(poisoned):
        yield


@pytest.fixture
def shared():
    """Share every problem among all threads, however small it is."""
    with parallel.share_everything():
        yield
