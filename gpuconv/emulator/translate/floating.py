"""Floating-point instructions: PTX ISA 9.7.3 to 9.7.6. f32 and f64 here, f16 and bf16 through runtime/lanes.py.

Round-to-nearest uses the host's instructions. Other rounding modes and all f16 and bf16 results come from correctly
rounding functions. `.ftz` flushes subnormal inputs and results to signed zeros. The payload of NaN results is the
host's.
"""

from ..ptx import WIDTHS, Instruction
from .code import Code
from .groups import first_type, instruction
from .values import constant, vector

_ROUNDINGS = ("rz", "rm", "rp")
_BINARY = {"add": "fadd", "sub": "fsub", "mul": "fmul", "div": "fdiv"}


def float_arithmetic(code: Code, item: Instruction, type_: str) -> None:
    """add, sub, mul, fma, mad, div, min, max, abs, neg of a floating-point type."""
    operands = item.operands[1:]
    rounding = next((p for p in item.modifiers if p in _ROUNDINGS), None)
    if type_ in ("f16", "bf16", "f16x2", "bf16x2"):
        kept = [m for m in ("NaN", "xorsign", "sat", "relu", "ftz") if m in item.modifiers]
        narrow_arithmetic(code, item, type_, ["fma" if item.op == "mad" else item.op, *kept])
        return
    values = [code.flushed(code.read(o, type_), item, type_) for o in operands]
    v = vector(type_)
    if item.op in ("min", "max"):
        result = _extreme(code, item, values, type_)
    elif item.op == "abs":
        result = code.intrinsic(f"llvm.fabs.v32{type_}", v, values[0])
    elif item.op == "neg":
        result = code.op(f"fneg {v} {values[0]}")
    elif rounding:
        name = "fma" if item.op == "mad" else item.op
        result = code.lanewise(f"{name}_{rounding}_{type_}", type_, *((x, type_) for x in values))
    elif item.op in ("fma", "mad"):
        result = code.intrinsic(f"llvm.fma.v32{type_}", v, *values)
    else:
        result = code.op(f"{_BINARY[item.op]} {v} {values[0]}, {values[1]}")
    result = code.saturated(result, item, type_)
    code.write(item.operands[0], code.flushed(result, item, type_), type_)


def _extreme(code: Code, item: Instruction, values: list[str], type_: str) -> str:
    """min, max: a number wins over NaN unless .NaN; -0 is less than +0; NaN is the canonical one."""
    v, bits = vector(type_), WIDTHS[type_]
    if "xorsign" in item.modifiers:
        raise code.unsupported()
    name = f"llvm.{item.op}imum{'' if 'NaN' in item.modifiers else 'num'}.v32{type_}"
    result = values[0]
    for value in values[1:]:
        result = code.intrinsic(name, v, result, value)
    quiet = code.op(f"bitcast <32 x i{bits}> {constant(2 ** (bits - 1) - 1, bits)} to {v}")
    unordered = code.op(f"fcmp uno {v} {result}, {result}")
    return code.op(f"select <32 x i1> {unordered}, {v} {quiet}, {v} {result}")


def narrow_arithmetic(code: Code, item: Instruction, type_: str, name: list[str]) -> None:
    """f16 and bf16 arithmetic, scalar or packed: a function of runtime/half.py for each half."""
    scalar = type_.removesuffix("x2")
    function = "_".join([*name, scalar])
    values = [code.raw(o, type_) for o in item.operands[1:]]
    if type_ == scalar:
        result = code.lanewise(function, "b16", *((x, "b16") for x in values))
        code.write(item.operands[0], result, "b16")
        return
    halves = []
    for shift in (0, 16):
        lanes = [code.op(f"lshr <32 x i32> {x}, {constant(shift, 32)}") for x in values]
        lanes = [code.op(f"trunc <32 x i32> {x} to <32 x i16>") for x in lanes]
        result = code.lanewise(function, "b16", *((x, "b16") for x in lanes))
        halves.append(code.op(f"zext <32 x i16> {result} to <32 x i32>"))
    high = code.op(f"shl <32 x i32> {halves[1]}, {constant(16, 32)}")
    code.write(item.operands[0], code.op(f"or <32 x i32> {halves[0]}, {high}"), "b32")


