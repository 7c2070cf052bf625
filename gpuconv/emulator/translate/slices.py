"""Which registers of a kernel depend on data in memory."""

from ..flow import Kernel, results_and_uses
from ..ptx import Instruction

_SPACES = frozenset(("param", "const"))


def loaded(kernel: Kernel) -> frozenset[str]:
    """Registers whose value depends on a load or an atomic, as far as registers carry it; empty without atomics."""
    items = [item for block in kernel.blocks for item in block.instructions]
    if not any(item.op in ("atom", "red") for item in items):
        return frozenset()
    # users of each register, then everything that can be reached from the results of loads
    users: dict[str, list[list[str]]] = {}
    found: list[str] = []
    for item in items:
        results, uses = results_and_uses(item)
        if _loads(item):
            found += results
        else:
            for name in uses:
                users.setdefault(name, []).append(results)
    reached = set(found)
    while found:
        for results in users.get(found.pop(), ()):
            new = [name for name in results if name not in reached]
            reached.update(new)
            found += new
    return frozenset(reached)


def _loads(item: Instruction) -> bool:
    return item.op == "atom" or (item.op in ("ld", "ldu") and _SPACES.isdisjoint(item.modifiers))
