"""Integer arithmetic, logic, comparison, selection: PTX ISA 9.7.1, 9.7.2, 9.7.6, 9.7.8."""

from ..flow import CARRY
from ..ptx import WIDTHS, Instruction, Name, Vector
from .code import Code
from .floating import compare_floats, float_arithmetic
from .groups import first_type, instruction, last_type
from .values import FLOATS, constant, vector

_PLAIN = {"add": "add", "sub": "sub", "and": "and", "or": "or", "xor": "xor"}


@instruction("add", "sub", "mul", "mad", "fma", "min", "max", "abs", "neg", "div")
def arithmetic(code: Code, item: Instruction) -> None:
    """Arithmetic of any type: integers here, floats in floating.py."""
    type_ = first_type(item)
    if type_ in ("f32", "f64", "f16", "bf16", "f16x2", "bf16x2"):
        float_arithmetic(code, item, type_)
    elif "cc" in item.modifiers:
        with_carry(code, item)
    elif item.op in ("mul", "mad"):
        _multiply(code, item, type_)
    elif item.op == "div":
        _divide(code, item)
    else:
        _integer(code, item, type_)


def _integer(code: Code, item: Instruction, type_: str) -> None:
    v = vector(type_)
    a = code.read(item.operands[1], type_)
    if item.op == "neg":
        result = code.op(f"sub {v} zeroinitializer, {a}")
    elif item.op == "abs":
        result = code.op(f"call {v} @llvm.abs.v32i{WIDTHS[type_]}({v} {a}, i1 false)")
        code.program.intrinsic(f"{v} @llvm.abs.v32i{WIDTHS[type_]}({v}, i1)")
    elif item.op in ("min", "max"):
        b = code.read(item.operands[2], type_)
        name = f"llvm.{'s' if type_[0] == 's' else 'u'}{item.op}.v32i{WIDTHS[type_]}"
        result = code.intrinsic(name, v, a, b)
        if "relu" in item.modifiers:
            result = code.intrinsic(name.replace("min", "max"), v, result, "zeroinitializer")
    elif item.op in ("add", "sub") and "sat" in item.modifiers:
        b = code.read(item.operands[2], type_)
        result = code.intrinsic(f"llvm.s{item.op}.sat.v32i32", v, a, b)
    elif type_ in ("u16x2", "s16x2"):
        raise code.unsupported()
    else:
        b = code.read(item.operands[2], type_)
        result = code.op(f"{_PLAIN[item.op]} {v} {a}, {b}")
    code.write(item.operands[0], result, type_)


def _product(code: Code, item: Instruction, type_: str) -> tuple[str, str]:
    """Product of the first two sources and its type: .lo, .hi or .wide."""
    bits, sign = WIDTHS[type_], "sext" if type_[0] == "s" else "zext"
    a, b = code.read(item.operands[1], type_), code.read(item.operands[2], type_)
    v = vector(type_)
    if "wide" not in item.modifiers and "hi" not in item.modifiers:
        return code.op(f"mul {v} {a}, {b}"), type_
    if bits == 64:
        return code.lanewise(f"mul_hi_{type_}", type_, (a, type_), (b, type_)), type_
    double = f"{type_[0]}{2 * bits}"
    wide = [code.op(f"{sign} {v} {x} to {vector(double)}") for x in (a, b)]
    product = code.op(f"mul {vector(double)} {wide[0]}, {wide[1]}")
    if "wide" in item.modifiers:
        return product, double
    high = code.op(f"lshr {vector(double)} {product}, {constant(bits, 2 * bits)}")
    return code.op(f"trunc {vector(double)} {high} to {v}"), type_


def _multiply(code: Code, item: Instruction, type_: str) -> None:
    product, result = _product(code, item, type_)
    if item.op == "mad":
        if "sat" in item.modifiers:
            c = code.read(item.operands[3], result)
            product = code.intrinsic("llvm.sadd.sat.v32i32", vector(result), product, c)
        else:
            product = code.op(f"add {vector(result)} {product}, {code.read(item.operands[3], result)}")
    code.write(item.operands[0], product, result)


