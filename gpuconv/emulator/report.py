"""Report of a measured launch: instruction and memory-traffic counts by class and source line, never times."""

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from .cores import Counts
from .flow import Block
from .program import Compiled
from .ptx import Instruction
from .runtime import state as s

CLASSES = {
    "tensor": "mma ldmatrix",
    "memory": "ld st atom red ldu cp prefetch prefetchu",
    "exchange": "shfl vote match redux activemask elect",
    "control": "bra ret exit bar barrier bar_result membar fence trap",
    "conversion": "cvt cvta mov isspacep",
    "comparison": "setp set selp slct",
}
_CLASS_OF = {op: name for name, operations in CLASSES.items() for op in operations.split()}
_FLOATS = frozenset(("f16", "bf16", "f16x2", "bf16x2", "f32", "f64"))
_SHARED = frozenset(("shared", "shared_cta"))


@dataclass
class Traffic:
    """Warp-level requests to one memory."""

    requests: int = 0
    passes: int = 0
    """Shared-memory wavefronts, or 32-byte sectors of global memory."""
    least: int = 0
    """Lower bound: wavefronts or sectors if the requested bytes were contiguous."""
    bytes: int = 0
    """Bytes requested by all lanes."""

    def add(self, row: Any) -> None:
        """Add an instruction's row of the meter."""
        self.requests += int(row[s.REQUESTS])
        self.passes += int(row[s.PASSES])
        self.least += int(row[s.LEAST])
        self.bytes += int(row[s.BYTES])


@dataclass
class Line:
    """Counts of one source line."""

    instructions: int = 0
    """Warp-level instructions executed."""
    shared: Traffic = field(default_factory=Traffic)
    memory: Traffic = field(default_factory=Traffic)
    """Global memory."""


@dataclass
class Report:
    """Counts of one launch.

    Attributes
    ----------
    kernel : str
    classes : dict
        Warp-level instructions by class: integer, float, memory, tensor, exchange, control, conversion,
        comparison.
    thread_instructions : int
        Thread-level instructions: 32 per warp instruction if all lanes are active.
    shared, memory : Traffic
        Totals of shared and of global memory.
    lines : dict
        (file, line) to `Line`.
    """

    kernel: str
    classes: dict[str, int]
    thread_instructions: int
    shared: Traffic
    memory: Traffic
    lines: dict[tuple[str, int], Line]

    def __str__(self) -> str:
        total = sum(self.classes.values())
        shares = ", ".join(f"{name} {count}" for name, count in sorted(self.classes.items(), key=lambda c: -c[1]))
        rows = [
            f"{self.kernel}: {total} warp instructions ({shares})",
            f"  shared memory: {_traffic(self.shared, 'wavefronts')}",
            f"  global memory: {_traffic(self.memory, 'sectors')}",
        ]
        for (file, line), row in sorted(self.lines.items()):
            if row.shared.requests or row.memory.requests:
                rows.append(f"  {file.rpartition('/')[2]}:{line}: {row.instructions} instructions")
                rows += [f"    shared: {_traffic(row.shared, 'wavefronts')}"] if row.shared.requests else []
                rows += [f"    global: {_traffic(row.memory, 'sectors')}"] if row.memory.requests else []
        return "\n".join([*rows, "  Counts of a model, never times."])


def _traffic(traffic: Traffic, unit: str) -> str:
    passes = f"{traffic.passes} {unit} (at least {traffic.least})"
    return f"{traffic.requests} requests, {passes}, {traffic.bytes} bytes requested"


def report_of(compiled: Compiled, counts: Counts) -> Report:
    """Build the report of a launch from its raw counters."""
    report = Report(
        compiled.location(0).kernel if compiled.program.sites else compiled.name, {}, 0, Traffic(), Traffic(), {}
    )
    classes: Counter[str] = Counter()
    for block, (warps, threads) in zip(compiled.kernel.blocks, counts.blocks, strict=True):
        _count_block(report, classes, compiled, block, int(warps), int(threads))
    for item, row in zip(compiled.program.sites, counts.sites, strict=False):
        if row[s.REQUESTS]:
            in_shared = item.op == "ldmatrix" or (item.op != "cp" and not _SHARED.isdisjoint(item.modifiers))
            line = _line(report, compiled, item)
            for traffic in (report, line):
                (traffic.shared if in_shared else traffic.memory).add(row)
    report.classes = dict(classes)
    return report


def _count_block(
    report: Report, classes: Counter[str], compiled: Compiled, block: Block, warps: int, threads: int
) -> None:
    for item in block.instructions:
        if item.line and warps:
            classes[class_of(item)] += warps
            report.thread_instructions += threads
            _line(report, compiled, item).instructions += warps


def class_of(item: Instruction) -> str:
    """Instruction class for the report."""
    if item.op in _CLASS_OF:
        return _CLASS_OF[item.op]
    return "integer" if _FLOATS.isdisjoint(item.modifiers) else "float"


def _line(report: Report, compiled: Compiled, item: Instruction) -> Line:
    number, line = item.source or (0, item.line)
    return report.lines.setdefault((compiled.files.get(number, "PTX"), line), Line())
