"""Integer instructions against Python integers, wrapped to the width by the rules of the PTX ISA."""

import numpy as np
import pytest

from tests.emulator.execute import DTYPES, execute, padded, pairs, special_integers

TYPES = ["u16", "s16", "u32", "s32", "u64", "s64"]
WIDE = ["u32", "s32", "u64", "s64"]


def wrap(values, type_):
    """Python integers wrapped to a type's width."""
    size = 8 * np.dtype(DTYPES[type_]).itemsize
    unsigned = np.array([int(v) % 2**size for v in values], f"u{size // 8}")
    return unsigned.view(DTYPES[type_])


def width(type_):
    return int(type_[1:])


def unsigned(value, type_):
    return int(value) % 2 ** width(type_)


def truncated(a, b):
    quotient = abs(a) // abs(b)
    return quotient if (a < 0) == (b < 0) else -quotient


ARITHMETIC = {
    "add.{t} %d, %a, %b;": lambda a, b, t: a + b,
    "sub.{t} %d, %a, %b;": lambda a, b, t: a - b,
    "mul.lo.{t} %d, %a, %b;": lambda a, b, t: a * b,
    "mul.hi.{t} %d, %a, %b;": lambda a, b, t: (a * b) >> width(t),
    "min.{t} %d, %a, %b;": lambda a, b, t: min(a, b),
    "max.{t} %d, %a, %b;": lambda a, b, t: max(a, b),
    "mad.lo.{t} %d, %a, %b, %a;": lambda a, b, t: a * b + a,
    "mad.hi.{t} %d, %a, %b, %b;": lambda a, b, t: ((a * b) >> width(t)) + b,
    "div.{t} %d, %a, %b;": lambda a, b, t: truncated(a, b) if b else -1,
    "rem.{t} %d, %a, %b;": lambda a, b, t: a - b * truncated(a, b) if b else a,
    "sad.{t} %d, %a, %b, %a;": lambda a, b, t: abs(a - b) + a,
}


@pytest.mark.parametrize("type_", TYPES)
def test_arithmetic(type_):
    a, b = pairs(special_integers(type_, np.random.default_rng(0)), DTYPES[type_])
    lines = [line.format(t=type_) for line in ARITHMETIC]
    found = execute(lines, {"a": (type_, a), "b": (type_, b)}, type_)
    for line, result, function in zip(lines, found, ARITHMETIC.values(), strict=True):
        expected = wrap([function(int(x), int(y), type_) for x, y in zip(a, b, strict=True)], type_)
        assert (result == expected).all(), line


@pytest.mark.parametrize("type_", ["u16", "s16", "u32", "s32"])
def test_wide_products(type_):
    double = f"{type_[0]}{2 * width(type_)}"
    a, b = pairs(special_integers(type_, np.random.default_rng(1)), DTYPES[type_])
    c = np.random.default_rng(2).integers(0, 2**15, a.size).astype(DTYPES[double])
    lines = [f"mul.wide.{type_} %d, %a, %b;", f"mad.wide.{type_} %d, %a, %b, %c;"]
    found = execute(lines, {"a": (type_, a), "b": (type_, b), "c": (double, c)}, double)
    product = [int(x) * int(y) for x, y in zip(a, b, strict=True)]
    assert (found[0] == wrap(product, double)).all()
    assert (found[1] == wrap([p + int(z) for p, z in zip(product, c, strict=True)], double)).all()


@pytest.mark.parametrize("type_", ["u32", "s32"])
def test_24_bit_products(type_):
    a, b = pairs(special_integers(type_, np.random.default_rng(1)), DTYPES[type_])
    lines = [f"mul24.lo.{type_} %d, %a, %b;", f"mul24.hi.{type_} %d, %a, %b;", f"mad24.lo.{type_} %d, %a, %b, %a;"]
    found = execute(lines, {"a": (type_, a), "b": (type_, b)}, type_)

    def low(x):
        x = int(x) % 2**24
        return x - 2**24 if type_ == "s32" and x >= 2**23 else x

    product = [low(x) * low(y) for x, y in zip(a, b, strict=True)]
    assert (found[0] == wrap(product, type_)).all()
    assert (found[1] == wrap([p >> 16 for p in product], type_)).all()
    assert (found[2] == wrap([p + int(x) for p, x in zip(product, a, strict=True)], type_)).all()


@pytest.mark.parametrize("type_", ["s16", "s32", "s64"])
def test_abs_and_neg(type_):
    a = padded(special_integers(type_, np.random.default_rng(3)), DTYPES[type_])
    found = execute([f"abs.{type_} %d, %a;", f"neg.{type_} %d, %a;"], {"a": (type_, a)}, type_)
    assert (found[0] == wrap([abs(int(x)) for x in a], type_)).all()
    assert (found[1] == wrap([-int(x) for x in a], type_)).all()