@instruction("mul24", "mad24")
def multiply_24(code: Code, item: Instruction) -> None:
    """24-bit products: .lo the low 32 of 48 bits, .hi the high 32."""
    type_ = first_type(item)
    extend, shift = ("sext", "ashr") if type_[0] == "s" else ("zext", "lshr")
    wide = []
    for operand in item.operands[1:3]:
        high = code.op(f"shl <32 x i32> {code.read(operand, type_)}, {constant(8, 32)}")
        low = code.op(f"{shift} <32 x i32> {high}, {constant(8, 32)}")
        wide.append(code.op(f"{extend} <32 x i32> {low} to <32 x i64>"))
    product = code.op(f"mul <32 x i64> {wide[0]}, {wide[1]}")
    if "hi" in item.modifiers:
        product = code.op(f"lshr <32 x i64> {product}, {constant(16, 64)}")
    result = code.op(f"trunc <32 x i64> {product} to <32 x i32>")
    if item.op == "mad24":
        c = code.read(item.operands[3], type_)
        result = (
            code.intrinsic("llvm.sadd.sat.v32i32", "<32 x i32>", result, c)
            if "sat" in item.modifiers
            else code.op(f"add <32 x i32> {result}, {c}")
        )
    code.write(item.operands[0], result, type_)


@instruction("rem")
def _divide(code: Code, item: Instruction) -> None:
    type_ = first_type(item)
    a, b = code.read(item.operands[1], type_), code.read(item.operands[2], type_)
    code.write(item.operands[0], code.lanewise(f"{item.op}_{type_}", type_, (a, type_), (b, type_)), type_)


@instruction("addc", "subc", "madc")
def with_carry(code: Code, item: Instruction) -> None:
    """add.cc, addc, sub.cc, subc, mad.cc, madc: extended-precision sums."""
    type_ = first_type(item)
    bits = WIDTHS[type_]
    wide = f"<32 x i{2 * bits}>"
    if item.op in ("mad", "madc"):
        a, _ = _product(code, item, type_)
        b = code.read(item.operands[3], type_)
    else:
        a, b = code.read(item.operands[1], type_), code.read(item.operands[2], type_)
    operation = "sub" if item.op in ("sub", "subc") else "add"
    x, y = (code.op(f"zext {vector(type_)} {value} to {wide}") for value in (a, b))
    total = code.op(f"{operation} {wide} {x}, {y}")
    if item.op in ("addc", "subc", "madc"):
        carry = code.op(f"zext <32 x i1> {code.register(CARRY)} to {wide}")
        total = code.op(f"{operation} {wide} {total}, {carry}")
    code.write(item.operands[0], code.op(f"trunc {wide} {total} to {vector(type_)}"), type_)
    if "cc" in item.modifiers:
        high = code.op(f"lshr {wide} {total}, {constant(bits, 2 * bits)}")
        code.write(Name(CARRY), code.op(f"trunc {wide} {high} to <32 x i1>"), "pred")


@instruction("and", "or", "xor")
def logic(code: Code, item: Instruction) -> None:
    """Bitwise logic."""
    type_ = first_type(item)
    a, b = (code.read(o, type_) for o in item.operands[1:3])
    code.write(item.operands[0], code.op(f"{item.op} {vector(type_)} {a}, {b}"), type_)


@instruction("not", "cnot")
def negation(code: Code, item: Instruction) -> None:
    """`not`: bitwise; `cnot`: logical, 1 for 0, else 0."""
    type_ = first_type(item)
    a = code.read(item.operands[1], type_)
    if item.op == "not":
        result = code.op(f"xor {vector(type_)} {a}, {constant(-1, WIDTHS[type_])}")
    else:
        zero = code.op(f"icmp eq {vector(type_)} {a}, zeroinitializer")
        result = code.op(f"zext <32 x i1> {zero} to {vector(type_)}")
    code.write(item.operands[0], result, type_)


@instruction("shl", "shr")
def shift(code: Code, item: Instruction) -> None:
    """Shift amounts are clamped: shifts past the width give 0, or the sign."""
    type_ = first_type(item)
    bits, v = WIDTHS[type_], vector(type_)
    a, amount = code.read(item.operands[1], type_), code.read(item.operands[2], "u32")
    past = code.op(f"icmp ugt <32 x i32> {amount}, {constant(bits - 1, 32)}")
    signed = item.op == "shr" and type_[0] == "s"
    limit = constant(bits - 1, 32)
    n = code.op(f"select <32 x i1> {past}, <32 x i32> {limit}, <32 x i32> {amount}")
    if bits != 32:
        n = code.op(f"{'zext' if bits > 32 else 'trunc'} <32 x i32> {n} to {v}")
    operation = "shl" if item.op == "shl" else "ashr" if signed else "lshr"
    result = code.op(f"{operation} {v} {a}, {n}")
    if not signed:
        result = code.op(f"select <32 x i1> {past}, {v} zeroinitializer, {v} {result}")
    code.write(item.operands[0], result, type_)


