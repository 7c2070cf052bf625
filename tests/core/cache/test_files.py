"""Files of compiled code: folders that can be read alone, damaged files, full disks, several processes at once."""

import errno
import hashlib
import os
import shutil
import stat
import time

import pytest

from gpuconv.kernels.core import cache_files
from tests.core.cache.installed_copy import PROGRAM, InstalledCopy, finish

STAMP, OTHER = hashlib.sha256(b"sources").digest(), hashlib.sha256(b"other sources").digest()
LEAKY = "gpuconv.leaky_relu(x, 0.25)"


@pytest.fixture
def places(tmp_path, monkeypatch):
    """Sources, home and temporary folder of a user; `lock` makes folders that can only be read."""
    sources, home, temporary = (tmp_path / name for name in ("sources", "home", "temporary"))
    for folder in (sources, home, temporary):
        folder.mkdir()
    monkeypatch.setenv("XDG_CACHE_HOME", str(home))
    monkeypatch.setattr(cache_files.tempfile, "gettempdir", lambda: str(temporary))
    monkeypatch.setattr(cache_files, "_refused", {})
    monkeypatch.setattr(cache_files, "_said", set())
    locked, plain = [], os.access

    def access(path, mode):
        return plain(path, mode) and not any(path.is_relative_to(folder) for folder in locked)

    monkeypatch.setattr(cache_files.os, "access", access)
    return sources, home, temporary, locked.append


def write(sources, name="k-1.nbc", data=b"code", *, stamp=STAMP, chosen=None):
    cache_files.write(sources, chosen, name, data, stamp=stamp, family="k-", family_stamp=stamp)


def read(sources, name="k-1.nbc", *, stamp=STAMP, chosen=None):
    return cache_files.read(cache_files.folders(sources, chosen), name, stamp)


def files(folder):
    return [path for path in folder.rglob("*") if path.is_file()]


def test_entries_lie_beside_the_sources(places):
    sources, home, temporary, _ = places
    write(sources)
    assert read(sources) == b"code"
    assert files(sources) == [sources / "__pycache__" / "k-1.nbc"]
    assert files(home) == files(temporary) == []


def test_a_folder_that_was_named_is_the_only_one(places, tmp_path):
    sources, _, _, _ = places
    write(sources)
    assert read(sources, chosen=str(tmp_path / "named")) is None
    write(sources, data=b"new", chosen=str(tmp_path / "named"))
    assert read(sources, chosen=str(tmp_path / "named")) == b"new"
    assert read(sources) == b"code"


def test_a_warm_cache_that_cannot_be_written_is_read(places, caplog):
    sources, home, temporary, lock = places
    write(sources)
    lock(sources)
    assert read(sources) == b"code"
    write(sources, "k-2.nbc", b"more")
    assert [read(sources, name) for name in ("k-1.nbc", "k-2.nbc")] == [b"code", b"more"]
    assert len(files(sources)) == len(files(home)) == 1
    assert files(temporary) == []
    assert caplog.messages == []


def test_the_temporary_folder_comes_last_and_is_said_once(places, caplog):
    sources, home, temporary, lock = places
    lock(sources)
    lock(home)
    for name in ("k-1.nbc", "k-2.nbc"):
        write(sources, name)
        assert read(sources, name) == b"code"
    assert len(files(temporary)) == 2
    (said,) = caplog.messages
    assert f"in {temporary}" in said
    assert str(sources) in said
    assert "NUMBA_CACHE_DIR" in said


@pytest.mark.parametrize("name", ["XDG_CACHE_HOME", "HOME"])
def test_a_home_that_is_no_full_path_is_none(monkeypatch, name):
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    assert cache_files.user_folder() is not None
    monkeypatch.setenv(name, "somewhere")
    assert cache_files.user_folder() is None


@pytest.mark.parametrize("missing", ["too long", "forbidden"])
def test_a_home_that_cannot_be_looked_into_is_passed_over(missing, places, monkeypatch):
    """As with the HOME of root that `sudo -u` keeps."""
    sources, home, temporary, lock = places
    lock(sources)
    if missing == "too long":
        monkeypatch.setenv("XDG_CACHE_HOME", f"/{'x' * 300}")
    else:
        plain = os.stat

        def stat_or_refuse(path, *arguments, **options):
            if isinstance(path, (str, os.PathLike)) and str(path).startswith(f"{home}{os.sep}"):
                raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
            return plain(path, *arguments, **options)

        monkeypatch.setattr(os, "stat", stat_or_refuse)
        lock(home)
    write(sources)
    assert read(sources) == b"code"
    assert len(files(temporary)) == 1


def test_a_folder_may_vanish_at_any_time(places, monkeypatch):
    sources, _, _, _ = places
    replace = cache_files.replace

    def replace_and_remove(folder, name, content):
        replace(folder, name, content)
        shutil.rmtree(folder)

    monkeypatch.setattr(cache_files, "replace", replace_and_remove)
    write(sources)
    assert read(sources) is None


def test_an_entry_may_vanish_while_it_is_counted(places):
    sources, _, _, _ = places
    write(sources)
    (sources / "__pycache__" / "gone.nbc").symlink_to(sources / "nothing")
    assert ": 1 entries" in cache_files.summary(sources)


