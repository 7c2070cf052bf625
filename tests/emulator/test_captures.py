"""The cache of PTX tells kernels apart by everything that they capture, and knows one again in another process."""

import enum
import functools
import os
import subprocess
import sys
import types
from collections import namedtuple

import numpy as np
import pytest
from numba import cuda, float32, float64

from gpuconv import emulator
from gpuconv.emulator import source
from gpuconv.emulator.source import Source
from gpuconv.emulator.source.fingerprint import fingerprint


class Low(enum.IntEnum):
    A = 1
    B = 2


def other_enum(value):
    return enum.IntEnum("Low", {"A": value, "B": 2}, module=__name__)


Point = namedtuple("Point", "x y")
Swapped = namedtuple("Point", "y x")


ValueOne, ValueTwo = (type("Settings", (), {"value": number}) for number in (1, 2))


def adds(number):
    def add(x):
        return x + number

    return add


def module(number):
    found = types.ModuleType("settings")
    found.value = number
    return found


def nested(number):
    inner = adds(number)
    return lambda x: inner(x)


PAIRS = {
    "int": (1, 2),
    "int and bool": (1, True),
    "int and float": (1, 1.0),
    "signed zeros": (0.0, -0.0),
    "text": ("a", "b"),
    "complex": (1j, 2j),
    "float32": (np.float32(1), np.float32(2)),
    "types of scalars": (np.int32(1), np.int64(1)),
    "datetime64": (np.datetime64(1, "s"), np.datetime64(1, "ms")),
    "record": (np.array([(1, 2)], "i4,i4")[0], np.array([(1, 3)], "i4,i4")[0]),
    "array": (np.array([1.0]), np.array([2.0])),
    "array in the middle": (np.zeros(10**5), np.eye(1, 10**5, 5 * 10**4)[0]),
    "shape of an array": (np.zeros((2, 3)), np.zeros((3, 2))),
    "order of an array": (np.zeros((2, 2)), np.asfortranarray(np.zeros((2, 2)))),
    "dtype of an array": (np.zeros(1, np.int32), np.zeros(1, np.float32)),
    "dtype": (np.dtype("f4"), np.dtype("f8")),
    "class of NumPy": (np.float32, np.float64),
    "structured dtype": (np.dtype("u1,f4"), np.dtype("u1,f4", align=True)),
    "type of Numba": (float32, float64),
    "array type of Numba": (float32[:], float32[::1]),
    "enum member": (Low.A, Low.B),
    "enum": (other_enum(1), other_enum(3)),
    "tuple": ((1, 2), (1, 3)),
    "nested tuple": ((1, (2, np.float32(3))), (1, (2, np.float32(4)))),
    "tuple and list": ((1, 2), [1, 2]),
    "parts of a tuple": (("ab", "c"), ("a", "bc")),
    "named tuple": (Point(1, 2), Point(1, 3)),
    "fields of a named tuple": (Point(1, 2), Swapped(1, 2)),
    "list": ([1, [2]], [1, [3]]),
    "dict": ({"a": 1}, {"a": 2}),
    "order of a dict": ({"a": 1, "b": 2}, {"b": 2, "a": 1}),
    "set": ({1, 2}, {1, 3}),
    "frozenset": (frozenset("ab"), frozenset("ac")),
    "closure of a function": (adds(1), adds(2)),
    "function in a function": (nested(1), nested(2)),
    "lambda": (lambda x: x + 1, lambda x: x + 2),
    "default of a function": (lambda x, n=1: x + n, lambda x, n=2: x + n),
    "partial": (functools.partial(adds, 1), functools.partial(adds, 2)),
    "cached function": (functools.cache(adds(1)), functools.cache(adds(2))),
    "device function": (cuda.jit(device=True)(adds(1)), cuda.jit(device=True)(adds(2))),
    "option of a device function": (cuda.jit(device=True)(adds), cuda.jit(device=True, fastmath=True)(adds)),
    "attribute of a module": (module(1), module(2)),
    "attribute of a class": (ValueOne, ValueTwo),
    "attribute of a base": (type("S", (ValueOne,), {}), type("S", (ValueTwo,), {})),
    "range": (range(3), range(4)),
}  # fmt: skip


def capturing(value):
    def kernel(x):
        x[0] = value.value

    return cuda.jit(kernel)


@pytest.mark.parametrize("name", PAIRS)
def test_kernels_that_capture_different_values_differ(name):
    first, second = (fingerprint(capturing(value), ()) for value in PAIRS[name])
    assert None not in (first, second)
    assert first != second


