"""Loads, stores, atomics: PTX ISA 9.7.9 and 9.7.13. Every access calls runtime/memory.py, which checks it."""

from ..ptx import WIDTHS, Address, Instruction, Name, Operand, Vector
from ..runtime import state as s
from ..runtime.warp import UNDEFINED
from .code import Code
from .groups import instruction, last_type
from .values import constant

_SPACES = {"shared": "shared", "shared_cta": "shared", "local": "local", "global": "generic", "const": "generic"}

_RELEASE = frozenset(("release", "acq_rel"))
_STRONG = frozenset(("volatile", "relaxed", "acquire", "release", "acq_rel", "mmio"))


def address_lanes(code: Code, operand: Operand) -> str:
    """[base + offset] as 32 addresses of 64 bits."""
    if not isinstance(operand, Address):
        raise code.unsupported()
    value = code.read(operand.base, "u64")
    if operand.offset:
        value = code.op(f"add <32 x i64> {value}, {constant(operand.offset, 64)}")
    return value


def space_of(item: Instruction) -> str:
    """State space of an access, generic if it names none."""
    return next((_SPACES[p] for p in item.modifiers if p in _SPACES), "generic")


def order_of(code: Code, item: Instruction) -> str:
    """Memory order of an access: weak, strong (volatile, relaxed, acquire), or release and its scope."""
    if item.op in ("ld", "st") and _STRONG.isdisjoint(item.modifiers):
        return "weak"
    code.program.has_strong = True
    if _RELEASE.isdisjoint(item.modifiers):
        return "strong"
    code.program.has_fences = True
    return "release_cta" if "cta" in item.modifiers else "release_gpu"


def elements(operand: Operand) -> list[Operand]:
    """The registers of a vector or scalar access."""
    return list(operand.items) if isinstance(operand, Vector) else [operand]


def access_site(code: Code, item: Instruction) -> str:
    """Site number of an instruction, for faults and the meter."""
    return str(code.program.site(item))


def access(code: Code, item: Instruction, address: Operand, name: str, data: list[str], bits: int) -> list[str]:
    """Call a runtime function with addresses and rows of data; returns pointers to the rows."""
    code.scratch = 0
    addresses = code.spill(address_lanes(code, address), "<32 x i64>")
    block = code.op(f"getelementptr <32 x i64>, ptr %scratch, i64 {code.scratch}")
    rows = []
    for k, value in enumerate(data):
        row = code.op(f"getelementptr i8, ptr {block}, i64 {k * 4 * bits}")
        if value:
            code.put(f"store <32 x i{bits}> {value}, ptr {row}, align {min(64, 4 * bits)}")
        rows.append(row)
    code.scratch += len(data)
    code.program.scratch = max(code.program.scratch, code.scratch)
    code.helper(
        name, "void",
        [("ptr", "%c"), ("ptr", "%w"), ("ptr", addresses), ("ptr", block), ("i32", code.guarded_mask()),
         ("i32", access_site(code, item)), ("i32", str(len(data)))],
    )  # fmt: skip
    return rows


@instruction("ld", "ldu")
def load(code: Code, item: Instruction) -> None:
    """`ld.global.v4.f32 {a, b, c, d}, [x]`."""
    type_ = last_type(item)
    bits = WIDTHS[type_]
    targets = elements(item.operands[0])
    address = item.operands[1]
    if isinstance(address, Address) and isinstance(address.base, Name):
        parameter = code.program.parameter(address.base.name)
        if parameter is not None:
            _load_parameters(code, targets, parameter + address.offset, type_)
            return
    if bits == 128:
        raise code.unsupported()
    space = "local" if "param" in item.modifiers else space_of(item)
    rows = access(code, item, address, f"load {space} {bits // 8} {order_of(code, item)}", [""] * len(targets), bits)
    for target, row in zip(targets, rows, strict=True):
        value = code.op(f"load <32 x i{bits}>, ptr {row}, align {min(64, 4 * bits)}")
        code.write(target, value, type_ if type_[0] in "su" else f"b{bits}")