def compare_floats(code: Code, item: Instruction, type_: str, kind: str) -> str:
    """Compare: ordered comparisons are false for NaN, those ending in u true; num and nan test for NaN."""
    a, b = (code.read(o, type_ if type_ in ("f32", "f64") else "b16") for o in item.operands[1:3])
    if type_ in ("f16", "bf16"):
        a, b = (code.lanewise(f"widen_{type_}", "f32", (x, "b16")) for x in (a, b))
        type_ = "f32"
    a, b = (code.flushed(x, item, type_) for x in (a, b))
    names = {"num": "ord", "nan": "uno", "equ": "ueq", "neu": "une"}
    test = names.get(kind) or (f"u{kind[:2]}" if len(kind) == 3 else f"o{kind}")
    return code.op(f"fcmp {test} {vector(type_)} {a}, {b}")


@instruction("sqrt", "rcp", "rsqrt", "ex2", "lg2", "sin", "cos", "tanh")
def functions(code: Code, item: Instruction) -> None:
    """sqrt and rcp are correctly rounded; the approximate functions round float64's value, closer than hardware."""
    type_ = first_type(item)
    if type_ in ("f16", "bf16", "f16x2", "bf16x2"):
        narrow_arithmetic(code, item, type_, [item.op])
        return
    a = code.flushed(code.read(item.operands[1], type_), item, type_)
    rounding = next((p for p in item.modifiers if p in _ROUNDINGS), None)
    v = vector(type_)
    if rounding:
        result = code.lanewise(f"{item.op}_{rounding}_{type_}", type_, (a, type_))
    elif item.op == "sqrt":
        result = code.intrinsic(f"llvm.sqrt.v32{type_}", v, a)
    elif item.op == "rcp":
        one = code.bitcast(constant({"f32": 0x3F800000, "f64": 0x3FF << 52}[type_], WIDTHS[type_]),
                           f"<32 x i{WIDTHS[type_]}>", v)  # fmt: skip
        result = code.op(f"fdiv {v} {one}, {a}")
    else:
        result = code.lanewise(f"{item.op}_{type_}", type_, (a, type_))
    code.write(item.operands[0], code.flushed(result, item, type_), type_)


@instruction("copysign", "testp")
def signs(code: Code, item: Instruction) -> None:
    """copysign: the second source with the sign of the first. testp: classify numbers."""
    type_ = first_type(item)
    bits = WIDTHS[type_]
    if item.op == "copysign":
        sign, size = (code.raw(o, type_) for o in item.operands[1:3])
        kept = code.op(f"and <32 x i{bits}> {size}, {constant(2 ** (bits - 1) - 1, bits)}")
        taken = code.op(f"and <32 x i{bits}> {sign}, {constant(2 ** (bits - 1), bits)}")
        code.write(item.operands[0], code.op(f"or <32 x i{bits}> {kept}, {taken}"), f"b{bits}")
        return
    a = code.raw(item.operands[1], type_)
    size = code.op(f"and <32 x i{bits}> {a}, {constant(2 ** (bits - 1) - 1, bits)}")
    infinity, smallest = {"f32": (0x7F800000, 1 << 23), "f64": (0x7FF << 52, 1 << 52)}[type_]
    top, low = constant(infinity, bits), constant(smallest, bits)
    v = f"<32 x i{bits}>"
    below, above = code.op(f"icmp ult {v} {size}, {top}"), code.op(f"icmp uge {v} {size}, {low}")
    tests = {
        "finite": lambda: below,
        "infinite": lambda: code.op(f"icmp eq {v} {size}, {top}"),
        "number": lambda: code.op(f"icmp ule {v} {size}, {top}"),
        "notanumber": lambda: code.op(f"icmp ugt {v} {size}, {top}"),
        "normal": lambda: code.op(f"and <32 x i1> {below}, {above}"),
        "subnormal": lambda: code.op(
            f"and <32 x i1> {code.op(f'icmp ult {v} {size}, {low}')}, {code.op(f'icmp ne {v} {size}, zeroinitializer')}"
        ),
    }
    code.write(item.operands[0], tests[item.modifiers[0]](), "pred")
