"""mov, cvt, cvta: PTX ISA 9.7.9. A conversion rounds once; float to integer saturates, NaN gives 0."""

from ..ptx import WIDTHS, Instruction, Vector
from ..runtime import state as s
from .code import Code
from .groups import first_type, instruction
from .values import FLOATS, constant, vector

_INTEGER_ROUNDINGS = ("rni", "rzi", "rmi", "rpi")
_ROUNDINGS = ("rn", "rz", "rm", "rp", "rna")


@instruction("mov")
def mov(code: Code, item: Instruction) -> None:
    """Move a register, literal or address; pack or unpack a register."""
    target, source = item.operands
    type_ = first_type(item)
    bits = WIDTHS[type_]
    if isinstance(target, Vector):
        _unpack(code, target, code.raw(source, type_), bits)
    elif isinstance(source, Vector):
        part = bits // len(source.items)
        total = "zeroinitializer"
        for k, operand in enumerate(source.items):
            wide = code.op(f"zext <32 x i{part}> {code.read(operand, f'b{part}')} to <32 x i{bits}>")
            moved = code.op(f"shl <32 x i{bits}> {wide}, {constant(k * part, bits)}")
            total = code.op(f"or <32 x i{bits}> {total}, {moved}")
        code.write(target, total, f"b{bits}")
    else:
        code.write(target, code.raw(source, type_), "pred" if type_ == "pred" else f"b{bits}")


def _unpack(code: Code, target: Vector, value: str, bits: int) -> None:
    part = bits // len(target.items)
    for k, operand in enumerate(target.items):
        moved = code.op(f"lshr <32 x i{bits}> {value}, {constant(k * part, bits)}")
        code.write(operand, code.op(f"trunc <32 x i{bits}> {moved} to <32 x i{part}>"), f"b{part}")


@instruction("cvt")
def cvt(code: Code, item: Instruction) -> None:
    """Convert from the last type of the opcode to the one before it."""
    types = [p for p in item.modifiers if p in WIDTHS]
    target, source = types[0], types[-1]
    if target in ("f16x2", "bf16x2"):
        _pack(code, item, target.removesuffix("x2"))
        return
    if target == "tf32":
        a = code.read(item.operands[1], "f32")
        mode = next((m for m in ("rna", "rz") if m in item.modifiers), "rn")
        relu = "_relu" if "relu" in item.modifiers else ""
        code.write(item.operands[0], code.lanewise(f"tf32_{mode}{relu}", "b32", (a, "f32")), "b32")
        return
    floating = ("f16", "bf16", "f32", "f64")
    if source in floating:
        value, wide = _widened(code, item, source)
        if target in floating:
            _float_to_float(code, item, value, wide, source, target)
        else:
            code.write(item.operands[0], _float_to_integer(code, item, value, wide, target), target)
    elif target in floating:
        _integer_to_float(code, item, source, target)
    else:
        _integer_to_integer(code, item, source, target)


def _widened(code: Code, item: Instruction, source: str) -> tuple[str, str]:
    """Read a floating-point operand, widened to f32 or f64."""
    if source in FLOATS:
        return code.flushed(code.read(item.operands[1], source), item, source), source
    return code.lanewise(f"widen_{source}", "f32", (code.read(item.operands[1], "b16"), "b16")), "f32"


_WHOLE = {"rni": "roundeven", "rzi": "trunc", "rmi": "floor", "rpi": "ceil"}


def _float_to_integer(code: Code, item: Instruction, value: str, wide: str, target: str) -> str:
    """Round to an integer and saturate; NaN gives 0, or 2^63 for 64-bit targets."""
    mode = next(p for p in item.modifiers if p in _INTEGER_ROUNDINGS)
    whole = code.intrinsic(f"llvm.{_WHOLE[mode]}.v32{wide}", vector(wide), value)
    name = f"llvm.fpto{'s' if target[0] == 's' else 'u'}i.sat.v32i{WIDTHS[target]}.v32{wide}"
    code.program.intrinsic(f"{vector(target)} @{name}({vector(wide)})")
    result = code.op(f"call {vector(target)} @{name}({vector(wide)} {whole})")
    if WIDTHS[target] < 64:
        return result
    unordered = code.op(f"fcmp uno {vector(wide)} {value}, {value}")
    return code.op(f"select <32 x i1> {unordered}, <32 x i64> {constant(1 << 63, 64)}, <32 x i64> {result}")


def _float_to_float(code: Code, item: Instruction, value: str, wide: str, source: str, target: str) -> None:
    mode = next((p for p in item.modifiers if p in _INTEGER_ROUNDINGS), None)
    rounding = next((p for p in item.modifiers if p in _ROUNDINGS), "rn")
    if mode:
        value = code.intrinsic(f"llvm.{_WHOLE[mode]}.v32{wide}", vector(wide), value)
    if target == "f64" and wide == "f32":
        value = code.op(f"fpext {vector('f32')} {value} to {vector('f64')}")
    elif target == "f32" and wide == "f64":
        if rounding == "rn":
            value = code.op(f"fptrunc {vector('f64')} {value} to {vector('f32')}")
        else:
            value = code.lanewise(f"narrow_{rounding}_f32_f64", "f32", (value, "f64"))
    elif target in ("f16", "bf16"):
        value = code.saturated(value, item, wide)
        relu = "_relu" if "relu" in item.modifiers else ""
        result = code.lanewise(f"narrow_{rounding}{relu}_{target}_{wide}", "b16", (value, wide))
        code.write(item.operands[0], result, "b16")
        return
    value = code.saturated(value, item, target)
    code.write(item.operands[0], code.flushed(value, item, target), target)


