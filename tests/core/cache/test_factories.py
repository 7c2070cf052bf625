"""Functions that one factory made for several shapes, compiled by several processes: each runs its own code."""

import pytest

from tests.core.cache.installed_copy import InstalledCopy

CALL = "gpuconv.conv2d(x, w, groups=2, algorithm='depthwise')[0, 0, 0, 0]"
ARRAYS = "x := np.ones((1, 2, 9, 9), np.float32), w := np.ones((2, 1, {0}, {0}), np.float32)"
CALLS = [f"[{ARRAYS.format(taps)}, {CALL}][2]" for taps in (2, 3)]


@pytest.mark.quick
def test_code_of_several_processes_does_not_mix(tmp_path):
    copy = InstalledCopy(tmp_path)
    for call, taps in zip(CALLS, (2, 3), strict=True):
        assert copy.run(call)["values"] == [taps**2]
    for calls, values in ((CALLS, [4, 9]), (CALLS[::-1], [9, 4])):
        found = copy.run(*calls)
        assert found["values"] == values
        assert found["misses"] == []


def test_every_process_numbers_its_functions_by_itself(tmp_path):
    """Forked ones too, which would go on where their parent was."""
    program = """
import json, os, gpuconv.kernels.cpu
from numba.core.bytecode import FunctionIdentity
number = lambda: next(FunctionIdentity._unique_ids)
read, write = os.pipe()
if os.fork() == 0:
    os.write(write, str(number()).encode())
    os._exit(0)
os.wait()
print(json.dumps({"numbers": [number(), int(os.read(read, 100))]}))
"""
    copy = InstalledCopy(tmp_path)
    numbers = [number for _ in range(2) for number in copy.run(program=program)["numbers"]]
    assert len({number // 1000 for number in numbers}) == 4
