"""Translate a kernel to LLVM IR: one function per basic block, and a dispatch loop over them."""

from collections.abc import Callable
from dataclasses import dataclass

from ..errors import Location
from ..flow import Block, Kernel, ends_block
from ..ptx import Instruction, Name
from ..runtime import state as s
from . import bits, control, conversion, floating, integer, memory, system, tensor, warp
from .code import Code
from .groups import TABLE
from .layout import Layout
from .slices import loaded

__all__ = [
    "Program",
    "bits",
    "control",
    "conversion",
    "floating",
    "integer",
    "memory",
    "system",
    "tensor",
    "translate",
    "warp",
]


@dataclass
class Program:
    """A translated kernel: LLVM IR and what its execution needs."""

    text: str
    frame_bytes: int
    helpers: dict[str, str]
    """Runtime function -> symbol by which the IR calls it."""
    sites: list[Instruction]
    has_strong: bool
    """Whether it has atomics or other strong accesses: its blocks run in order on one core."""
    has_fences: bool
    has_copies: bool


def translate(
    kernel: Kernel, locate: Callable[[Instruction], Location], addresses: dict[str, int], parameters: dict[str, int]
) -> Program:
    """Translate a kernel; `addresses` of its variables, offsets of its `parameters`.

    Raises
    ------
    EmulatorError
        Of kind unsupported-instruction, with the instruction and its line.
    """
    layout = Layout(locate, addresses, parameters, loaded(kernel))
    layout.has_shuffles = any(item.op == "shfl" for block in kernel.blocks for item in block.instructions)
    blocks = [_block(kernel, block, layout) for block in kernel.blocks]
    text = "\n".join([*_declarations(layout), *blocks, _advance(len(blocks))])
    helpers = {name: symbol.strip('"') for name, (symbol, _, _) in layout.helpers.items()}
    return Program(
        text, layout.frame_bytes, helpers, layout.sites, layout.has_strong, layout.has_fences, layout.has_copies
    )


def _block(kernel: Kernel, block: Block, layout: Layout) -> str:
    code = Code(kernel, block, layout)
    layout.scratch = 1
    for item in block.instructions:
        _instruction(code, item)
    if not ends_block(block.instructions[-1]):
        code.guard = None
        code.flush()
        code.put(f"ret i32 {block.number + 1}")
    head = [
        f"define internal i32 @block{block.number}(ptr %c, ptr %w, i32 %mask) {{",
        f"%scratch = alloca [{layout.scratch} x <32 x i64>], align 64",
        "%m = bitcast i32 %mask to <32 x i1>",
    ]
    return "\n".join([*head, *code.lines, "}"])


def _instruction(code: Code, item: Instruction) -> None:
    code.instruction = item
    translation = TABLE.get(item.op)
    if translation is None:
        raise code.unsupported()
    code.guard = None if item.guard is None else code.read(Name(item.guard.name, negated=item.guard.negated), "pred")
    try:
        translation(code, item)
    except (KeyError, StopIteration, IndexError) as error:
        raise code.unsupported() from error


def _declarations(layout: Layout) -> list[str]:
    lines = [f"declare {declaration}" for declaration in sorted(layout.intrinsics)]
    for symbol, result, types in layout.helpers.values():
        lines.append(f"declare {result} @{symbol}({', '.join(types)})")
    return lines


def _advance(blocks: int) -> str:
    """Dispatch loop over basic blocks: runs on while the warp is converged, within its turn and without a fault."""
    cases = " ".join(f"i32 {k}, label %run{k}" for k in range(blocks))
    runs = "\n".join(
        f"run{k}:\n%r{k} = call i32 @block{k}(ptr %c, ptr %w, i32 %mask)\nbr label %after" for k in range(blocks)
    )
    results = ", ".join(f"[ %r{k}, %run{k} ]" for k in range(blocks))
    # count: the meter's executions of the block, if metered; choose: call the block; after: whether to go on
    return f"""
define i32 @advance(ptr %c, ptr %w, i32 %start, i32 %mask, i32 %converged) {{
%turn = getelementptr i8, ptr %c, i64 {8 * s.TURN_LEFT}
%error = getelementptr i8, ptr %c, i64 {8 * s.ERROR}
%meter = getelementptr i8, ptr %c, i64 {8 * s.BLOCK_METER}
%counts = load i64, ptr %meter
%metered = icmp ne i64 %counts, 0
%table = inttoptr i64 %counts to ptr
%lanes32 = call i32 @llvm.ctpop.i32(i32 %mask)
%lanes = zext i32 %lanes32 to i64
br label %loop
loop:
%pc = phi i32 [ %start, %0 ], [ %next, %after ]
br i1 %metered, label %count, label %choose
count:
%row = getelementptr [2 x i64], ptr %table, i32 %pc
%row1 = getelementptr i8, ptr %row, i64 8
%warps = load i64, ptr %row
%warps1 = add i64 %warps, 1
store i64 %warps1, ptr %row
%threads = load i64, ptr %row1
%threads1 = add i64 %threads, %lanes
store i64 %threads1, ptr %row1
br label %choose
choose:
switch i32 %pc, label %nowhere [ {cases} ]
nowhere:
unreachable
{runs}
after:
%next = phi i32 {results}
%left = load i64, ptr %turn
%left1 = sub i64 %left, 1
store i64 %left1, ptr %turn
%wrong = load i64, ptr %error
%fine = icmp eq i64 %wrong, 0
%more = icmp sgt i64 %left1, 0
%ahead = icmp sge i32 %next, 0
%whole = icmp ne i32 %converged, 0
%a = and i1 %fine, %more
%b = and i1 %ahead, %whole
%on = and i1 %a, %b
br i1 %on, label %loop, label %out
out:
ret i32 %next
}}
declare i32 @llvm.ctpop.i32(i32)
"""
