"""A training step recorded once and played again: a few calls of the driver instead of a hundred launches.

A recording is a list of parts. Most are CUDA graphs; between them stands what the host has to do anew each time, which
`every_time` puts there: an optimiser computes its rate, a dropout layer draws a seed.
"""

import contextlib
import importlib
import sys
from collections.abc import Callable, Iterator
from typing import Any, Protocol

import numpy as np

from .device import Array, device, is_cupy, on_device_of

Work = Callable[[], Any]


class Recorder(Protocol):
    """What takes launches down instead of making them: CuPy's capture, or the emulator's list."""

    def active(self) -> contextlib.AbstractContextManager[Any]:
        """While a step is recorded: memory of its own, a stream of its own."""

    def begin(self) -> None:
        """From here on launches are taken down."""

    def end(self) -> Work:
        """What was taken down since `begin`, to be called."""


class _Recording:
    """The recording that is being made."""

    def __init__(self, recorder: Recorder) -> None:
        self.recorder = recorder
        self.parts: list[Work] = []

    def make(self, step: Callable[..., Any], arrays: list[Array]) -> Any:
        """Call the step and take down what it launches; returns its result, of which nothing is computed yet."""
        global _current  # noqa: PLW0603
        with self.recorder.active():
            self.recorder.begin()
            _current = self
            try:
                result = step(*arrays)
            except BaseException:
                with contextlib.suppress(Exception):  # a capture that the driver broke off says so once more
                    self.recorder.end()
                raise
            finally:
                _current = None
            self.parts.append(self.recorder.end())
        return result

    def interrupt(self, work: Work) -> None:
        """Put the host's work between two graphs."""
        self.parts.extend((self.recorder.end(), work))
        self.recorder.begin()


_current: _Recording | None = None


def recording() -> bool:
    """Whether a step is being recorded: nothing is computed then, and no value can be read."""
    return _current is not None


def every_time(work: Work) -> None:
    """Do some work of the host's now; where a step is recorded, each time that it is played instead."""
    if _current is None:
        work()
    else:
        _current.interrupt(work)


def refuse_recording(op: str, why: str) -> None:
    """Raise where a step is being recorded that no graph can hold."""
    if _current is not None:
        raise RuntimeError(f"{op}: {why}, which a step recorded by cuda_graph cannot do")


class cuda_graph:  # noqa: N801  used like a function
    """A step of training that is recorded and then played: the host's time for each launch is saved.

    The first call runs the step as it is, which compiles kernels and makes the optimiser's state. The second records
    it, and from then on a call copies its arrays to where they were recorded and plays: it computes what the step would
    compute. What Python does in the step besides is done twice, at the first and at the second call.

    Parameters
    ----------
    step : callable
        Takes arrays, by position. Has to launch the same kernels on the same memory whatever they hold: forward pass,
        loss, backward pass, update. It may replace gradients, but no parameter's array, and may read no value back.
        An optimiser's `step` and dropout layers run anew each time: rates of schedules, Adam's corrections and masks
        are those of each step.

    Raises
    ------
    TypeError
        If step cannot be called; in a call, if an argument is no array.
    ValueError
        In a call, if an array has not the shape, dtype and device that it had in the first one.
    RuntimeError
        In the second call, if the step reads a value back to the host. The step is not recorded then.

    Notes
    -----
    What a call returns is overwritten by the next one. Labels cannot be checked while a step is played: one out of
    range makes the loss and its gradient NaN. On NumPy arrays the step is called as it is, so that a script runs on the
    CPU too; on the emulator launches are kept in a list.

    Examples
    --------
    >>> import numpy as np
    >>> step = cuda_graph(lambda x: x + 1)
    >>> step(np.zeros(2))
    array([1., 1.])
    """

    def __init__(self, step: Callable[..., Any]) -> None:
        if not callable(step):
            raise TypeError(f"cuda_graph: step is {step!r}, expected a function of arrays")
        self._step = step
        self._kinds: list[Any] | None = None
        self._arrays: list[Array] = []
        self._recording: _Recording | None = None
        self._result: Any = None

    def __call__(self, *arrays: Array) -> Any:
        """One step; the result of the recorded one lies in the same memory each time."""
        kinds = [_kind(i, a) for i, a in enumerate(arrays)]
        if not _on_device(arrays):
            return self._step(*arrays)
        if self._kinds is None:
            result = self._step(*arrays)
            self._kinds = kinds
            return result
        _require_same(kinds, self._kinds)
        with on_device_of(arrays[0]) if arrays else contextlib.nullcontext():
            if self._recording is None:
                self._record(arrays)
            assert self._recording is not None
            for kept, a in zip(self._arrays, arrays, strict=True):
                kept[...] = a
            for part in self._recording.parts:
                part()
        return self._result

    def _record(self, arrays: tuple[Array, ...]) -> None:
        """Take the step down, with arrays of the same kinds as its own."""
        made = _Recording(_recorder(arrays))
        copies = [a.copy() for a in arrays]
        self._result = made.make(self._step, copies)
        self._arrays, self._recording = copies, made


