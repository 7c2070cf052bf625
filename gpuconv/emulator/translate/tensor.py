"""cp.async, ldmatrix, mma.sync: PTX ISA 9.7.9.25, 9.7.14."""

from ..ptx import Immediate, Instruction, Operand
from ..runtime.tensor import KINDS
from .code import Code
from .groups import instruction
from .memory import access_site, address_lanes, elements
from .values import constant


@instruction("cp")
def copy(code: Code, item: Instruction) -> None:
    """cp.async of 4, 8 or 16 bytes, commit_group, wait_group. Bulk copies (TMA) are not modeled."""
    modifiers = item.modifiers
    if modifiers[0] != "async" or "bulk" in modifiers or "mbarrier" in modifiers:
        raise code.unsupported()
    mask = code.guarded_mask()
    if "commit_group" in modifiers:
        code.helper("commit", "void", [("ptr", "%w"), ("i32", mask)])
    elif "wait_group" in modifiers or "wait_all" in modifiers:
        operand = item.operands[0] if item.operands else Immediate(-1, "int")
        if not isinstance(operand, Immediate):
            raise code.unsupported()
        code.helper("wait", "void", [("ptr", "%c"), ("ptr", "%w"), ("i32", mask), ("i32", str(operand.value))])
    else:
        _issue(code, item, mask)


def _issue(code: Code, item: Instruction, mask: str) -> None:
    size = item.operands[2]
    if not isinstance(size, Immediate):
        raise code.unsupported()
    hinted = any("cache_hint" in p for p in item.modifiers)
    source_size = item.operands[3 : len(item.operands) - hinted]
    wanted = code.read(source_size[0], "u32") if source_size else constant(size.value, 32)
    code.program.has_copies = True
    target, source = address_lanes(code, item.operands[0]), address_lanes(code, item.operands[1])
    code.scratch = 0
    pointers = [code.spill(target, "<32 x i64>"), code.spill(source, "<32 x i64>"), code.spill(wanted, "<32 x i32>")]
    code.helper(
        "issue", "void",
        [("ptr", "%c"), ("ptr", "%w"), *(("ptr", p) for p in pointers), ("i32", mask), ("i32", str(size.value)),
         ("i32", access_site(code, item))],
    )  # fmt: skip


@instruction("ldmatrix")
def ldmatrix(code: Code, item: Instruction) -> None:
    """`ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {a, b, c, d}, [x]`."""
    if "m8n8" not in item.modifiers or "b16" not in item.modifiers:
        raise code.unsupported()
    targets = elements(item.operands[0])
    code.scratch = 0
    addresses = code.spill(address_lanes(code, item.operands[1]), "<32 x i64>")
    rows = _rows(code, [""] * len(targets))
    code.helper(
        "ldmatrix", "void",
        [("ptr", "%c"), ("ptr", "%w"), ("ptr", addresses), ("ptr", rows[0]), ("i32", code.guarded_mask()),
         ("i32", access_site(code, item)), ("i32", str(len(targets))), ("i32", str(int("trans" in item.modifiers)))],
    )  # fmt: skip
    _results(code, targets, rows)


_SHAPES = {
    ("m16n8k8", "tf32"): 8,
    ("m16n8k4", "tf32"): 4,
    **{(f"m16n8k{k}", t): k for k in (8, 16) for t in ("f16", "bf16")},
}


@instruction("mma")
def mma(code: Code, item: Instruction) -> None:
    """`mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32 d, a, b, c`."""
    d_type, a_type, b_type, c_type = item.modifiers[-4:]
    shape = next((p for p in item.modifiers if p.startswith("m16n8k")), "")
    if (shape, a_type) not in _SHAPES or a_type != b_type or not {d_type, c_type} <= {"f16", "f32"}:
        raise code.unsupported()
    code.scratch = 0
    sources = [_rows(code, [code.raw(o, "b32") for o in elements(operand)])[0] for operand in item.operands[1:4]]
    targets = elements(item.operands[0])
    rows = _rows(code, [""] * len(targets))
    numbers = [KINDS[a_type], _SHAPES[shape, a_type], int(c_type == "f16"), int(d_type == "f16")]
    code.helper(
        "mma", "void",
        [("ptr", "%c"), ("ptr", "%w"), *(("ptr", p) for p in sources), ("ptr", rows[0]), ("i32", code.guarded_mask()),
         ("i32", access_site(code, item)), *(("i32", str(n)) for n in numbers)],
    )  # fmt: skip
    _results(code, targets, rows)


def _rows(code: Code, values: list[str]) -> list[str]:
    """Consecutive rows of 32 words in scratch memory, filled with values if they are not empty."""
    block = code.op(f"getelementptr <32 x i64>, ptr %scratch, i64 {code.scratch}")
    rows = []
    for k, value in enumerate(values):
        rows.append(code.op(f"getelementptr i8, ptr {block}, i64 {128 * k}"))
        if value:
            code.put(f"store <32 x i32> {value}, ptr {rows[k]}, align 64")
    code.scratch += len(values)
    code.program.scratch = max(code.program.scratch, code.scratch)
    return rows


def _results(code: Code, targets: list[Operand], rows: list[str]) -> None:
    for target, row in zip(targets, rows, strict=True):
        code.write(target, code.op(f"load <32 x i32>, ptr {row}, align 64"), "b32")
