"""A notice when compilation takes long: the first call of a kernel takes seconds and looks like a hang."""

import contextlib
import logging
import os
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

from numba.core import event

PATIENCE = 2.0
"""Seconds of compilation after which the user is told."""

MESSAGE = (
    "gpuconv is compiling its kernels for this machine; they are kept on disk, so this happens once "
    "(gpuconv.warmup() does it ahead)"
)
_log = logging.getLogger("gpuconv")


class Notice(event.Listener):  # type: ignore[misc]  # numba has no types
    """Numba event listener that tells the user, once, that kernels of this library are being compiled.

    Parameters
    ----------
    tell : function, optional
        Called with the message, from another thread; by default it is logged as a warning.
    patience : float
        Seconds of compilation before it.
    """

    def __init__(self, tell: Callable[[str], None] = _log.warning, patience: float = PATIENCE) -> None:
        self.tell, self.patience, self.silent = tell, patience, False
        self._spent, self._depth, self._since = 0.0, 0, 0.0
        self._timer: threading.Timer | None = None

    def on_start(self, event: Any) -> None:
        """Start the clock at the outermost compilation."""
        if not _is_ours(event):
            return
        if self._depth == 0 and not self.silent:
            self._since = time.perf_counter()
            self._timer = threading.Timer(max(0.0, self.patience - self._spent), self._say)
            self._timer.daemon = True
            self._timer.start()
        self._depth += 1

    def on_end(self, event: Any) -> None:
        """Stop the clock at its end."""
        if not _is_ours(event):
            return
        self._depth -= 1
        if self._depth == 0 and self._timer is not None:
            self._spent += time.perf_counter() - self._since
            self._timer.cancel()
            self._timer = None

    @contextlib.contextmanager
    def silenced(self) -> Iterator[None]:
        """Suppress the notice: a user who calls `warmup` expects compilation."""
        was_silent, self.silent = self.silent, True
        try:
            yield
        finally:
            self.silent = was_silent

    def forked(self) -> None:
        """Forget, in a child, compilations that other threads of the parent wait for."""
        self._depth, self._timer = 0, None

    def _say(self) -> None:
        if not self.silent:
            self.silent = True
            self.tell(MESSAGE)


def _is_ours(event: Any) -> bool:
    function = getattr(event.data.get("dispatcher"), "py_func", None)
    return str(getattr(function, "__module__", "")).startswith("gpuconv.")


compile_notice = Notice()
if hasattr(os, "register_at_fork"):  # not on Windows, which does not fork
    os.register_at_fork(after_in_child=compile_notice.forked)
event.register("numba:compile", compile_notice)