def _kind(i: int, a: Any) -> tuple[tuple[int, ...], Any, int | None]:
    """Shape, dtype and GPU of an argument."""
    if not (isinstance(a, np.ndarray) or is_cupy(a)):
        raise TypeError(f"cuda_graph: argument {i} is {type(a).__name__}, expected a NumPy or CuPy array")
    return tuple(a.shape), a.dtype, a.device.id if is_cupy(a) else None


def _require_same(kinds: list[Any], recorded: list[Any]) -> None:
    if len(kinds) != len(recorded):
        raise ValueError(f"cuda_graph: {len(kinds)} arrays, expected {len(recorded)} as in the first call")
    for i, (kind, first) in enumerate(zip(kinds, recorded, strict=True)):
        if kind != first:
            given, expected = map(_described, (kind, first))
            raise ValueError(f"cuda_graph: argument {i} has {given}, expected {expected} as in the first call")


def _described(kind: Any) -> str:
    shape, dtype, gpu = kind
    return f"shape {shape}, {dtype}" + ("" if gpu is None else f", GPU {gpu}")


def _on_device(arrays: tuple[Array, ...]) -> bool:
    """Whether the step's kernels are launched on a GPU, or on the emulator."""
    return any(map(is_cupy, arrays)) or device() == "emulator" or (not arrays and device() == "cuda")


def _recorder(arrays: tuple[Array, ...]) -> Recorder:
    if not any(map(is_cupy, arrays)) and device() == "emulator":
        made: Recorder = importlib.import_module("gpuconv.emulator.recorder").EmulatedRecorder()
        return made
    return _Capture(sys.modules["cupy"])  # whoever has its arrays, or found its device, imported it


class _Capture:
    """CuPy's capture of a stream. What the step allocates comes from a pool that nobody else takes memory from."""

    def __init__(self, cupy: Any) -> None:
        self.cuda = cupy.cuda
        self.stream, self.pool = cupy.cuda.Stream(non_blocking=True), cupy.cuda.MemoryPool()

    @contextlib.contextmanager
    def active(self) -> Iterator[None]:
        """The capturing stream and the pool are the current ones."""
        with self.cuda.using_allocator(self.pool.malloc), self.stream:
            yield

    def begin(self) -> None:
        """Take down what reaches the stream."""
        self.stream.begin_capture()

    def end(self) -> Work:
        """A graph, launched on what is the current stream then."""
        try:
            graph = self.stream.end_capture()
        except Exception as error:  # CuPy's own type
            raise RuntimeError(
                f"cuda_graph: the step cannot be recorded ({error}); it may not read values back to the host (float(), "
                ".get(), print), wait for the device, or use another stream"
            ) from error
        launch: Work = graph.launch
        return launch
