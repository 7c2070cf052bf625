"""Calls into the driver's library: vprintf."""

from ..ptx import Instruction
from .code import Code
from .groups import instruction
from .values import constant


@instruction("vprintf")
def print_text(code: Code, item: Instruction) -> None:
    """`vprintf count, format, arguments`, which flow.py makes of the call; blocks print in their order."""
    code.program.has_strong = True  # one CPU thread
    code.scratch = 0
    formats, arguments = (code.spill(code.read(o, "u64"), "<32 x i64>") for o in item.operands[1:])
    code.helper(
        "vprintf", "void",
        [("ptr", "%c"), ("ptr", "%w"), ("ptr", formats), ("ptr", arguments), ("i32", code.guarded_mask()),
         ("i32", str(code.program.site(item)))],
    )  # fmt: skip
    code.write(item.operands[0], constant(1, 32), "u32")
