"""Folders in use, files that are whole at any time, and what killed trainings leave behind.

A folder in use is locked by its process, and holds a marker that says so. A marker without a lock is of a process that
was killed: its drafts are removed, and so is the folder if nothing else is in it.
"""

import contextlib
import os
from pathlib import Path

MARKER = ".gpuconv-running"
DRAFT = ".gpuconv-draft"
USUAL_NAME_BYTES = 255
"""Longest name of a file where the system does not say."""


class Claim:
    """The lock on a folder and its marker, until released."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._lock: int | None = None
        try:
            self._lock = _locked(folder)  # first: a marker without a lock is of a killed process
            (folder / MARKER).touch()
        except OSError:
            self.release()
            raise

    def release(self) -> None:
        """Remove the marker, the folder if it is empty, and the lock; twice is as good as once."""
        clear(self.folder)
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None


def clear(folder: Path) -> None:
    """Remove drafts and the marker, and the folder if nothing else is in it; a folder that is gone is as good."""
    with contextlib.suppress(OSError):
        for path in [*folder.glob(f"{DRAFT}*"), folder / MARKER]:
            path.unlink(missing_ok=True)
        if not any(folder.iterdir()):
            folder.rmdir()


def sweep(parent: Path) -> None:
    """Clear the folders in `parent` whose process was killed."""
    with contextlib.suppress(OSError):
        for folder in parent.iterdir():
            with contextlib.suppress(OSError):
                if (folder / MARKER).is_file() and not folder.is_symlink():
                    lock = _locked(folder)
                    if lock is not None:
                        clear(folder)
                        os.close(lock)


def replace(path: Path, content: bytes, *, durable: bool = False) -> None:
    """Write a file: whoever reads it finds the former content or the new one, never a part.

    Parameters
    ----------
    path : Path
    content : bytes
    durable : bool
        Wait for the disk: the new content outlives a power failure.

    Raises
    ------
    OSError
        If it cannot be written; the former content is kept.
    """
    draft = path.with_name(f"{DRAFT}-{path.name}")
    try:
        with draft.open("wb") as file:
            file.write(content)
            file.flush()
            if durable:
                os.fsync(file.fileno())
        draft.replace(path)
    except BaseException:
        with contextlib.suppress(OSError):
            draft.unlink(missing_ok=True)
        raise


def longest_name(folder: Path) -> int:
    """Bytes that the name of a file in a folder may have."""
    try:
        return os.pathconf(folder, "PC_NAME_MAX")
    except (AttributeError, OSError, ValueError):
        return USUAL_NAME_BYTES


def _locked(folder: Path) -> int | None:
    """A descriptor that holds the folder's lock; None where another process has it, or without locks."""
    try:
        import fcntl
    except ModuleNotFoundError:
        return None
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(descriptor)
        return None
    return descriptor
