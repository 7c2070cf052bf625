"""Signals that end a command: they are raised where it computes, so that it can say what it keeps."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

SIGNALS = tuple(getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name))


class Stopped(BaseException):
    """A signal has come."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.name, self.exit_code = signal.Signals(number).name, 128 + number


def _stop(number: int, frame: Any) -> None:
    raise Stopped(number)


@contextmanager
def signals_raised() -> Iterator[None]:
    """Within the block, raise `Stopped` when a signal comes; one that is ignored, as nohup does, stays so."""
    if threading.current_thread() is not threading.main_thread():  # which alone may set handlers
        yield
        return
    previous = {number: signal.getsignal(number) for number in SIGNALS}
    try:
        for number, handler in previous.items():
            if handler is not signal.SIG_IGN:
                signal.signal(number, _stop)
        yield
    finally:
        for number, handler in previous.items():
            if handler is not None:  # set by something else than Python, and left as it was
                signal.signal(number, handler)
