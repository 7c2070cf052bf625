"""Hangs: found within a budget, with the line where each group of threads waits."""

import time

import numpy as np
import pytest
from numba import cuda

from gpuconv import emulator


def waits_in_two_places(flags):
    t = cuda.threadIdx.x
    if t < 32:
        while cuda.atomic.add(flags, 0, 0) == 0:  # FIRST
            pass
    if t < 40:
        while cuda.atomic.add(flags, 1, 0) == 0:  # SECOND
            pass
    cuda.syncthreads()  # THIRD


def loops_for_ever(y):
    k = y[0]
    while k < 10:
        k = (k * 3 + 1) % 7
    y[0] = k


def line_of(mark):
    start = waits_in_two_places.__code__.co_firstlineno
    with open(__file__) as file:
        return next(n for n, line in enumerate(file, 1) if n > start and f"# {mark}" in line)


def test_the_message_names_where_each_group_of_threads_waits():
    with pytest.raises(emulator.EmulatorError, match="hang") as found:
        emulator.run(waits_in_two_places, 1, 64, np.zeros(2, np.int32), budget=1 << 16)
    text = str(found.value)
    assert f"threads (0, 0, 0) to (31, 0, 0) at test_hang.py:{line_of('FIRST')}" in text
    assert f"threads (32, 0, 0) to (39, 0, 0) at test_hang.py:{line_of('SECOND')}" in text
    assert f"threads (40, 0, 0) to (63, 0, 0) at test_hang.py:{line_of('THIRD')}" in text
    assert found.value.location.source_line == line_of("FIRST")


def test_a_loop_without_end_is_reported_within_its_budget():
    started = time.monotonic()
    with pytest.raises(emulator.EmulatorError, match="hang"):
        emulator.run(loops_for_ever, 1, 1, np.ones(1, np.int32), budget=1 << 16)
    assert time.monotonic() - started < 60


def test_the_environment_sets_the_budget(monkeypatch):
    monkeypatch.setenv("GPUCONV_EMULATOR_BUDGET", "4096")
    with pytest.raises(emulator.EmulatorError, match=r"after (4|5|6)\d\d\d basic blocks|after \d{4,5} basic blocks"):
        emulator.run(loops_for_ever, 1, 1, np.ones(1, np.int32))
    monkeypatch.setenv("GPUCONV_EMULATOR_BUDGET", "some")
    with pytest.raises(ValueError, match="GPUCONV_EMULATOR_BUDGET is 'some'"):
        emulator.run(loops_for_ever, 1, 1, np.ones(1, np.int32))
    with pytest.raises(ValueError, match="budget is 0"):
        emulator.run(loops_for_ever, 1, 1, np.ones(1, np.int32), budget=0)
