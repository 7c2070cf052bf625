"""The devices the operation suite runs on: a parameter each, skipped by name where the machine has none."""

import os

import pytest

from gpuconv.core.device import missing_for_cuda

MISSING = missing_for_cuda()
EMULATED = os.environ.get("GPUCONV_TEST_DEVICE") == "emulator"
"""Set for the whole suite on the emulator, which is slow: large cases are left out, or made smaller."""

if EMULATED:
    DEVICES = ["emulator"]
else:
    DEVICES = [
        "cpu",
        pytest.param("cuda", marks=[pytest.mark.gpu, pytest.mark.skipif(bool(MISSING), reason=f"no GPU: {MISSING}")]),
    ]

on_every_device = pytest.mark.parametrize("device", DEVICES)
