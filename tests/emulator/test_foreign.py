"""Kernels as others write them: the right ones give the right values, the wrong ones their kind and line."""

import linecache

import numpy as np
import pytest

from gpuconv import emulator
from tests.emulator.foreign import RIGHT, WRONG
from tests.emulator.foreign.exceptions import OwnError


@pytest.mark.parametrize("name", RIGHT)
def test_a_right_kernel_gives_its_values(name):
    kernel, inputs, expected, grid, block, options = RIGHT[name]
    wanted = np.asarray(expected(*inputs()))
    y = np.zeros_like(wanted)
    emulator.run(kernel, grid, block, *inputs(), y, **options)
    assert y.tolist() == wanted.tolist()


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_kernel_is_reported_with_its_line(name):
    kind, kernel, inputs, grid, block, marked, options = WRONG[name]
    with pytest.raises(emulator.EmulatorError) as found:
        emulator.run(kernel, grid, block, *inputs(), **options)
    location = found.value.location
    assert found.value.kind == kind, str(found.value)
    if marked:
        assert "# FAULT" in linecache.getline(location.source_file or "", location.source_line or 0), str(found.value)


@pytest.mark.parametrize(
    ("name", "error", "message", "thread"),
    [
        ("raises_value_error", ValueError, "exception: ValueError: not allowed", (3, 0, 0)),
        ("raises_own_error", OwnError, "exception: OwnError", (0, 0, 0)),
        ("raises_assertion_error", AssertionError, "AssertionError: too large", (0, 0, 0)),
        ("raises_zero_division_error", ZeroDivisionError, "ZeroDivisionError", (0, 0, 0)),
        ("raises_index_error", IndexError, "IndexError", (3, 0, 0)),
        ("raises_key_error", KeyError, "KeyError: in a function", (0, 0, 0)),
        ("raises_before_a_barrier_type_error", TypeError, "TypeError: before the others", (40, 0, 0)),
    ],
)
def test_an_exception_has_its_class_its_message_and_its_thread(name, error, message, thread):
    _, kernel, inputs, grid, block, _, _ = WRONG[name]
    with pytest.raises(error, match=message) as found:
        emulator.run(kernel, grid, block, *inputs())
    assert (found.value.location.block, found.value.location.thread) == ((0, 0, 0), thread)


def test_a_record_and_the_parent_of_a_view_are_written():
    from numba import cuda

    @cuda.jit
    def write(r, v):
        r.a = 5
        v[cuda.threadIdx.x] = 7

    records = np.zeros(3, [("a", "f4"), ("b", "f4")])
    parent = np.zeros((4, 4))
    emulator.run(write, 1, 4, records[1], parent[::-1, 2])
    assert records["a"].tolist() == [0, 5, 0]
    assert parent.tolist() == [[0, 0, 7, 0]] * 4


def test_print_in_a_kernel(capsys):
    from numba import cuda

    @cuda.jit
    def prints(x):
        i = cuda.grid(1)
        if i % 20 == 0:
            print("element", i, x[i], x[i] > 10)

    emulator.run(prints, 2, 32, np.arange(64) / 2)
    assert capsys.readouterr().out.splitlines() == [
        f"element {i} {i / 2:f} {'True' if i > 20 else 'False'}" for i in (0, 20, 40, 60)
    ]


def test_at_least_20_right_and_20_wrong_kernels():
    assert len(RIGHT) >= 20
    assert len(WRONG) >= 20
