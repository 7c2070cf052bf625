"""The emulator's disk cache: damaged entries are made again, old ones removed, an edit of its runtime is followed."""

import os
import time

import pytest

from gpuconv.emulator import cache
from tests.core.cache.installed_copy import InstalledCopy

DIVISION = """
import json
import numpy as np
from gpuconv.emulator.runtime.lanes import lane_function

divide = lane_function("div_u32", (32, 32, 32))
a, b, quotient = (np.full(32, value, np.uint32) for value in (7, 2, 0))
divide.ctypes(a.ctypes.data, b.ctypes.data, quotient.ctypes.data)
print(json.dumps({"quotient": int(quotient[0]), "hits": divide.cache_hits}))
"""
"""7 / 2 by the runtime's function for a warp."""


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("GPUCONV_EMULATOR_CACHE", str(tmp_path))
    cache._remove_unused.cache_clear()
    yield tmp_path
    cache._remove_unused.cache_clear()


def test_an_entry_is_read_back(folder):
    assert cache.read("a") is None
    cache.write("a", b"text")
    assert cache.read("a") == b"text"
    assert len([path for path in folder.rglob("*") if path.is_file()]) == 1


@pytest.mark.parametrize("damage", [lambda data: b"", lambda data: data[:-1], lambda data: data[:-1] + b"\0"])
def test_a_damaged_entry_counts_as_missing(folder, damage):
    cache.write("a", b"some text")
    (path,) = (path for path in folder.rglob("*") if path.is_file())
    path.write_bytes(damage(path.read_bytes()))
    assert cache.read("a") is None
    cache.write("a", b"some text")
    assert cache.read("a") == b"some text"


def test_entries_that_were_not_read_for_long_are_removed(folder):
    long_ago = time.time() - 2 * cache.KEPT_DAYS * cache.DAY
    for name in ("old", "in use"):
        cache.write(name, b"text")
    for path in cache.folders()[-1].iterdir():
        os.utime(path, (long_ago, long_ago))
    assert cache.read("in use") == b"text"
    cache._remove_unused.cache_clear()  # as in another process
    cache.write("new", b"text")
    assert [cache.read(name) for name in ("old", "in use", "new")] == [None, b"text", b"text"]


def test_an_empty_value_switches_the_cache_off(monkeypatch):
    monkeypatch.setenv("GPUCONV_EMULATOR_CACHE", "")
    cache.write("a", b"text")
    assert cache.read("a") is None


def test_the_runtime_follows_an_edit(tmp_path):
    """Compiled parts of the runtime inline functions of other files, as kernels do."""
    copy = InstalledCopy(tmp_path)
    assert [copy.run(program=DIVISION) for _ in range(2)] == [
        {"quotient": 3, "hits": hits, "said": ""} for hits in (0, 1)
    ]
    entries = copy.entries()
    copy.edit("emulator/runtime/integers.py", "return uint64(a // b) if", "return uint64(a // b) + uint64(1) if")
    assert copy.run(program=DIVISION) == {"quotient": 4, "hits": 0, "said": ""}
    assert copy.entries() == entries
