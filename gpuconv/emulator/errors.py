"""What the emulator reports: one family of exceptions, each of a kind, each saying where."""

from dataclasses import dataclass

KINDS = (
    "out-of-bounds",
    "misaligned",
    "read-only",
    "uninitialized",
    "race-shared",
    "race-warp",
    "race-global",
    "race-async",
    "barrier-divergence",
    "warp-divergence",
    "trap",
    "hang",
    "limit",
    "order-dependent",
    "unsupported-instruction",
    "bad-ptx",
    "bad-launch",
)
"""Every kind of report; the position of the run-time kinds is the number the compiled code uses."""


@dataclass(frozen=True)
class Place:
    """Where something happened: in which kernel, block and thread, at which line of the PTX and of the source."""

    kernel: str = ""
    block: tuple[int, int, int] | None = None
    thread: tuple[int, int, int] | None = None
    ptx_line: int | None = None
    instruction: str = ""
    source_file: str | None = None
    source_line: int | None = None

    def __str__(self) -> str:
        parts = [f"kernel {self.kernel}"] if self.kernel else []
        parts += [f"block {self.block}"] if self.block is not None else []
        parts += [f"thread {self.thread}"] if self.thread is not None else []
        parts += [f"{self.source_file}:{self.source_line}"] if self.source_line else []
        parts += [f"PTX line {self.ptx_line}: {self.instruction}"] if self.ptx_line else []
        return ", ".join(parts)


class EmulatorError(RuntimeError):
    """A kernel did what it must not do, or what the emulator cannot run.

    Attributes
    ----------
    kind : str
        One of `KINDS`.
    place : Place
        Kernel, block, thread, PTX line and source line, as far as they are known.
    """

    def __init__(self, kind: str, message: str, place: Place | None = None) -> None:
        self.kind = kind
        self.place = place or Place()
        where = str(self.place)
        super().__init__(f"{kind}: {message}" + (f" ({where})" if where else ""))
