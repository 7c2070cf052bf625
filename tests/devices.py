"""The devices the operation suite runs on: a parameter each, skipped by name where the machine has none."""

import os

import pytest

from gpuconv.backend import missing_for_cuda

MISSING = missing_for_cuda()
SIMULATED = os.environ.get("NUMBA_ENABLE_CUDASIM") == "1"

if SIMULATED:
    DEVICES = ["simulator"]
else:
    DEVICES = [
        "cpu",
        pytest.param("cuda", marks=[pytest.mark.gpu, pytest.mark.skipif(bool(MISSING), reason=f"no GPU: {MISSING}")]),
    ]

on_every_device = pytest.mark.parametrize("device", DEVICES)