def _load_parameters(code: Code, targets: list[Operand], offset: int, type_: str) -> None:
    """Kernel parameters are uniform: one load, broadcast to 32 lanes."""
    bits = WIDTHS[type_]
    base = code.op(f"inttoptr i64 {code.core_slot(s.PARAMS)} to ptr")
    for k, target in enumerate(targets):
        pointer = code.op(f"getelementptr i8, ptr {base}, i64 {offset + k * bits // 8}")
        value = code.op(f"load i{bits}, ptr {pointer}, align 1")
        code.write(target, code.splat(value, f"i{bits}"), type_ if type_[0] in "su" else f"b{bits}")


@instruction("st")
def store(code: Code, item: Instruction) -> None:
    """`st.shared.v2.f32 [x], {a, b}`."""
    type_ = last_type(item)
    bits = WIDTHS[type_]
    if bits == 128:
        raise code.unsupported()
    values = [code.raw(o, type_) for o in elements(item.operands[1])]
    space = "local" if "param" in item.modifiers else space_of(item)
    access(code, item, item.operands[0], f"store {space} {bits // 8} {order_of(code, item)}", values, bits)
    if space == "generic":
        _report_undefined(code, item, values, bits)


def _report_undefined(code: Code, item: Instruction, values: list[str], bits: int) -> None:
    """Report the stored values of 32 or 64 bits that a shuffle from lanes without a value gave, or a sum with one."""
    if not code.program.has_shuffles or bits < 32:
        return
    lanes = "0"
    for value in filter(None, values):
        word = code.op(f"lshr <32 x i64> {value}, {constant(32, 64)}") if bits == 64 else value
        same = code.op(f"icmp eq <32 x i{bits}> {word}, {constant(UNDEFINED, bits)}")
        lanes = code.op(f"or i32 {lanes}, {code.op(f'bitcast <32 x i1> {same} to i32')}")
    lanes = code.op(f"and i32 {lanes}, {code.guarded_mask()}")
    arguments = [("ptr", "%c"), ("ptr", "%w"), ("i32", lanes), ("i32", access_site(code, item))]
    code.helper("report undefined", "void", arguments)


def _address_from_data(code: Code, operand: Operand) -> bool:
    """Whether an address depends on loaded values, so that other data would send other threads to it."""
    return isinstance(operand, Address) and isinstance(operand.base, Name) and operand.base.name in code.program.data


_OPERATIONS = ("add", "exch", "min", "max", "cas", "and", "or", "xor", "inc", "dec")


@instruction("atom", "red")
def atomic(code: Code, item: Instruction) -> None:
    """`atom.global.add.f32 old, [x], value`; `red` without the old value. Lanes run in ascending order."""
    type_ = last_type(item)
    if any(p in item.modifiers for p in ("v2", "v4", "v8")) or WIDTHS[type_] > 64:
        raise code.unsupported()
    bits = WIDTHS[type_]
    operands = list(item.operands)
    target = operands.pop(0) if item.op == "atom" else None
    operation = next(p for p in item.modifiers if p in _OPERATIONS)
    values = [code.raw(o, type_) for o in operands[1:]]
    values += [""] * (2 - len(values)) + [""]
    kind = type_ if operation not in ("exch", "cas", "and", "or", "xor") else f"b{bits}"
    scattered = int(_address_from_data(code, operands[0]))
    name = f"atomic {space_of(item)} {operation} {kind} {order_of(code, item)} {scattered}"
    rows = access(code, item, operands[0], name, values, bits)
    if space_of(item) == "generic":
        _report_undefined(code, item, values, bits)
    if target is not None:
        value = code.op(f"load <32 x i{bits}>, ptr {rows[2]}, align {min(64, 4 * bits)}")
        code.write(target, value, f"b{bits}")
