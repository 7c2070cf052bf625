"""Recording of launches on the emulator, the counterpart of CUDA graph capture."""

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

from gpuconv.kernels.cuda import launch as kernel_launch


class EmulatedRecorder:
    """Records launches instead of running them, for `gpuconv.core.graph`."""

    def __init__(self) -> None:
        self._launches: list[tuple[Any, ...]] = []
        self._run = kernel_launch.run

    @contextlib.contextmanager
    def active(self) -> Iterator[None]:
        """Restore normal launches on exit."""
        try:
            yield
        finally:
            kernel_launch.run = self._run

    def begin(self) -> None:
        """Start recording: launches are queued, not run."""
        self._launches = []
        kernel_launch.run = lambda *launch: self._launches.append(launch)

    def end(self) -> Callable[[], None]:
        """Stop recording and return a function that replays the launches in order."""
        kernel_launch.run = self._run
        launches, run = self._launches, self._run

        def play() -> None:
            for launch in launches:
                run(*launch)

        return play
