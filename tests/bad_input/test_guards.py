"""No CPU kernel reads or writes outside of an array: forbidden pages lie around each of them."""

import subprocess
import sys

import numpy as np
import pytest

import gpuconv
from gpuconv.kernels.core import memory
from gpuconv.kernels.cpu import registers
from tests.bad_input.guarded import guarded, room

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="needs mprotect")


def _run(*command):
    return subprocess.run([sys.executable, *command], capture_output=True, text=True, timeout=500, check=False)


@pytest.mark.parametrize("side", ["end", "start"])
def test_nothing_outside_is_touched(side):
    done = _run("-m", "tests.bad_input.guarded", side)
    assert done.returncode == 0, f"killed in: {done.stdout.splitlines()[-1:]}\n{done.stderr[-3000:]}"
    assert done.stdout.endswith("nothing outside was touched\n")


@pytest.mark.parametrize(("side", "index"), [("end", 3), ("start", -1)])
def test_the_pages_are_forbidden(side, index):
    code = (
        "import ctypes, numpy as np\n"
        "from tests.bad_input.guarded import room\n"
        f"a = room((3,), np.float32, {side!r})\n"
        f"ctypes.c_float.from_address(a.ctypes.data + 4 * {index}).value"
    )
    assert _run("-c", code).returncode < 0


def test_a_guarded_copy_has_the_same_values():
    a = room((5,), "float64", "end")
    a[...] = range(5)
    assert guarded(a, "start").tolist() == [0, 1, 2, 3, 4]


def test_workspaces_and_results_are_guarded():
    """A launch takes its working memory, however little, from what `memory.provided_by` says."""
    handed = []

    def provide(shape, dtype):
        handed.append(shape)
        return np.empty(shape, dtype)

    x, w = np.ones((1, 3, 8, 8), np.float32), np.ones((4, 3, 3, 3), np.float32)
    with memory.provided_by(provide):
        gpuconv.conv2d(x, w, algorithm="direct")
    assert (3 * 9 * registers.MR,) in handed
