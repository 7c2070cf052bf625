"""A recorded step on the emulator: its launches in a list, as a GPU has them in a CUDA graph."""

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

from gpuconv.kernels.cuda import launch as kernel_launch


class EmulatedRecorder:
    """Takes launches down instead of making them; `gpuconv.core.graph` says when."""

    def __init__(self) -> None:
        self._launches: list[tuple[Any, ...]] = []
        self._run = kernel_launch.run

    @contextlib.contextmanager
    def active(self) -> Iterator[None]:
        """Whatever happens, launches are made again afterwards."""
        try:
            yield
        finally:
            kernel_launch.run = self._run

    def begin(self) -> None:
        """From here on nothing is launched."""
        self._launches = []
        kernel_launch.run = lambda *launch: self._launches.append(launch)

    def end(self) -> Callable[[], None]:
        """The launches since, in order."""
        kernel_launch.run = self._run
        launches, run = self._launches, self._run

        def play() -> None:
            for launch in launches:
                run(*launch)

        return play
