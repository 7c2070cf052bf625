"""User errors: one line and exit code 2, never a traceback."""

import functools
from collections.abc import Callable
from typing import ParamSpec, TypeVar

import typer

from ..core.device import DeviceError
from ..training.data import DataError
from .output import complain

P = ParamSpec("P")
R = TypeVar("R")


class UsageError(Exception):
    """Options that do not fit together, or a run that cannot start; the message is for the user."""


def one_line_errors(command: Callable[P, R]) -> Callable[P, R]:
    """Print errors that the user can fix in one line; all others are bugs and keep their traceback."""

    @functools.wraps(command)
    def wrapped(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return command(*args, **kwargs)
        except (DataError, DeviceError, UsageError, OSError) as error:
            message = " ".join(str(error).split())
            complain(f"gpuconv {command.__name__}: error: {message}")
            raise typer.Exit(2) from error

    return wrapped
