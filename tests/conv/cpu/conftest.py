"""What the tests of the CPU's convolutions have in common."""

import numpy as np
import pytest

from gpuconv.kernels.core import memory
from gpuconv.kernels.cpu import parallel


@pytest.fixture(autouse=True)
def poisoned_workspaces():
    """Fill the memory that launches hand to kernels with NaN: one that reads what it has not written is found."""
    with memory.provided_by(lambda shape, dtype: np.full(shape, np.nan, dtype)):
        yield


@pytest.fixture
def shared():
    """Share every problem among all threads, however small it is."""
    with parallel.share_everything():
        yield