def test_saturation():
    a, b = pairs(special_integers("s32", np.random.default_rng(4)), np.int32)
    lines = ["add.sat.s32 %d, %a, %b;", "sub.sat.s32 %d, %a, %b;"]
    found = execute(lines, {"a": ("s32", a), "b": ("s32", b)}, "s32")
    wide = a.astype(np.int64), b.astype(np.int64)
    assert (found[0] == np.clip(wide[0] + wide[1], -(2**31), 2**31 - 1)).all()
    assert (found[1] == np.clip(wide[0] - wide[1], -(2**31), 2**31 - 1)).all()


@pytest.mark.parametrize("type_", ["u32", "u64"])
def test_carry_chains(type_):
    size = width(type_)
    a, b = pairs(special_integers(type_, np.random.default_rng(5)), DTYPES[type_])
    scratch = "%y" if size == 64 else "%x"
    lines = [
        f"add.cc.{type_} %y1, %a, %b; addc.cc.{type_} %y2, %a, %b; addc.{type_} %d, 0, 0;".replace("%y", scratch),
        f"sub.cc.{type_} %y1, %a, %b; subc.{type_} %d, %b, %a;".replace("%y", scratch),
        f"mad.lo.cc.{type_} %y1, %a, %b, %b; madc.hi.{type_} %d, %a, %b, 0;".replace("%y", scratch),
    ]  # fmt: skip
    found = execute(lines, {"a": (type_, a), "b": (type_, b)}, type_)
    for i, (x, y) in enumerate((int(x), int(y)) for x, y in zip(a, b, strict=True)):
        carry = (x + y) >> size
        assert found[0][i] == (x + y + carry) >> size
        borrow = x < y
        assert found[1][i] == (y - x - borrow) % 2**size
        assert found[2][i] == (x * y + y) >> size


@pytest.mark.parametrize("type_", ["b16", "b32", "b64"])
def test_bitwise_logic(type_):
    a, b = pairs(special_integers(type_.replace("b", "u"), np.random.default_rng(6)), DTYPES[type_])
    lines = [f"{op}.{type_} %d, %a, %b;" for op in ("and", "or", "xor")] + [
        f"not.{type_} %d, %a;",
        f"cnot.{type_} %d, %a;",
    ]
    found = execute(lines, {"a": (type_, a), "b": (type_, b)}, type_)
    for result, expected in zip(found, (a & b, a | b, a ^ b, ~a, (a == 0).astype(a.dtype)), strict=True):
        assert (result == expected).all()


@pytest.mark.parametrize("type_", ["b16", "s16", "u16", "b32", "s32", "u32", "b64", "s64", "u64"])
def test_shifts_past_the_width(type_):
    amounts = np.array([0, 1, 7, 15, 16, 17, 31, 32, 33, 63, 64, 65, 255, 2**31, 2**32 - 1], np.uint32)
    values = special_integers(type_.replace("b", "u"), np.random.default_rng(7))
    a = padded(np.repeat(values, amounts.size), DTYPES[type_])
    n = padded(np.tile(amounts, values.size), np.uint32)
    unsigned_type = type_.replace("s", "b").replace("u", "b")
    lines = [f"shl.{unsigned_type} %d, %a, %n;", f"shr.{type_} %d, %a, %n;"]
    found = execute(lines, {"a": (type_, a), "n": ("u32", n)}, type_)
    both = list(zip(a, n, strict=True))
    left = wrap([unsigned(x, type_) << min(int(k), 64) for x, k in both], type_)
    right = wrap([int(x) >> min(int(k), 64) for x, k in both], type_)
    assert (found[0] == left).all()
    assert (found[1] == right).all()


def test_funnel_shifts():
    values = special_integers("u32", np.random.default_rng(8), 5)
    a, b = pairs(values, np.uint32)
    n = np.random.default_rng(9).choice(np.array([0, 1, 5, 31, 32, 33, 63], np.uint32), a.size)
    lines = [f"shf.{side}.{mode}.b32 %d, %a, %b, %n;" for side in "lr" for mode in ("clamp", "wrap")]
    found = execute(lines, {"a": ("u32", a), "b": ("u32", b), "n": ("u32", n)}, "u32")
    for i, (low, high, k) in enumerate(zip(a.tolist(), b.tolist(), n.tolist(), strict=True)):
        both = (high << 32) | low
        clamped, wrapped = min(k, 32), k % 32
        expected = [(both << clamped >> 32), (both << wrapped >> 32), both >> clamped, both >> wrapped]
        assert [result[i] for result in found] == [e % 2**32 for e in expected]


