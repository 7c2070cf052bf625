"""Warp-level exchange: shfl, vote, match, redux, activemask, elect: PTX ISA 9.7.9.6, 9.7.13."""

from ..ptx import Instruction, Vector
from .code import Code
from .groups import instruction, last_type


def _members(code: Code, item: Instruction) -> None:
    """Wait for the lanes of the member mask if the instruction is .sync."""
    if "sync" in item.modifiers:
        code.wait_for(code.read(item.operands[-1], "b32"))


@instruction("shfl")
def shuffle(code: Code, item: Instruction) -> None:
    """`shfl.sync.down.b32 d|p, a, b, c, members`: p says whether the source lane was in range."""
    _members(code, item)
    target = item.operands[0]
    mode = {"up": 0, "down": 1, "bfly": 2, "idx": 3}[
        next(p for p in item.modifiers if p in ("up", "down", "bfly", "idx"))
    ]
    values = [code.read(o, "b32") for o in item.operands[1:4]]
    code.scratch = 0
    pointers = [code.spill(v, "<32 x i32>") for v in values]
    out = code.spill("", "")
    site = str(code.program.site(item))
    arguments = [("ptr", "%w"), *(("ptr", p) for p in pointers), ("ptr", out), ("i32", str(mode)),
                 ("i32", code.guarded_mask()), ("i32", site)]  # fmt: skip
    found = code.helper("shuffle", "i32", arguments)
    result = code.op(f"load <32 x i32>, ptr {out}, align 64")
    if isinstance(target, Vector):
        code.write(target.items[0], result, "b32")
        code.write(target.items[1], code.op(f"bitcast i32 {found} to <32 x i1>"), "pred")
    else:
        code.write(target, result, "b32")


@instruction("vote")
def vote(code: Code, item: Instruction) -> None:
    """`vote.sync.ballot.b32`, .all, .any, .uni."""
    _members(code, item)
    predicate = code.read(item.operands[1], "pred")
    mask = code.guarded_mask()
    lanes = code.op(f"and i32 {code.op(f'bitcast <32 x i1> {predicate} to i32')}, {mask}")
    if "ballot" in item.modifiers:
        code.write(item.operands[0], code.splat(lanes, "i32"), "b32")
        return
    every, some = code.op(f"icmp eq i32 {lanes}, {mask}"), code.op(f"icmp ne i32 {lanes}, 0")
    if "all" in item.modifiers:
        result = every
    elif "any" in item.modifiers:
        result = some
    else:
        result = code.op(f"or i1 {every}, {code.op(f'xor i1 {some}, true')}")
    code.write(item.operands[0], code.splat(result, "i1"), "pred")


@instruction("activemask")
def activemask(code: Code, item: Instruction) -> None:
    """Mask of the active lanes."""
    code.write(item.operands[0], code.splat(code.guarded_mask(), "i32"), "b32")


@instruction("elect")
def elect(code: Code, item: Instruction) -> None:
    """`elect.sync d|p, members`: the lowest lane."""
    _members(code, item)
    target = item.operands[0]
    assert isinstance(target, Vector)
    lowest = _lowest(code)
    code.write(target.items[0], code.splat(lowest, "i32"), "b32")
    one = code.op(f"shl i32 1, {lowest}")
    code.write(target.items[1], code.op(f"bitcast i32 {one} to <32 x i1>"), "pred")


def _lowest(code: Code) -> str:
    code.program.intrinsic("i32 @llvm.cttz.i32(i32, i1)")
    return code.op(f"call i32 @llvm.cttz.i32(i32 {code.guarded_mask()}, i1 true)")


@instruction("match", "redux")
def match(code: Code, item: Instruction) -> None:
    """match.any, match.all: masks of the lanes with the same value; redux: a reduction over all lanes."""
    _members(code, item)
    type_ = last_type(item)
    target = item.operands[0]
    value = code.read(item.operands[1], type_)
    mode = "_".join(p for p in item.modifiers if p not in ("sync", "NaN"))
    code.scratch = 0
    pointer = code.spill(value, f"<32 x {'i64' if '64' in type_ else 'float' if type_ == 'f32' else 'i32'}>")
    out = code.spill("", "")
    found = code.helper(f"{item.op} {mode}", "i32", [("ptr", pointer), ("ptr", out), ("i32", code.guarded_mask())])
    result = code.op(f"load <32 x i32>, ptr {out}, align 64")
    if isinstance(target, Vector):
        code.write(target.items[0], result, "b32")
        code.write(target.items[1], code.op(f"bitcast i32 {found} to <32 x i1>"), "pred")
    else:
        code.write(target, result, "b32")
