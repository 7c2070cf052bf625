"""Branches, returns, barriers: instructions that determine which basic block runs next."""

from ..flow import is_reduction
from ..ptx import Instruction, Name
from ..runtime import state as s
from .code import Code
from .groups import instruction
from .values import constant


@instruction("bra")
def bra(code: Code, item: Instruction) -> None:
    """`@p bra L`: lanes continue at L or at the next block; a divergent branch stores a program counter per lane."""
    target = item.operands[0]
    assert isinstance(target, Name)
    taken_block, next_block = code.kernel.labels[target.name], code.block.number + 1
    guard = code.guard
    code.guard = None
    code.flush()
    if guard is None:
        code.put(f"ret i32 {taken_block}")
        return
    lanes = code.op(f"bitcast <32 x i1> {guard} to i32")
    taken = code.op(f"and i32 {lanes}, %mask")
    code.put(f"br i1 {code.op(f'icmp eq i32 {taken}, %mask')}, label %all, label %some")
    code.put("all:")
    code.put(f"ret i32 {taken_block}")
    code.put("some:")
    code.put(f"br i1 {code.op(f'icmp eq i32 {taken}, 0')}, label %none, label %diverged")
    code.put("none:")
    code.put(f"ret i32 {next_block}")
    code.put("diverged:")
    counters = code.op(
        f"select <32 x i1> {guard}, <32 x i32> {constant(taken_block, 32)}, <32 x i32> {constant(next_block, 32)}"
    )
    code.store_lanes(s.PC, 32, counters)
    code.put(f"ret i32 {s.SCATTERED}")


@instruction("ret", "exit")
def ret(code: Code, item: Instruction) -> None:
    """Clear the exiting lanes from the mask of live lanes."""
    guard = code.guard
    code.guard = None
    code.flush()
    pointer = code.frame(8 * s.LIVE)
    live = code.op(f"load i64, ptr {pointer}")
    lanes = "%mask" if guard is None else code.op(f"bitcast <32 x i1> {guard} to i32")
    ended = code.op(f"and i32 {lanes}, %mask")
    wide = code.op(f"zext i32 {ended} to i64")
    left = code.op(f"and i64 {live}, {code.op(f'xor i64 {wide}, -1')}")
    code.put(f"store i64 {left}, ptr {pointer}")
    code.store_lanes(s.PC, 32, constant(code.block.number + 1, 32))
    last = code.op(f"load i64, ptr {code.frame(8 * s.LAST_SITE)}")
    code.store_lanes(s.EXIT_SITE, 32, code.splat(code.op(f"trunc i64 {last} to i32"), "i32"))
    code.put(f"ret i32 {s.SCATTERED}")


@instruction("bar", "barrier")
def barrier(code: Code, item: Instruction) -> None:
    """bar.sync, bar.arrive, bar.red; bar.warp.sync."""
    if "warp" in item.modifiers:
        members = code.read(item.operands[0], "b32")
        code.wait_for(members)
        code.scratch = 0
        named = code.spill(members, "<32 x i32>")
        arguments = [("ptr", "%c"), ("ptr", "%w"), ("ptr", named), ("i32", code.guarded_mask())]
        code.helper("synchronize warp", "void", arguments)
        return
    if code.guard is not None:
        raise code.unsupported()
    kinds = {"popc": 2, "and": 3, "or": 4}
    kind = 1 if "arrive" in item.modifiers else next((kinds[p] for p in item.modifiers if p in kinds), 0)
    operands = list(item.operands[1:] if is_reduction(item) else item.operands)
    predicate = code.read(operands.pop(), "pred") if is_reduction(item) else constant(0, 1)
    barrier_, count = [code.read(operands[k], "b32") if len(operands) > k else constant(0, 32) for k in range(2)]
    # registers must be in memory: the warp may continue much later
    code.flush()
    code.scratch = 0
    pointers = [code.spill(value, "<32 x i32>") for value in (barrier_, count)]
    bits = code.op(f"bitcast <32 x i1> {predicate} to i32")
    next_pc = code.helper(
        "bar_sync", "i32",
        [("ptr", "%c"), ("ptr", "%w"), ("ptr", pointers[0]), ("ptr", pointers[1]), ("i32", bits), ("i32", "%mask"),
         ("i32", str(kind)), ("i32", str(code.program.site(item))), ("i32", str(code.block.number))],
    )  # fmt: skip
    code.put(f"ret i32 {next_pc}")


@instruction("bar_result")
def barrier_result(code: Code, item: Instruction) -> None:
    """Result of bar.red, read after the barrier."""
    value = code.op(f"load i64, ptr {code.frame(8 * s.RESULT)}")
    if "popc" in item.modifiers:
        code.write(item.operands[0], code.splat(code.op(f"trunc i64 {value} to i32"), "i32"), "u32")
    else:
        code.write(item.operands[0], code.splat(code.op(f"trunc i64 {value} to i1"), "i1"), "pred")


@instruction("trap", "brkpt")
def trap(code: Code, item: Instruction) -> None:
    """Abort the kernel."""
    code.helper(
        "trap", "void",
        [("ptr", "%c"), ("ptr", "%w"), ("i32", code.guarded_mask()), ("i32", str(code.program.site(item)))],
    )  # fmt: skip


@instruction("membar", "fence")
def fence(code: Code, item: Instruction) -> None:
    """Memory fences: execution in order needs none, but the race detector follows what they publish."""
    if "proxy" in item.modifiers or "mbarrier_init" in item.modifiers:
        return
    code.program.has_fences = code.program.has_strong = True
    scope = s.CTA if "cta" in item.modifiers else s.GPU
    code.helper("fence", "void", [("ptr", "%c"), ("ptr", "%w"), ("i32", code.guarded_mask()), ("i32", str(scope))])


@instruction("prefetch", "prefetchu", "nanosleep", "pmevent", "discard", "griddepcontrol", "applypriority")
def nothing(code: Code, item: Instruction) -> None:
    """Hints: nothing to do."""
