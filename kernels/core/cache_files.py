"""Where compiled code is kept on disk, and files that nobody reads half written, damaged or out of date.

An entry is one file: a head, then the data. The head has a hash of all the rest, so that a file which was cut, emptied
or overwritten counts as missing, and two stamps: an entry whose stamp is not the reader's is not read, and one whose
family's stamp is not that of a newer entry of the same family is removed when that is written.
"""

import contextlib
import hashlib
import logging
import os
import stat
import tempfile
import time
import uuid
from pathlib import Path

MAGIC = b"gpuconv1"
STAMP_BYTES = hashlib.sha256().digest_size
HEAD_BYTES = len(MAGIC) + 3 * STAMP_BYTES
"""Magic, hash of what follows it, the family's stamp, the entry's stamp."""
SUFFIX = ".nbc"
"""Of an entry's name."""
DRAFT = ".draft"
"""Suffix of a file that is being written."""
DRAFT_SECONDS = 3600
"""Age at which a draft was left behind by a process that was ended."""

_log = logging.getLogger("gpuconv")
_refused: dict[Path, OSError] = {}
"""Folders in which this process could not write, and why."""
_said: set[str] = set()


def folders(source_folder, chosen=None):
    """Folders to look for entries in; the last is the one to write to, if any can be written.

    Parameters
    ----------
    source_folder : Path
        Folder of the sources: entries go to its __pycache__, else to the user's cache folder, at last to a temporary
        one. Entries in a folder that can be read alone are used.
    chosen : str, optional
        Folder that the user has named, which replaces the first.
    """
    name = f"{source_folder.name}_{hashlib.sha256(str(source_folder).encode()).hexdigest()[:16]}"
    found = []
    for candidate in _candidates(source_folder, chosen, name):
        found.append(candidate)
        if is_writable(candidate):
            break
    return found


def summary(root, chosen=None):
    """Where compiled code of the sources below a folder is: a line for each folder, the one to write to last."""
    lines = []
    for number, folder in enumerate(folders(root, chosen)):
        in_pycache = number == 0 and not chosen
        location = root if in_pycache else folder.parent
        sizes = list(_sizes(location))
        where = f"__pycache__ beside the sources in {location}" if in_pycache else str(location)
        access = "" if is_writable(folder) else ", cannot be written"
        lines.append(f"{where}: {len(sizes)} entries, {sum(sizes) / 2**20:.1f} MiB{access}")
    return "\n".join(lines)


def _sizes(folder):
    """Bytes of each entry below a folder; other processes may remove them meanwhile."""
    for parent, _, names in os.walk(folder):
        for name in names:
            if name.endswith(SUFFIX):
                with contextlib.suppress(OSError):
                    yield os.stat(os.path.join(parent, name)).st_size


def _candidates(source_folder, chosen, name):
    yield Path(chosen) / name if chosen else source_folder / "__pycache__"
    user = user_folder()
    if user is not None:
        yield user / name
    temporary = temporary_folder()
    if temporary is not None:
        yield temporary / name


def user_folder():
    """The user's cache folder of this library, None for a user without a home."""
    try:
        folder = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    except RuntimeError:
        return None
    return folder / "gpuconv" if folder.is_absolute() else None


def temporary_folder():
    """A temporary folder that is this user's alone, as loading code from it runs it; None without one."""
    try:
        user = os.getuid() if hasattr(os, "getuid") else "user"
        folder = Path(tempfile.gettempdir()) / f"gpuconv-{user}"
        folder.mkdir(mode=0o700, exist_ok=True)
        found = folder.lstat()
    except OSError:
        return None
    is_private = user == "user" or (found.st_uid == user and not found.st_mode & (stat.S_IWGRP | stat.S_IWOTH))
    return folder if stat.S_ISDIR(found.st_mode) and is_private else None


