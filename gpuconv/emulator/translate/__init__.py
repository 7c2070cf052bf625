"""From a parsed kernel to LLVM IR: a function for each basic block, and one that goes from block to block."""

from collections.abc import Callable
from dataclasses import dataclass

from ..errors import Place
from ..flow import Block, Kernel, ends_block
from ..ptx import Instruction, Name
from ..runtime import state as s
from . import bits, control, conversion, floating, integer, memory, tensor, warp
from .code import Code
from .groups import TABLE
from .layout import Layout

__all__ = ["Program", "bits", "control", "conversion", "floating", "integer", "memory", "tensor", "translate", "warp"]


@dataclass
class Program:
    """A translated kernel: its IR, and what the machine must know to run it."""

    text: str
    frame_bytes: int
    helpers: dict[str, str]
    """Helper of the runtime to the symbol it must have."""
    sites: list[Instruction]
    has_atomics: bool
    has_copies: bool


def translate(
    kernel: Kernel, place: Callable[[Instruction], Place], addresses: dict[str, int], parameters: dict[str, int]
) -> Program:
    """Translate a kernel whose variables have addresses and whose parameters have offsets.

    Raises
    ------
    EmulatorError
        Of kind unsupported-instruction, naming it and its line.
    """
    layout = Layout(place, addresses, parameters)
    blocks = [_block(kernel, block, layout) for block in kernel.blocks]
    text = "\n".join([*_declarations(layout), *blocks, _advance(len(blocks))])
    helpers = {name: symbol.strip('"') for name, (symbol, _, _) in layout.helpers.items()}
    return Program(text, layout.frame_bytes, helpers, layout.sites, layout.has_atomics, layout.has_copies)


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
    """The loop from block to block: while all live lanes go together, the turn lasts and nothing is wrong."""
    cases = " ".join(f"i32 {k}, label %run{k}" for k in range(blocks))
    runs = "\n".join(
        f"run{k}:\n%r{k} = call i32 @block{k}(ptr %c, ptr %w, i32 %mask)\nbr label %after" for k in range(blocks)
    )
    results = ", ".join(f"[ %r{k}, %run{k} ]" for k in range(blocks))
    return f"""
define i32 @advance(ptr %c, ptr %w, i32 %start, i32 %mask, i32 %alone) {{
%steps = getelementptr i8, ptr %c, i64 {8 * s.STEPS}
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
%place = getelementptr [2 x i64], ptr %table, i32 %pc
%place1 = getelementptr i8, ptr %place, i64 8
%warps = load i64, ptr %place
%warps1 = add i64 %warps, 1
store i64 %warps1, ptr %place
%threads = load i64, ptr %place1
%threads1 = add i64 %threads, %lanes
store i64 %threads1, ptr %place1
br label %choose
choose:
switch i32 %pc, label %nowhere [ {cases} ]
nowhere:
unreachable
{runs}
after:
%next = phi i32 {results}
%left = load i64, ptr %steps
%left1 = sub i64 %left, 1
store i64 %left1, ptr %steps
%wrong = load i64, ptr %error
%fine = icmp eq i64 %wrong, 0
%more = icmp sgt i64 %left1, 0
%ahead = icmp sge i32 %next, 0
%together = icmp ne i32 %alone, 0
%a = and i1 %fine, %more
%b = and i1 %ahead, %together
%on = and i1 %a, %b
br i1 %on, label %loop, label %out
out:
ret i32 %next
}}
declare i32 @llvm.ctpop.i32(i32)
"""
