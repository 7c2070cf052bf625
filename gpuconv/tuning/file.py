"""The file of measurements: for each version, device and number of threads, what was chosen for which problem."""

import importlib.metadata
import json
import logging
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from ..conv.shape import ConvShape, VolumeShape
from ..conv.tuned import Problem
from ..core.device import Array, is_cupy
from ..core.shapes import Axis
from ..kernels.core.cache_files import replace, temporary_folder, user_folder
from .timing import Choice

NAME = "tuned.json"

_log = logging.getLogger("gpuconv")


def path() -> Path | None:
    """Where it is: in the user's cache folder, else in a temporary one."""
    folder = user_folder() or temporary_folder()
    return None if folder is None else folder / NAME


def read(like: Array) -> list[Choice]:
    """What was measured on the device of an array; nothing where there is no such file or it is damaged."""
    return [choice for entry in _read().get(_machine(like), ()) if (choice := _choice(entry)) is not None]


def add(choices: Iterable[Choice], like: Array) -> None:
    """Keep measurements, in place of former ones of the same problems; the file is replaced as a whole."""
    machine, content, file = _machine(like), _read(), path()
    entries = {choice.problem: choice for choice in (*read(like), *choices)}
    content[machine] = [_entry(choice) for choice in entries.values()]
    try:
        if file is None:
            raise OSError("no folder to write to")
        replace(file.parent, file.name, json.dumps(content).encode())
    except OSError as error:
        _log.warning("tune: the measurements hold for this process alone, since %s cannot be written: %s", file, error)


def _read() -> dict[str, Any]:
    """All that the file has."""
    file = path()
    try:
        content = json.loads(file.read_text()) if file is not None else {}
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}


def _machine(like: Any) -> str:
    """Whose measurements they are."""
    version = importlib.metadata.version("gpuconv")
    if is_cupy(like):
        import cupy

        properties = cupy.cuda.runtime.getDeviceProperties(like.device.id)
        return f"{version}, {properties['name'].decode()}"
    from llvmlite.binding import get_host_cpu_name

    from ..kernels.cpu.parallel import threads_for

    return f"{version}, {get_host_cpu_name()}, {threads_for(1 << 20)} threads"


def _entry(choice: Choice) -> list[Any]:
    """A choice as JSON."""
    target, operation, shape, dtype = choice.problem
    return [target, operation, dtype, list(shape), choice.algorithm, choice.seconds, choice.automatic_seconds]


def _choice(entry: Any) -> Choice | None:
    """A choice from JSON; None for what `_entry` has not written."""
    try:
        target, operation, dtype, shape, algorithm, seconds, automatic_seconds = entry
        problem = Problem(target, operation, _shape(shape), dtype)
        hash(problem)
        return Choice(problem, str(algorithm), float(seconds), float(automatic_seconds))
    except (TypeError, ValueError):
        return None


def _shape(values: list[Any]) -> ConvShape | VolumeShape:
    """The shape that was written as a list."""
    if all(isinstance(value, int) for value in values):
        return ConvShape(*values)
    x_shape, w_shape, y_shape, depth, image = values
    return VolumeShape(tuple(x_shape), tuple(w_shape), tuple(y_shape), Axis(*depth), ConvShape(*image))