def is_writable(folder):
    """Whether a folder, or the one to make it in, takes files, as far as permissions say and writing has shown."""
    if folder in _refused:
        return False
    while not os.path.exists(folder) and folder != folder.parent:  # unlike Path.exists, False where it cannot be told
        folder = folder.parent
    return os.path.isdir(folder) and os.access(folder, os.W_OK | os.X_OK)


def read(folder_list, name, stamp):
    """Data of the first entry of that name that is whole and has that stamp, else None."""
    for folder in folder_list:
        try:
            content = (folder / name).read_bytes()
        except OSError:
            continue
        if content[HEAD_BYTES - STAMP_BYTES : HEAD_BYTES] == stamp and _is_whole(content):
            return content[HEAD_BYTES:]
    return None


def _is_whole(content):
    start = len(MAGIC) + STAMP_BYTES
    return content[:start] == MAGIC + hashlib.sha256(content[start:]).digest()


def write(source_folder, chosen, name, data, *, stamp, family="", family_stamp=b""):
    """Write an entry in the first folder that takes it; without one, say so once and go on.

    Parameters
    ----------
    source_folder, chosen
        As for `folders`.
    name : str
    data : bytes
    stamp : bytes
        Hash that `read` is to be asked for.
    family : str
        What the names of entries of one kernel begin with; "" for none.
    family_stamp : bytes
        Hash; entries of the family that have another one are removed.
    """
    rest = family_stamp.ljust(STAMP_BYTES, b"\0") + stamp + data
    content = MAGIC + hashlib.sha256(rest).digest() + rest
    while is_writable(folder := folders(source_folder, chosen)[-1]):
        try:
            replace(folder, name, content)
        except OSError as error:
            _refused[folder] = error
            continue
        if folder.parent == temporary_folder():
            _say_once(f"compiled kernels are kept in {folder.parent} for now, as {_reason(source_folder, chosen)}")
        if family:
            _remove_stale(folder, family, family_stamp)
        return
    _say_once(f"compiled kernels are not kept on disk, as {_reason(source_folder, chosen)}")


def replace(folder, name, content):
    """Write a file that readers see as a whole or not at all."""
    folder.mkdir(parents=True, exist_ok=True)
    draft = folder / f"{uuid.uuid4().hex}{DRAFT}"
    try:
        with open(draft, "xb") as file:
            file.write(content)
        os.replace(draft, folder / name)
    except BaseException:
        draft.unlink(missing_ok=True)
        raise


def remove(folder, family):
    """Remove a family's entries."""
    _remove_stale(folder, family, None)


def _remove_stale(folder, family, family_stamp):
    """Remove entries of a family that were made from other sources, and drafts that nobody will finish."""
    with contextlib.suppress(OSError), os.scandir(folder) as items:
        for item in items:
            with contextlib.suppress(OSError):
                if _is_stale(item, family, family_stamp):
                    os.unlink(item.path)


def _is_stale(item, family, family_stamp):
    """Whether a file of the folder is an entry of the family with another stamp, or an old draft."""
    if not item.name.startswith(family):
        return item.name.endswith(DRAFT) and time.time() - item.stat().st_mtime > DRAFT_SECONDS
    start = len(MAGIC) + STAMP_BYTES
    with open(item.path, "rb") as file:
        return file.read(HEAD_BYTES)[start : start + STAMP_BYTES] != family_stamp


def _reason(source_folder, chosen):
    """Why the folders before the last one were not taken."""
    tried = folders(source_folder, chosen)[:-1] or folders(source_folder, chosen)
    why = {folder: f" ({_refused[folder].strerror})" if folder in _refused else "" for folder in tried}
    return "; ".join(f"{folder} cannot be written{why[folder]}" for folder in tried)


def _say_once(message):
    if message.partition(",")[0] not in _said:
        _said.add(message.partition(",")[0])
        _log.warning("gpuconv: %s (NUMBA_CACHE_DIR names another folder)", message)