def _integer_to_float(code: Code, item: Instruction, source: str, target: str) -> None:
    rounding = next((p for p in item.modifiers if p in _ROUNDINGS), "rn")
    a = code.read(item.operands[1], source)
    if target in FLOATS and rounding == "rn":
        operation = "sitofp" if source[0] == "s" else "uitofp"
        result = code.op(f"{operation} {vector(source)} {a} to {vector(target)}")
        code.write(item.operands[0], code.saturated(result, item, target), target)
        return
    wide = f"{source[0]}64"
    if WIDTHS[source] < 64:
        a = code.op(f"{'sext' if source[0] == 's' else 'zext'} {vector(source)} {a} to <32 x i64>")
    kind = target if target in FLOATS else "b16"
    code.write(item.operands[0], code.lanewise(f"from_{rounding}_{target}_{wide}", kind, (a, wide)), kind)


def _integer_to_integer(code: Code, item: Instruction, source: str, target: str) -> None:
    a = code.read(item.operands[1], source)
    if "sat" in item.modifiers:
        a = _clamped(code, a, source, target)
        if WIDTHS[source] != WIDTHS[target]:
            change = "trunc" if WIDTHS[source] > WIDTHS[target] else "sext" if source[0] == "s" else "zext"
            a = code.op(f"{change} {vector(source)} {a} to {vector(target)}")
    elif WIDTHS[source] > WIDTHS[target]:
        a = code.op(f"trunc {vector(source)} {a} to {vector(target)}")
    elif WIDTHS[source] < WIDTHS[target]:
        a = code.op(f"{'sext' if source[0] == 's' else 'zext'} {vector(source)} {a} to {vector(target)}")
    code.write(item.operands[0], a, target)


def _clamped(code: Code, value: str, source: str, target: str) -> str:
    """Clamp an integer to the range of another type, without changing its type."""
    (low, high), (least, most) = _range(source), _range(target)
    v, sign, bits = vector(source), source[0], WIDTHS[source]
    if most < high:
        value = code.intrinsic(f"llvm.{sign}min.v32i{bits}", v, value, constant(most, bits))
    if least > low:
        value = code.intrinsic(f"llvm.{sign}max.v32i{bits}", v, value, constant(least, bits))
    return value


def _range(type_: str) -> tuple[int, int]:
    bits = WIDTHS[type_]
    return (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1) if type_[0] == "s" else (0, 2**bits - 1)


def _pack(code: Code, item: Instruction, type_: str) -> None:
    """cvt.rn.f16x2.f32 d, a, b: a in the high half, b in the low one."""
    rounding = "rz" if "rz" in item.modifiers else "rn"
    relu = "_relu" if "relu" in item.modifiers else ""
    halves = []
    for operand in item.operands[1:3]:
        value = code.read(operand, "f32")
        result = code.lanewise(f"narrow_{rounding}{relu}_{type_}_f32", "b16", (value, "f32"))
        halves.append(code.op(f"zext <32 x i16> {result} to <32 x i32>"))
    high = code.op(f"shl <32 x i32> {halves[0]}, {constant(16, 32)}")
    code.write(item.operands[0], code.op(f"or <32 x i32> {high}, {halves[1]}"), "b32")


_WINDOWS = {"shared": s.SHARED_WINDOW, "shared_cta": s.SHARED_WINDOW, "local": s.LOCAL_WINDOW}


@instruction("cvta")
def cvta(code: Code, item: Instruction) -> None:
    """Convert an address of a state space to a generic one, or back (.to)."""
    space = item.modifiers[1] if "to" in item.modifiers else item.modifiers[0]
    type_ = "u32" if "u32" in item.modifiers else "u64"
    value = code.read(item.operands[1], type_)
    base = _WINDOWS.get(space, 0) << s.SPACE_SHIFT
    if base and type_ == "u64":
        operation = "sub" if "to" in item.modifiers else "add"
        value = code.op(f"{operation} <32 x i64> {value}, {constant(base, 64)}")
    code.write(item.operands[0], value, type_)


@instruction("isspacep")
def isspacep(code: Code, item: Instruction) -> None:
    """Test whether a generic address belongs to a state space."""
    window = code.op(f"lshr <32 x i64> {code.read(item.operands[1], 'u64')}, {constant(s.SPACE_SHIFT, 64)}")
    space = item.modifiers[0]
    if space in _WINDOWS:
        found = code.op(f"icmp eq <32 x i64> {window}, {constant(_WINDOWS[space], 64)}")
    else:
        found = code.op(f"icmp uge <32 x i64> {window}, {constant(s.FIRST_REGION, 64)}")
    code.write(item.operands[0], found, "pred")


@instruction("createpolicy")
def createpolicy(code: Code, item: Instruction) -> None:
    """A cache hint; caches are not modeled."""
    code.write(item.operands[0], constant(0, 64), "b64")