@instruction("shf")
def funnel_shift(code: Code, item: Instruction) -> None:
    """The high (.l) or low (.r) half of {b, a} shifted; amounts wrap or clamp at 32."""
    low, high, n = (code.read(o, "b32") for o in item.operands[1:4])
    if "clamp" in item.modifiers:
        n = code.intrinsic("llvm.umin.v32i32", "<32 x i32>", n, constant(32, 32))
    else:
        n = code.op(f"and <32 x i32> {n}, {constant(31, 32)}")
    wide = [code.op(f"zext <32 x i32> {x} to <32 x i64>") for x in (low, high, n)]
    upper = code.op(f"shl <32 x i64> {wide[1]}, {constant(32, 64)}")
    both = code.op(f"or <32 x i64> {upper}, {wide[0]}")
    if "l" in item.modifiers:
        moved = code.op(f"shl <32 x i64> {both}, {wide[2]}")
        moved = code.op(f"lshr <32 x i64> {moved}, {constant(32, 64)}")
    else:
        moved = code.op(f"lshr <32 x i64> {both}, {wide[2]}")
    code.write(item.operands[0], code.op(f"trunc <32 x i64> {moved} to <32 x i32>"), "b32")


_COMPARE = {"eq": "eq", "ne": "ne", "lt": "lt", "le": "le", "gt": "gt", "ge": "ge",
            "lo": "lt", "ls": "le", "hi": "gt", "hs": "ge"}  # fmt: skip


def _comparison(code: Code, item: Instruction, type_: str) -> str:
    kind = item.modifiers[0]
    if type_ in FLOATS or type_ in ("f16", "bf16"):
        return compare_floats(code, item, type_, kind)
    a, b = code.read(item.operands[1], type_), code.read(item.operands[2], type_)
    sign = "" if kind in ("eq", "ne") else "s" if type_[0] == "s" else "u"
    return code.op(f"icmp {sign}{_COMPARE[kind]} {vector(type_)} {a}, {b}")


@instruction("setp", "set")
def set_predicate(code: Code, item: Instruction) -> None:
    """`setp.lt.and.s32 p|q, a, b, c`: p = (a < b) and c, q = not (a < b) and c."""
    found = _comparison(code, item, last_type(item))
    combine = next((p for p in item.modifiers[1:] if p in ("and", "or", "xor")), None)
    opposite = code.op(f"xor <32 x i1> {found}, {constant(1, 1)}")
    if combine:
        c = code.read(item.operands[3], "pred")
        found, opposite = (code.op(f"{combine} <32 x i1> {x}, {c}") for x in (found, opposite))
    result = item.operands[0]
    if item.op == "set":
        type_ = first_type(item)
        if type_ == "f32":
            one = code.op(
                f"select <32 x i1> {found}, <32 x i32> {constant(0x3F800000, 32)}, <32 x i32> zeroinitializer"
            )
            code.write(result, one, "b32")
        else:
            code.write(result, code.op(f"sext <32 x i1> {found} to {vector(type_)}"), type_)
    elif isinstance(result, Vector):
        code.write(result.items[0], found, "pred")
        code.write(result.items[1], opposite, "pred")
    else:
        code.write(result, found, "pred")


@instruction("selp", "slct")
def select(code: Code, item: Instruction) -> None:
    """selp: a where p, else b. slct: a where c >= 0, else b."""
    type_ = f"b{WIDTHS[first_type(item)]}"
    a, b = (code.raw(o, first_type(item)) for o in item.operands[1:3])
    if item.op == "selp":
        choice = code.read(item.operands[3], "pred")
    elif last_type(item) == "f32":
        c = code.read(item.operands[3], "f32")
        choice = code.op(f"fcmp oge <32 x float> {c}, zeroinitializer")
    else:
        choice = code.op(f"icmp sge <32 x i32> {code.read(item.operands[3], 's32')}, zeroinitializer")
    v = vector(type_)
    code.write(item.operands[0], code.op(f"select <32 x i1> {choice}, {v} {a}, {v} {b}"), type_)
