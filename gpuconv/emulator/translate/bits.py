"""Bit manipulation: counting, fields, byte permutations, lop3: PTX ISA 9.7.1.14 to 9.7.1.24, 9.7.8.5."""

from ..ptx import WIDTHS, Immediate, Instruction
from .code import Code
from .groups import first_type, instruction
from .values import constant, vector


@instruction("popc", "clz", "brev", "bfind")
def count_bits(code: Code, item: Instruction) -> None:
    """Population count, leading zeros, reversal, position of the highest bit."""
    type_ = first_type(item)
    bits, v = WIDTHS[type_], vector(type_)
    a = code.read(item.operands[1], type_)
    if item.op == "bfind":
        shift_ = "_shift" if "shiftamt" in item.modifiers else ""
        code.write(item.operands[0], code.lanewise(f"bfind{shift_}_{type_}", "u32", (a, type_)), "u32")
        return
    if item.op == "brev":
        code.write(item.operands[0], code.intrinsic(f"llvm.bitreverse.v32i{bits}", v, a), type_)
        return
    if item.op == "clz":
        code.program.intrinsic(f"{v} @llvm.ctlz.v32i{bits}({v}, i1)")
        result = code.op(f"call {v} @llvm.ctlz.v32i{bits}({v} {a}, i1 false)")
    else:
        result = code.intrinsic(f"llvm.ctpop.v32i{bits}", v, a)
    if bits == 64:
        result = code.op(f"trunc {v} {result} to <32 x i32>")
    code.write(item.operands[0], result, "u32")


@instruction("bfe", "bfi", "prmt", "dp4a", "dp2a", "sad")
def bit_fields(code: Code, item: Instruction) -> None:
    """Operations that call a scalar function of runtime/lanes.py."""
    type_ = first_type(item)
    modes = [p for p in item.modifiers if p in ("f4e", "b4e", "rc8", "ecl", "ecr", "rc16", "wrap", "clamp", "lo", "hi")]
    types = [p for p in item.modifiers if p in WIDTHS]
    name = "_".join([item.op, *types, *modes])
    kinds = {"bfe": [type_, "u32", "u32"], "bfi": [type_, type_, "u32", "u32"]}.get(item.op)
    kinds = kinds or [type_ if k < 2 or item.op != "dp4a" else "b32" for k in range(len(item.operands) - 1)]
    arguments = [(code.read(o, kind), kind) for o, kind in zip(item.operands[1:], kinds, strict=True)]
    code.write(item.operands[0], code.lanewise(name, type_, *arguments), type_)


@instruction("lop3")
def three_inputs(code: Code, item: Instruction) -> None:
    """lop3: any function of three bits, as the sum of the minterms of its table."""
    table = item.operands[4]
    if not isinstance(table, Immediate):
        raise code.unsupported()
    a, b, c = (code.read(o, "b32") for o in item.operands[1:4])
    inverse = {x: code.op(f"xor <32 x i32> {x}, {constant(-1, 32)}") for x in {a, b, c}}
    result = "zeroinitializer"
    for k in range(8):
        if (table.value >> k) & 1:
            chosen = [x if (k >> bit) & 1 else inverse[x] for x, bit in ((a, 2), (b, 1), (c, 0))]
            term = code.op(f"and <32 x i32> {chosen[0]}, {chosen[1]}")
            term = code.op(f"and <32 x i32> {term}, {chosen[2]}")
            result = code.op(f"or <32 x i32> {result}, {term}")
    code.write(item.operands[0], result, "b32")
