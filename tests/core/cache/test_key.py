"""The key of compiled code: every source that a kernel reaches is in it, and it is the same in every process."""

import importlib
import importlib.util
import shutil
import types

import numba
import numpy as np
import pytest
from numba.core.caching import FunctionCache

from gpuconv.kernels.core import cache, cache_key
from tests.core.cache.installed_copy import InstalledCopy
from tests.core.imports import imports_of, modules

KNOWN = {name: file for name, file in modules().items() if name.startswith(cache.PACKAGE)}
HAS_CUDA = importlib.util.find_spec("numba_cuda") is not None
LOADED = [importlib.import_module(name) for name in KNOWN if HAS_CUDA or "cuda" not in name.split(".")]


def kernels():
    """Every compiled function among the globals of the kernels' modules, by its name."""
    found = {}
    for module in LOADED:
        for name, value in vars(module).items():
            for one in value.values() if isinstance(value, dict) else [value]:
                if hasattr(one, "py_func") and one.py_func.__module__.startswith(cache.PACKAGE):
                    found[f"{module.__name__}.{name}.{one.py_func.__name__}"] = one
    return found


def test_imports_are_read_as_the_compiler_reads_them():
    for name, file in KNOWN.items():
        assert cache_key.imported(name) == imports_of(name, file, KNOWN), name


def test_every_source_that_a_kernel_reaches_is_in_its_key():
    assert len(kernels()) > 200
    for name, kernel in kernels().items():
        key = cache_key.closure(cache_key.reached(kernel.py_func)[0])
        waiting, seen = [kernel], set()
        while waiting:
            function = waiting.pop()
            function = getattr(function, "py_func", getattr(function, "_defn", function))
            if not isinstance(function, types.FunctionType) or function in seen:
                continue
            seen.add(function)
            if function.__module__.startswith(cache.PACKAGE):
                assert function.__module__ in key, name
                codes = [function.__code__]
                codes += [code for code in function.__code__.co_consts if isinstance(code, types.CodeType)]
                names = {name for code in codes for name in code.co_names}
                waiting += [function.__globals__[name] for name in names & function.__globals__.keys()]
                waiting += [cell.cell_contents for cell in function.__closure__ or ()]


def test_all_kernels_have_this_cache_and_other_functions_numbas():
    cached = [kernel._cache for kernel in kernels().values() if type(kernel._cache).__name__ != "NullCache"]
    assert len(cached) > 100
    assert all(isinstance(one._cache_file, cache.Entries) for one in cached)
    assert type(numba.njit(cache=True)(_of_another_package)._cache) is FunctionCache


def _of_another_package(x):
    return x


STAMPS = """
import gc, hashlib, importlib, json, pkgutil
import gpuconv.kernels
from gpuconv.kernels.core.cache import Entries

for found in pkgutil.walk_packages(gpuconv.kernels.__path__, "gpuconv.kernels."):
    importlib.import_module(found.name)
from gpuconv.kernels.conv.cuda import few_channels, implicit_gemm, tensor_core_kernel

named = {}
for entries in [one for one in gc.get_objects() if isinstance(one, Entries)]:
    text = " ".join(stamp.hex() for stamp in entries.stamps)
    named.setdefault(entries.file_name("signature"), set()).add(text)
print(json.dumps({name: sorted(texts) for name, texts in named.items()}))
"""
"""Names and stamps of all kernels."""


@pytest.mark.skipif(not HAS_CUDA, reason="numba-cuda is not installed")
def test_the_key_is_the_same_in_every_process_and_another_for_every_kernel(tmp_path):
    copy = InstalledCopy(tmp_path)
    first, second = (copy.run(program=STAMPS, PYTHONHASHSEED=seed) for seed in "12")
    assert first == second
    assert first.pop("said") == ""
    assert len(first) > 200
    assert [name for name, stamps in first.items() if len(stamps) > 1] == []


def entries_of(function, **options):
    return cache.Entries(function, options, None, ())


def test_options_are_in_the_key():
    function = cache_key.reached
    names = {
        entries_of(function, **options).file_name("signature")
        for options in ({}, {"fastmath": True}, {"fastmath": {"nsz"}}, {"parallel": True}, {"error_model": "numpy"})
    }
    assert len(names) == 5


def test_settings_of_numba_are_in_the_key(monkeypatch):
    unedited = entries_of(cache_key.reached).file_name("signature")
    monkeypatch.setattr(numba.core.config, "BOUNDSCHECK", 1)
    assert entries_of(cache_key.reached).file_name("signature") != unedited


def _closed_over(value):
    def function(x):
        return value, x

    function.__module__ = cache.__name__
    return function


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (1, 2), (1, 1.0), (0.0, -0.0), (np.float32(1), np.float64(1)), ("a", "b"), ((1, 2), (1, 3)),
        ((3, 3, 1), (1, 3, 1)), ((1, (3, 3)), (3, (1, 3))), ((min, max, min), (min, max, max)),
        ({"a": 1}, {"a": 2}), ({1}, {2}), ({"a": min, "b": max}, {"a": max, "b": min}),
        (np.dtype("f4"), np.dtype("f8")), (np.zeros(2), np.ones(2)), (numba.float32, numba.float64), (min, max),
        (np.float32, np.float64), (_of_another_package, _closed_over),
    ],
)  # fmt: skip
def test_what_a_function_closes_over_is_in_the_key(one, other):
    hashes = [cache_key.reached(_closed_over(value))[1] for value in (one, other, one)]
    assert hashes[0] == hashes[2] != hashes[1]


def test_functions_that_a_factory_made_have_entries_of_their_own():
    """By what they captured, and the functions that they captured in turn: neither evicts the other."""
    names = [entries_of(_closed_over(_closed_over(value))).file_name("signature") for value in ((3, 1), (1, 3), (3, 1))]
    assert names[0] == names[2] != names[1]


def test_a_function_may_capture_itself():
    def function(x):
        return function(x)

    function.__module__ = cache.__name__
    assert entries_of(function).file_name("signature").endswith(cache.cache_files.SUFFIX)
    assert len(cache_key.reached(function)[1]) == 64


def test_constants_of_modules_are_in_the_key(monkeypatch):
    """A constant may depend on the machine, or be replaced by a test: the sources do not say it."""

    def function():
        return cache.MAX_NAME

    function.__module__, hashes = cache.__name__, []
    for value in (1, 2, 1):
        monkeypatch.setattr(cache, "MAX_NAME", value)
        hashes.append(cache_key.reached(function)[1])
    assert hashes[0] == hashes[2] != hashes[1]


def test_an_archive_can_hold_the_sources(tmp_path):
    copy = InstalledCopy(tmp_path / "copy")
    archive = shutil.make_archive(str(tmp_path / "library"), "zip", copy.folder, "gpuconv")
    call = "gpuconv.leaky_relu(x, 0.25)"
    found = [copy.run(call, PYTHONPATH=archive) for _ in range(2)]
    assert [one["values"] for one in found] == [[[-0.25, 2]]] * 2
    assert [len(one["misses"]) for one in found] == [1, 0]
    assert len(list(copy.home.rglob("*.nbc"))) == 1