@pytest.mark.parametrize("size", [32, 64])
def test_bit_counts(size):
    a = padded(
        np.append(special_integers(f"u{size}", np.random.default_rng(10)), np.array([256, 2**31], f"u{size // 8}")),
        f"u{size // 8}",
    )
    lines = [f"popc.b{size} %d, %a;", f"clz.b{size} %d, %a;", f"bfind.u{size} %d, %a;", f"bfind.s{size} %d, %a;",
             f"bfind.shiftamt.u{size} %d, %a;"]  # fmt: skip
    found = execute(lines, {"a": (f"u{size}", a)}, "u32")
    values = [int(x) for x in a]
    assert found[0].tolist() == [bin(x).count("1") for x in values]
    assert found[1].tolist() == [size - x.bit_length() for x in values]
    assert found[2].tolist() == [(x.bit_length() - 1) % 2**32 for x in values]
    flipped = [x if x < 2 ** (size - 1) else 2**size - 1 - x for x in values]
    assert found[3].tolist() == [(x.bit_length() - 1) % 2**32 for x in flipped]
    assert found[4].tolist() == [size - x.bit_length() if x else 2**32 - 1 for x in values]
    reversed_ = execute([f"brev.b{size} %d, %a;"], {"a": (f"u{size}", a)}, f"u{size}")[0]
    assert reversed_.tolist() == [int(f"{x:0{size}b}"[::-1], 2) for x in values]


@pytest.mark.parametrize("type_", WIDE)
def test_bit_fields(type_):
    rng = np.random.default_rng(11)
    size = width(type_)
    a = padded(np.tile(special_integers(type_, rng), 8), DTYPES[type_])
    b = np.roll(a, 5)
    position = rng.choice(np.array([0, 1, 5, size - 1, size, size + 3, 255, 256], np.uint32), a.size)
    length = rng.choice(np.array([0, 1, 7, size - 1, size, 255, 256], np.uint32), a.size)
    inputs = {"a": (type_, a), "b": (type_, b), "m": ("u32", position), "n": ("u32", length)}
    found = execute([f"bfe.{type_} %d, %a, %m, %n;", f"bfi.b{size} %d, %a, %b, %m, %n;"], inputs, type_)
    for i in range(a.size):
        x, y, m, n = unsigned(a[i], type_), unsigned(b[i], type_), int(position[i]) & 255, int(length[i]) & 255
        sign = type_[0] == "s" and n > 0 and (x >> min(m + n - 1, size - 1)) & 1
        field = sum(((x >> (m + k)) & 1 if m + k < size and k < n else int(sign)) << k for k in range(size))
        assert unsigned(found[0][i], type_) == (field if n else 0)
        mask = sum(1 << (m + k) for k in range(n) if m + k < size)
        assert unsigned(found[1][i], type_) == (y & ~mask | (x << m) & mask) % 2**size


def test_prmt():
    rng = np.random.default_rng(12)
    a, b, c = (rng.integers(0, 2**32, 256, dtype=np.uint32) for _ in range(3))
    modes = ["", ".f4e", ".b4e", ".rc8", ".ecl", ".ecr", ".rc16"]
    inputs = {"a": ("u32", a), "b": ("u32", b), "c": ("u32", c)}
    found = execute([f"prmt.b32{mode} %d, %a, %b, %c;" for mode in modes], inputs, "u32")
    choose = [
        lambda c, i: (c >> 4 * i) & 15, lambda c, i: (c & 3) + i, lambda c, i: ((c & 3) - i) % 8, lambda c, i: c & 3,
        lambda c, i: max(i, c & 3), lambda c, i: min(i, c & 3), lambda c, i: 2 * (c & 1) + i % 2,
    ]  # fmt: skip
    for result, selector in zip(found, choose, strict=True):
        for i, (x, y, z) in enumerate(zip(a.tolist(), b.tolist(), c.tolist(), strict=True)):
            both, expected = (y << 32) | x, 0
            for k in range(4):
                s = selector(z, k)
                byte = (both >> 8 * (s & 7)) & 255
                expected |= ((255 if byte & 128 else 0) if s & 8 else byte) << 8 * k
            assert result[i] == expected


