"""Calls from many threads at once and from forked and spawned children, under each of Numba's threading layers."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).with_name("concurrent_calls.py")


@pytest.mark.parametrize("layer", ["default", "workqueue"])
@pytest.mark.parametrize("callers", ["threads", "fork", "spawn"])
def test_calls_at_once_are_right_and_end(callers, layer):
    if callers == "fork" and not hasattr(os, "fork"):
        pytest.skip("this system does not fork")
    environment = {**os.environ, "NUMBA_THREADING_LAYER": layer}
    run = subprocess.run(
        [sys.executable, str(SCRIPT), callers],
        capture_output=True,
        text=True,
        timeout=400,
        env=environment,
        cwd=SCRIPT.parents[2],
        check=False,
    )
    assert (run.returncode, run.stdout) == (0, "right\n"), run.stderr
