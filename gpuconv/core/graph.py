"""Record a training step and replay it: a few driver calls instead of a hundred kernel launches.

A recording is a sequence of CUDA graphs interleaved with host callbacks that run on every replay. `host_callback`
inserts a callback: an optimizer computes its learning rate, a dropout layer draws a seed.
"""

import contextlib
import importlib
import sys
from collections.abc import Callable, Iterator
from typing import Any, Protocol

import numpy as np

from .device import Array, device, is_cupy, on_device_of

Callback = Callable[[], Any]


class Recorder(Protocol):
    """Records launches instead of running them: CuPy's stream capture, or the emulator's list."""

    def active(self) -> contextlib.AbstractContextManager[Any]:
        """Context of a recording: a separate memory pool and stream."""

    def begin(self) -> None:
        """Start recording a segment."""

    def end(self) -> Callback:
        """Finish the segment and return the function that replays it."""


class _Recording:
    """A recording: its segments in order."""

    def __init__(self, recorder: Recorder) -> None:
        self.recorder = recorder
        self.sections: list[Callback] = []

    def record(self, step: Callable[..., Any], arrays: list[Array]) -> Any:
        """Call the step and record its launches; the result's memory is only written by a replay."""
        global _current  # noqa: PLW0603
        with self.recorder.active():
            self.recorder.begin()
            _current = self
            try:
                result = step(*arrays)
            except BaseException:
                with contextlib.suppress(Exception):  # a capture that the driver has aborted raises again
                    self.recorder.end()
                raise
            finally:
                _current = None
            self.sections.append(self.recorder.end())
        return result

    def insert(self, callback: Callback) -> None:
        """End the current graph, append a host callback and start the next graph."""
        self.sections.extend((self.recorder.end(), callback))
        self.recorder.begin()


_current: _Recording | None = None


def recording() -> bool:
    """Whether a step is being recorded: kernels do not run then, and no value can be read."""
    return _current is not None


def host_callback(callback: Callback) -> None:
    """Run a callback now or, while a step is being recorded, on every replay."""
    if _current is None:
        callback()
    else:
        _current.insert(callback)


def refuse_recording(op: str, why: str) -> None:
    """Raise RuntimeError if a step is being recorded: `op` does something that a graph cannot."""
    if _current is not None:
        raise RuntimeError(f"{op}: {why}, which a step recorded by cuda_graph cannot do")


class cuda_graph:  # noqa: N801  used like a function
    """Record a training step and replay it, which saves the host's time for each launch.

    The first call runs the step normally, which compiles kernels and creates the optimizer's state. The second call
    records it. From then on a call copies its arrays to the recorded ones and replays the launches, with the results of
    the step itself. Other Python code of the step runs only twice, in the first and in the second call.

    Parameters
    ----------
    step : callable
        Takes arrays by position. It must launch the same kernels on the same memory whatever the values: forward pass,
        loss, backward pass, update. It may replace gradients, but not a parameter's array, and must not read values
        back. An optimizer's `step` and dropout layers run host code on every replay: learning rates of schedulers,
        Adam's bias corrections and dropout masks are up to date.

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
    The next call overwrites the result of a call. Labels are not checked in a replay: a label out of range makes the
    loss and its gradient NaN. With NumPy arrays the step is simply called, so that the same script runs on the CPU; on
    the emulator the launches are kept in a list.

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
        """Run or replay the step; replays write their result to the same memory."""
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
            for recorded, a in zip(self._arrays, arrays, strict=True):
                recorded[...] = a
            for segment in self._recording.sections:
                segment()
        return self._result

    def _record(self, arrays: tuple[Array, ...]) -> None:
        """Record the step on copies of its arrays."""
        recording = _Recording(_recorder(arrays))
        copies = [a.copy() for a in arrays]
        self._result = recording.record(self._step, copies)
        self._arrays, self._recording = copies, recording


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
            actual, expected = map(_described, (kind, first))
            raise ValueError(f"cuda_graph: argument {i} has {actual}, expected {expected} as in the first call")


def _described(kind: Any) -> str:
    shape, dtype, gpu = kind
    return f"shape {shape}, {dtype}" + ("" if gpu is None else f", GPU {gpu}")


def _on_device(arrays: tuple[Array, ...]) -> bool:
    """Whether the step launches kernels, on a GPU or on the emulator."""
    return any(map(is_cupy, arrays)) or device() == "emulator" or (not arrays and device() == "cuda")


def _recorder(arrays: tuple[Array, ...]) -> Recorder:
    if not any(map(is_cupy, arrays)) and device() == "emulator":
        made: Recorder = importlib.import_module("gpuconv.emulator.recorder").EmulatedRecorder()
        return made
    return _Capture(sys.modules["cupy"])  # its arrays, or the device check, have imported it


class _Capture:
    """CuPy's stream capture. The step allocates from a pool that nothing else uses."""

    def __init__(self, cupy: Any) -> None:
        self.cuda = cupy.cuda
        self.stream, self.pool = cupy.cuda.Stream(non_blocking=True), cupy.cuda.MemoryPool()

    @contextlib.contextmanager
    def active(self) -> Iterator[None]:
        """Make the capturing stream and the pool current."""
        with self.cuda.using_allocator(self.pool.malloc), self.stream:
            yield

    def begin(self) -> None:
        """Start capturing the stream."""
        self.stream.begin_capture()

    def end(self) -> Callback:
        """Finish the graph; it is launched on the stream current at replay."""
        try:
            graph = self.stream.end_capture()
        except Exception as error:  # CuPy's type
            raise RuntimeError(
                f"cuda_graph: the step cannot be recorded ({error}); it may not read values back to the host (float(), "
                ".get(), print), wait for the device, or use another stream"
            ) from error
        launch: Callback = graph.launch
        return launch
