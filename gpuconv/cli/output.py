"""What the commands print, so that no lost reader, full disk or odd name ends them."""

import contextlib
import io
import os
import sys
from pathlib import Path
from typing import Any, TextIO

from rich.console import Console


class SteadyStream(io.TextIOBase):
    """A text stream whose failures are noted, not raised: what is computed is worth more than what is printed of it.

    Parameters
    ----------
    stream : text stream or None
        None if the process was started without one.
    """

    def __init__(self, stream: TextIO | None) -> None:
        self._stream = stream
        self.lost = False
        """Whether something could not be written: the reader is gone, or the disk full."""

    @property
    def encoding(self) -> str:  # type: ignore[override]
        """Encoding of the stream."""
        return getattr(self._stream, "encoding", None) or "utf-8"

    def isatty(self) -> bool:
        """Return whether the stream is a terminal."""
        with contextlib.suppress(OSError, ValueError):
            return self._stream is not None and self._stream.isatty()
        return False

    def fileno(self) -> int:
        """Return the stream's descriptor."""
        if self._stream is None:
            raise io.UnsupportedOperation("fileno")
        return self._stream.fileno()

    def write(self, text: str) -> int:
        """Write what can be written; letters that the encoding lacks are escaped."""
        encodable = text.encode(self.encoding, "backslashreplace").decode(self.encoding, "replace")
        self._attempt("write", encodable)
        return len(text)

    def flush(self) -> None:
        """Flush what can be written."""
        self._attempt("flush")

    def _attempt(self, method: str, *text: str) -> None:
        if self._stream is None or self.lost:
            return
        try:
            getattr(self._stream, method)(*text)
        except (OSError, ValueError):  # ValueError: closed
            self.lost = True
            _discard(self._stream)


def _discard(stream: TextIO) -> None:
    """Send what a stream has left, and what Python flushes when it ends, to nowhere."""
    with contextlib.suppress(OSError, ValueError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, stream.fileno())
        os.close(nowhere)


def console(**options: Any) -> Console:
    """A console for standard output that takes texts as they are: names of files may look like markup."""
    return Console(file=SteadyStream(sys.stdout), markup=False, emoji=False, highlight=False, **options)  # type: ignore[arg-type]


def complain(text: str) -> None:
    """Print a line to standard error."""
    stream = SteadyStream(sys.stderr)
    stream.write(text + "\n")
    stream.flush()


def shown(path: Path) -> str:
    """A path in one line, as it can be printed."""
    return "".join(letter if letter.isprintable() else repr(letter)[1:-1] for letter in str(path))