@pytest.mark.parametrize("name", PAIRS)
def test_a_kernel_is_known_again(name):
    value = PAIRS[name][0]
    assert fingerprint(capturing(value), ()) == fingerprint(capturing(value), ())


def test_contents_that_change_are_seen():
    values, numbers, settings = np.zeros(2), [1], module(1)
    kernels = [capturing(value) for value in (values, numbers, settings)]
    first = [fingerprint(kernel, ()) for kernel in kernels]
    assert first == [fingerprint(kernel, ()) for kernel in kernels]
    values[1] = numbers[0] = settings.value = 5
    assert all(a != b for a, b in zip(first, [fingerprint(kernel, ()) for kernel in kernels], strict=True))


@pytest.mark.parametrize(
    "value", [object(), np.array([None]), (1, [object()])], ids=["object", "array of objects", "nested"]
)
def test_what_cannot_be_told_apart_has_no_hash(value):
    assert fingerprint(capturing(value), ()) is None


def test_what_has_no_hash_is_compiled_each_time(monkeypatch):
    monkeypatch.setattr(Source, "dump", lambda self: pytest.fail("written to the cache"))
    monkeypatch.setattr(source, "fingerprint", lambda *parts: None)
    number = 1

    def kernel(x):
        x[0] = number

    found = np.zeros(1)
    emulator.run(kernel, 1, 1, found)
    number = 2
    emulator.run(kernel, 1, 1, found)
    assert found[0] == 2


def results(make, *values):
    found = []
    for value in values:
        x = np.zeros(1)
        emulator.run(make(value), 1, 1, x)
        found.append(float(x[0]))
    return found


def test_the_second_kernel_computes_its_own_result():
    def number(v):
        def kernel(x):
            x[0] = v

        return kernel

    def constant(v):
        def kernel(x):
            x[0] = cuda.const.array_like(v)[0]

        return kernel

    def shared(v):
        def kernel(x):
            s = cuda.shared.array(1, v)
            s[0] = 0.1
            x[0] = s[0]

        return kernel

    def member(v):
        def kernel(x):
            if v.A == 1:
                x[0] = 5

        return kernel

    assert results(number, np.float32(1), np.float32(2), np.int8(3)) == [1, 2, 3]
    assert results(constant, np.array([1.0]), np.array([2.0])) == [1, 2]
    assert results(shared, np.float32, np.float64) == [float(np.float32(0.1)), 0.1]
    assert results(member, other_enum(1), other_enum(3)) == [5, 0]


SCRIPT = """
import numpy as np
from numba import cuda
from gpuconv import emulator
from gpuconv.emulator.source.fingerprint import fingerprint
import settings_of_kernels

@cuda.jit
def kernel(x):
    x[0] = settings_of_kernels.VALUE + settings_of_kernels.value(x[0])

x = np.zeros(1)
emulator.run(kernel, 1, 1, x)
space = {}
exec("def other(x):\\n    x[0] += NUMBER", space)
emulator.run(space["other"], 1, 1, x)
print(x[0], fingerprint(kernel, ()), fingerprint(space["other"], ()))
"""


def test_edits_are_followed_under_any_path_in_main_and_in_exec(tmp_path):
    folder = tmp_path / "numba" / "numba_kernels"
    folder.mkdir(parents=True)
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(folder), *sys.path])}

    def printed(value, plus, number):
        (folder / "settings_of_kernels.py").write_text(
            f"from numba import cuda\nVALUE = {value}\n\n@cuda.jit(device=True)\ndef value(x):\n    return x + {plus}\n"
        )
        (folder / "main.py").write_text(SCRIPT.replace("NUMBER", str(number)))
        command = [sys.executable, str(folder / "main.py")]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout.split()

    first = printed(10, 1, 100)
    assert first[0] == "111.0"
    assert printed(10, 1, 100) == first
    assert printed(20, 2, 300)[0] == "322.0"


def test_implementations_registered_by_overload_are_seen():
    from numba.cuda.extending import overload, overload_method, register_jitable

    def implemented(x):
        raise NotImplementedError

    @register_jitable
    def jitable(x):
        return x + 1

    kernels = [capturing(implemented), capturing(jitable), capturing(1)]
    first = [fingerprint(kernel, ()) for kernel in kernels]

    @overload(implemented)
    def implementation(x):
        return lambda x: x + 1

    second = [fingerprint(kernel, ()) for kernel in kernels]
    assert [a == b for a, b in zip(first, second, strict=True)] == [False, True, True]

    @overload_method(type(float32[:]), "an_own_method_of_this_test")
    def method(a):
        return lambda a: 1

    last = [fingerprint(kernel, ()) for kernel in kernels]
    assert not set(last) & set(second)  # any kernel may call it
