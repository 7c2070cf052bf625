"""EmulatorError, its kinds, and the location in the kernel that it reports."""

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
    "exception",
)
"""Every kind of error. Compiled code reports a run-time kind by its index in this tuple, plus 1."""


@dataclass(frozen=True)
class Location:
    """Kernel, block, thread, PTX line and Python source line of an error, as far as they are known."""

    kernel: str = ""
    block: tuple[int, int, int] | None = None
    thread: tuple[int, int, int] | None = None
    ptx_line: int | None = None
    instruction: str = ""
    source_file: str | None = None
    source_line: int | None = None

    def __str__(self) -> str:
        fields = [f"kernel {self.kernel}"] if self.kernel else []
        fields += [f"block {self.block}"] if self.block is not None else []
        fields += [f"thread {self.thread}"] if self.thread is not None else []
        fields += [f"{self.source_file}:{self.source_line}"] if self.source_line else []
        fields += [f"PTX line {self.ptx_line}: {self.instruction}"] if self.ptx_line else []
        return ", ".join(fields)


class EmulatorError(RuntimeError):
    """An illegal operation of a kernel, or code that the emulator cannot run.

    Attributes
    ----------
    kind : str
        One of `KINDS`.
    location : Location
        Kernel, block, thread, PTX line and source line, as far as they are known.
    """

    def __init__(self, kind: str, message: str, location: Location | None = None) -> None:
        self.kind = kind
        self.location = location or Location()
        suffix = str(self.location)
        super().__init__(f"{kind}: {message}" + (f" ({suffix})" if suffix else ""))