@pytest.mark.skipif(not hasattr(os, "getuid"), reason="temporary folders are a user's own there")
def test_a_temporary_folder_of_somebody_else_is_not_trusted(places, caplog):
    sources, home, temporary, lock = places
    lock(sources)
    lock(home)
    made = temporary / f"gpuconv-{os.getuid()}"
    made.mkdir()
    made.chmod(0o777)
    write(sources)
    assert read(sources) is None
    assert files(temporary) == []
    assert "not kept" in caplog.text


def test_a_full_disk_is_not_fatal(places, monkeypatch, caplog):
    sources, home, temporary, _ = places
    replace, full = cache_files.replace, [sources]

    def replace_or_fail(folder, name, content):
        if any(folder.is_relative_to(disk) for disk in full):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        replace(folder, name, content)

    monkeypatch.setattr(cache_files, "replace", replace_or_fail)
    write(sources)
    assert read(sources) == b"code"
    assert len(files(home)) == 1
    assert caplog.messages == []
    full += [home, temporary]
    write(sources, "k-2.nbc")
    write(sources, "k-3.nbc")
    assert read(sources, "k-2.nbc") is None
    (said,) = caplog.messages
    assert "No space left" in said


def test_a_write_that_fails_halfway_leaves_nothing(places, monkeypatch):
    sources, _, _, _ = places
    write(sources)

    def fail(source, target):
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr(cache_files.os, "replace", fail)
    monkeypatch.setattr(cache_files, "_candidates", lambda source_folder, chosen, name: [source_folder / "__pycache__"])
    write(sources, data=b"new")
    assert len(files(sources)) == 1


@pytest.mark.parametrize("kept", [0, 1, 50, 103, 104, 107])
def test_a_cut_file_counts_as_missing(places, kept):
    sources, _, _, _ = places
    write(sources)
    (path,) = files(sources)
    path.write_bytes(path.read_bytes()[:kept])
    assert read(sources) is None
    write(sources)
    assert read(sources) == b"code"


def test_every_damaged_byte_is_noticed(places):
    sources, _, _, _ = places
    write(sources)
    (path,) = files(sources)
    whole = path.read_bytes()
    for position in range(len(whole)):
        damaged = bytearray(whole)
        damaged[position] ^= 4
        path.write_bytes(damaged)
        assert read(sources) is None


def test_entries_of_other_sources_are_not_read_and_removed(places):
    sources, _, _, _ = places
    write(sources)
    write(sources, "other-1.nbc")
    assert read(sources, stamp=OTHER) is None
    write(sources, "k-2.nbc", b"new", stamp=OTHER)
    assert {path.name for path in files(sources)} == {"k-2.nbc", "other-1.nbc"}


def test_drafts_of_ended_processes_are_removed(places):
    sources, _, _, _ = places
    write(sources)
    old, young = (sources / "__pycache__" / f"{name}{cache_files.DRAFT}" for name in ("old", "young"))
    for path, age in ((old, 2 * cache_files.DRAFT_SECONDS), (young, 0)):
        path.touch()
        os.utime(path, (time.time() - age,) * 2)
    write(sources)
    assert (old.exists(), young.exists()) == (False, True)


@pytest.mark.skipif(os.name == "nt", reason="permissions are another matter there")
def test_others_may_read_what_one_has_written(places):
    sources, _, _, _ = places
    umask = os.umask(0o022)
    try:
        write(sources)
    finally:
        os.umask(umask)
    assert stat.S_IMODE(files(sources)[0].stat().st_mode) == 0o644


def test_damaged_entries_are_compiled_again(tmp_path):
    copy = InstalledCopy(tmp_path)
    right = copy.run(LEAKY)["values"]
    for damage in (lambda data: b"", lambda data: data[: len(data) // 2], lambda data: data[::-1]):
        for path in copy.entries():
            path.write_bytes(damage(path.read_bytes()))
        again = copy.run(LEAKY)
        assert again["values"] == right
        assert len(again["misses"]) == 1
        assert again["said"] == ""
    assert copy.run(LEAKY)["misses"] == []


UNREADABLE = """
import pickle
from gpuconv.kernels.activation.cpu import FORWARD
from gpuconv.kernels.core import cache_files

class Renamed:
    pass

write = cache_files.write
def write_unreadable(*arguments, **options):
    *others, data = arguments
    write(*others, pickle.dumps(Renamed()), **options)
cache_files.write = write_unreadable
"""
"""Saves, in place of code, an object of a class that later processes do not have, as after a rename of a Numba type."""


def test_entries_that_cannot_be_unpickled_are_compiled_again(tmp_path):
    copy = InstalledCopy(tmp_path)
    right = copy.run(LEAKY, program=UNREADABLE + PROGRAM)["values"]
    again = copy.run(LEAKY)
    assert again["values"] == right
    assert len(again["misses"]) == 1
    assert copy.run(LEAKY)["misses"] == []


def test_processes_that_write_at_once_do_not_disturb_each_other(tmp_path):
    copy = InstalledCopy(tmp_path)
    calls = LEAKY, "gpuconv.add(x, x)"
    found = [finish(process) for process in [copy.start(*calls) for _ in range(3)]]
    assert [one["values"] for one in found] == [[[-0.25, 2], [-2, 4]]] * 3
    assert copy.run(*calls)["misses"] == []
    assert list(copy.folder.rglob(f"*{cache_files.DRAFT}")) == []