@pytest.mark.parametrize("left", ["u32", "s32"])
@pytest.mark.parametrize("right", ["u32", "s32"])
def test_dot_products(left, right):
    rng = np.random.default_rng(13)
    a, b, c = (rng.integers(0, 2**32, 128, dtype=np.uint32) for _ in range(3))
    inputs = {"a": ("u32", a), "b": ("u32", b), "c": ("u32", c)}
    lines = [f"dp4a.{left}.{right} %d, %a, %b, %c;"] + [
        f"dp2a.{h}.{left}.{right} %d, %a, %b, %c;" for h in ("lo", "hi")
    ]
    found = execute(lines, inputs, "u32")
    sign = {"u32": "u", "s32": "i"}
    a1, b1 = a.view(f"{sign[left]}1").reshape(-1, 4).astype(int), b.view(f"{sign[right]}1").reshape(-1, 4).astype(int)
    a2 = a.view(f"{sign[left]}2").reshape(-1, 2).astype(int)
    for result, dot in zip(found, ((a1 * b1).sum(1), (a2 * b1[:, :2]).sum(1), (a2 * b1[:, 2:]).sum(1)), strict=True):
        assert (result == (dot + c) % 2**32).all()


def test_lop3():
    rng = np.random.default_rng(14)
    a, b, c = (rng.integers(0, 2**32, 32, dtype=np.uint32) for _ in range(3))
    tables = [0, 255, 0x96, 0xE8, 0xCA, 0x80, 0xFE, 0x3C]
    inputs = {"a": ("u32", a), "b": ("u32", b), "c": ("u32", c)}
    found = execute([f"lop3.b32 %d, %a, %b, %c, {t};" for t in tables], inputs, "u32")
    for table, result in zip(tables, found, strict=True):
        expected = np.zeros_like(a)
        for bit in range(32):
            index = (a >> bit & 1) << 2 | (b >> bit & 1) << 1 | c >> bit & 1
            expected |= (np.uint32(table) >> index & 1) << np.uint32(bit)
        assert (result == expected).all()


@pytest.mark.parametrize("type_", TYPES)
def test_comparisons(type_):
    a, b = pairs(special_integers(type_, np.random.default_rng(15), 4), DTYPES[type_])
    names = ["eq", "ne", "lt", "le", "gt", "ge"]
    inputs = {"a": (type_, a), "b": (type_, b)}
    found = execute([f"setp.{name}.{type_} %d, %a, %b;" for name in names], inputs, "pred")
    expected = [a == b, a != b, a < b, a <= b, a > b, a >= b]
    for name, result, truth in zip(names, found, expected, strict=True):
        assert (result == truth).all(), name


def test_comparisons_lo_ls_hi_hs():
    a, b = pairs(special_integers("u32", np.random.default_rng(16), 4), np.uint32)
    found = execute(
        [f"setp.{n}.u32 %d, %a, %b;" for n in ("lo", "ls", "hi", "hs")], {"a": ("u32", a), "b": ("u32", b)}, "pred"
    )
    for result, truth in zip(found, (a < b, a <= b, a > b, a >= b), strict=True):
        assert (result == truth).all()


def test_setp_with_a_predicate_and_two_results():
    a, b = pairs(special_integers("s32", np.random.default_rng(17), 4), np.int32)
    odd = np.arange(a.size) % 2 == 1
    lines = [f"setp.lt.{op}.s32 %d|%q1, %a, %b, {p};" for op in ("and", "or", "xor") for p in ("%p1", "!%p1")]
    lines += [line.replace("%d|%q1", "%q1|%d") for line in lines]
    found = execute(lines, {"a": ("s32", a), "b": ("s32", b)}, "pred")
    less = a < b
    combine = [np.logical_and, np.logical_or, np.logical_xor]
    for k, result in enumerate(found):
        first = less if k < 6 else ~less
        assert (result == combine[k % 6 // 2](first, odd if k % 2 == 0 else ~odd)).all(), lines[k]


def test_set_and_select():
    a, b = pairs(special_integers("s32", np.random.default_rng(18), 4), np.int32)
    odd = np.arange(a.size) % 2 == 1
    lines = ["set.lt.s32.s32 %d, %a, %b;", "selp.s32 %d, %a, %b, %p1;", "selp.b32 %d, 7, %b, !%p1;",
             "slct.s32.s32 %d, %a, %b, %b;", "mov.u32 %d, 5; @%p1 mov.b32 %d, %a;",
             "@!%p1 add.s32 %d, %a, %b;\n@%p1 mov.s32 %d, -9;"]  # fmt: skip
    found = execute(lines, {"a": ("s32", a), "b": ("s32", b)}, "s32")
    with np.errstate(over="ignore"):
        expected = [-(a < b).astype(np.int32), np.where(odd, a, b), np.where(odd, b, 7), np.where(b >= 0, a, b),
                    np.where(odd, a, 5), np.where(odd, -9, a + b)]  # fmt: skip
    for line, result, truth in zip(lines, found, expected, strict=True):
        assert (result == truth).all(), line
