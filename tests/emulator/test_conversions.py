"""cvt between all types, f16 and bf16 arithmetic: against exact fractions, correctly rounded."""

import math
from fractions import Fraction

import numpy as np
import pytest

from tests.emulator.exact import rounded
from tests.emulator.execute import DTYPES, execute, padded, same, special_floats, special_integers

pytestmark = pytest.mark.filterwarnings("ignore:.*encountered:RuntimeWarning")
INTEGERS = ["u8", "s8", "u16", "s16", "u32", "s32", "u64", "s64"]
WHOLE = {"rni": np.rint, "rzi": np.trunc, "rmi": np.floor, "rpi": np.ceil}


def bf16_bits(values):
    """bfloat16 bits of representable numbers."""
    return (np.asarray(values, np.float32).view(np.uint32) >> 16).astype(np.uint16)


def bf16_values(bits):
    """float32 values of bfloat16 bits."""
    return (np.asarray(bits, np.uint32) << 16).view(np.float32)


def narrow(value, type_, mode="rn"):
    """Round a float to f16 or bf16; returns a float."""
    if not math.isfinite(value) or value == 0:
        return value
    return rounded(Fraction(value), type_, mode)


@pytest.mark.parametrize("source", ["f32", "f64"])
@pytest.mark.parametrize("target", INTEGERS)
def test_float_to_integer_saturates(source, target):
    rng = np.random.default_rng(0)
    info = np.iinfo(DTYPES[target])
    edges = [
        float(info.max),
        float(info.min),
        float(info.max) + 1,
        float(info.min) - 1,
        0.5,
        1.5,
        2.5,
        -0.5,
        -1.5,
        1e30,
    ]
    a = padded(
        np.concatenate([special_floats(source, rng), np.array(edges, DTYPES[source]), rng.uniform(-300, 300, 20)]),
        DTYPES[source],
    )
    found = execute([f"cvt.{mode}.{target}.{source} %d, %a;" for mode in WHOLE], {"a": (source, a)}, target)
    for mode, result in zip(WHOLE, found, strict=True):
        for x, y in zip(a, result, strict=True):
            if math.isnan(x):
                assert y == ({"u64": 2**63, "s64": -(2**63)}.get(target, 0)), mode
            else:
                whole = WHOLE[mode](x)
                exact = info.max if whole == math.inf else info.min if whole == -math.inf else int(whole)
                assert int(y) == min(max(exact, info.min), info.max), (mode, x)


@pytest.mark.parametrize("source", INTEGERS)
def test_integer_to_float(source):
    a = padded(special_integers(source, np.random.default_rng(1), 30), DTYPES[source])
    for target in ("f32", "f64"):
        result = execute([f"cvt.rn.{target}.{source} %d, %a;"], {"a": (source, a)}, target)[0]
        assert same(result, np.array([rounded(Fraction(int(x)), target) for x in a], DTYPES[target]))
    for mode in ("rz", "rm", "rp"):
        result = execute([f"cvt.{mode}.f32.{source} %d, %a;"], {"a": (source, a)}, "f32")[0]
        assert same(result, np.array([rounded(Fraction(int(x)), "f32", mode) for x in a], np.float32))
    half = execute([f"cvt.rn.f16.{source} %d, %a;"], {"a": (source, a)}, "f16")[0]
    assert same(half, np.array([rounded(Fraction(int(x)), "f16") for x in a], np.float16))


@pytest.mark.parametrize("source", INTEGERS)
def test_integer_to_integer(source):
    a = padded(special_integers(source, np.random.default_rng(2)), DTYPES[source])
    for target in INTEGERS:
        info = np.iinfo(DTYPES[target])
        size = 8 * np.dtype(DTYPES[target]).itemsize
        lines = [f"cvt.{target}.{source} %d, %a;", f"cvt.sat.{target}.{source} %d, %a;"]
        plain, sat = execute(lines, {"a": (source, a)}, target)
        assert [int(y) % 2**size for y in plain] == [int(x) % 2**size for x in a]
        assert [int(y) for y in sat] == [min(max(int(x), info.min), info.max) for x in a], (source, target)


@pytest.mark.parametrize("mode", ["rn", "rz", "rm", "rp"])
def test_f64_to_f32(mode):
    rng = np.random.default_rng(3)
    a = padded(
        np.concatenate([special_floats("f64", rng), rng.standard_normal(40) * 10.0 ** rng.integers(-46, 39, 40)]),
        np.float64,
    )
    result = execute([f"cvt.{mode}.f32.f64 %d, %a;"], {"a": ("f64", a)}, "f32")[0]
    expected = [x if not math.isfinite(x) or x == 0 else rounded(Fraction(x), "f32", mode) for x in a.tolist()]
    assert same(result, np.array(expected, np.float32))
    back = execute(["cvt.f64.f32 %d, %a;"], {"a": ("f32", result)}, "f64")[0]
    assert same(back, result.astype(np.float64))


@pytest.mark.parametrize("type_", ["f16", "bf16"])
def test_f32_to_half_and_back(type_):
    rng = np.random.default_rng(4)
    a = padded(np.concatenate([special_floats("f32", rng), rng.standard_normal(60) * 10.0 ** rng.integers(-9, 6, 60),
                               [1 + 2**-11, 1 + 3 * 2**-11, 1 + 2**-8, 1 + 3 * 2**-8, 65519, 65520,
                                2**-25]]), np.float32)  # fmt: skip
    lines = [f"cvt.rn.{type_}.f32 %d, %a;", f"cvt.rz.{type_}.f32 %d, %a;"]
    found = execute(lines, {"a": ("f32", a)}, type_)
    for mode, result in zip(("rn", "rz"), found, strict=True):
        values = result.astype(np.float32) if type_ == "f16" else bf16_values(result)
        assert same(values, np.array([narrow(float(x), type_, mode) for x in a], np.float32)), mode
    wide = execute([f"cvt.f32.{type_} %d, %a;"], {"a": (type_, found[0])}, "f32")[0]
    assert same(wide, found[0].astype(np.float32) if type_ == "f16" else bf16_values(found[0]))


@pytest.mark.parametrize("type_", ["f16", "bf16"])
def test_cvt_to_packed_halves(type_):
    rng = np.random.default_rng(5)
    a, b = (padded(rng.standard_normal(64), np.float32) for _ in range(2))
    lines = [f"cvt.rn.{type_}x2.f32 %d, %a, %b;", f"cvt.rn.relu.{type_}x2.f32 %d, %a, %b;"]
    found = execute(lines, {"a": ("f32", a), "b": ("f32", b)}, "u32")
    for result, relu in zip(found, (False, True), strict=True):
        for word, values in ((result >> 16, a), (result & 0xFFFF, b)):
            half = word.astype(np.uint16)
            got = half.view(np.float16).astype(np.float32) if type_ == "f16" else bf16_values(half)
            exact = [narrow(max(float(x), 0.0) if relu else float(x), type_) for x in values]
            assert same(got, np.array(exact, np.float32))


def test_tf32_rounds_half_away_from_zero():
    a = padded([1 + 2**-11, -1 - 2**-11, 1 + 2**-11 - 2**-20, 1.5, np.inf, -0.0, 3.3e38, 1e-40], np.float32)
    result = execute(["cvt.rna.tf32.f32 %d, %a;"], {"a": ("f32", a)}, "f32")[0]
    expected = [x if not math.isfinite(x) or x == 0 else rounded(Fraction(x), "tf32", "rna") for x in a.tolist()]
    assert same(result, np.array(expected, np.float32))
    assert (
        execute(["cvt.rna.tf32.f32 %d, %a;"], {"a": ("f32", padded([np.nan], np.float32))}, "u32")[0][0] == 0x7FFFFFFF
    )


HALF = {
    "add": lambda x, y, z: x + y, "sub": lambda x, y, z: x - y, "mul": lambda x, y, z: x * y,
    "fma": lambda x, y, z: x * y + z,
}  # fmt: skip


@pytest.mark.parametrize("type_", ["f16", "bf16"])
def test_half_arithmetic_rounds_once(type_):
    rng = np.random.default_rng(6)
    scale = 10.0 ** rng.integers(-3, 3, 256)
    drawn = [rng.standard_normal(256) * scale, rng.standard_normal(256), rng.standard_normal(256) * scale[::-1] * 1e-4]
    if type_ == "f16":
        arrays = [np.array(d, np.float16) for d in drawn]
        values = [a.astype(np.float64) for a in arrays]
    else:
        arrays = [bf16_bits(d) for d in drawn]
        values = [bf16_values(a).astype(np.float64) for a in arrays]
    inputs = {letter: (type_, a) for letter, a in zip("abc", arrays, strict=True)}
    suffix = {"fma": "rn."}
    lines = [f"{op}.{suffix.get(op, '')}{type_} %d, %a, %b{', %c' if op == 'fma' else ''};" for op in HALF]
    found = execute(lines, inputs, type_)
    for (op, function), result in zip(HALF.items(), found, strict=True):
        exact = [function(*(Fraction(v[i]) for v in values)) for i in range(256)]
        got = result.astype(np.float64) if type_ == "f16" else bf16_values(result).astype(np.float64)
        assert (got == [rounded(e, type_) for e in exact]).all(), op


def test_half_fma_is_correct_where_float64_is_not_exact():
    """bf16: the product is halfway between two numbers and the addend is far below float64's last digit."""
    x, y = bf16_bits(padded([1 + 2**-7], np.float32)), bf16_bits(padded([1 + 2**-7], np.float32))
    one = bf16_bits(padded([1 + 3 * 2**-7], np.float32))
    tiny = [bf16_bits(padded([v], np.float32)) for v in (2.0**-100, -(2.0**-100))]
    for z in tiny:
        for a, b in ((x, y), (one, x)):
            exact = Fraction(float(bf16_values(a)[0])) * Fraction(float(bf16_values(b)[0])) + Fraction(
                float(bf16_values(z)[0])
            )
            inputs = {"a": ("bf16", a), "b": ("bf16", b), "c": ("bf16", z)}
            result = execute(["fma.rn.bf16 %d, %a, %b, %c;"], inputs, "bf16")[0]
            assert bf16_values(result)[0] == rounded(exact, "bf16")


def test_half_min_max_comparisons_and_signs():
    a = special_floats("f16", np.random.default_rng(7), 2)
    x, y = (padded(v.ravel(), np.float16) for v in np.meshgrid(a, a))
    inputs = {"a": ("f16", x), "b": ("f16", y)}
    low, high, negative, size = execute(
        ["min.f16 %d, %a, %b;", "max.f16 %d, %a, %b;", "neg.f16 %d, %a;", "abs.f16 %d, %a;"], inputs, "f16"
    )
    equal = x == y
    assert same(low, np.where(equal & np.signbit(x), x, np.where(equal, y, np.fmin(x, y))))
    assert same(high, np.where(equal & np.signbit(x), y, np.where(equal, x, np.fmax(x, y))))
    assert same(negative, -x)
    assert same(size, abs(x))
    less, unordered = execute(["setp.lt.f16 %d, %a, %b;", "setp.geu.f16 %d, %a, %b;"], inputs, "pred")
    assert (less == (x < y)).all()
    assert (unordered == ~(x < y)).all()


def test_mov_packs_and_unpacks_registers():
    a = padded(special_integers("u64", np.random.default_rng(8)), np.uint64)
    lines = [
        "mov.b64 {%x1, %x2}, %a; mov.b64 %d, {%x2, %x1};",
        "mov.b64 {%h1, %h2, %h3, %h4}, %a; mov.b64 %d, {%h4, %h3, %h2, %h1};",
    ]
    swapped, reversed_ = execute(lines, {"a": ("u64", a)}, "u64")
    assert (swapped == (a << np.uint64(32) | a >> np.uint64(32))).all()
    assert (reversed_ == a.view(np.uint16).reshape(-1, 4)[:, ::-1].copy().view(np.uint64).ravel()).all()


def test_numeric_literals():
    lines = [
        "mov.f32 %d, 0f3FC00000;",
        "mov.f32 %d, 1.5;",
        "add.f32 %d, 0f00000000, 0fBFC00000;",
        "mov.b32 %d, 0x3fc00000;",
    ]
    found = execute(lines, {"a": ("u32", np.arange(32))}, "f32")
    assert [f[0] for f in found] == [1.5, 1.5, -1.5, 1.5]
    assert execute(["mov.f64 %d, 0d3FF8000000000000;"], {"a": ("u32", np.arange(32))}, "f64")[0][0] == 1.5
    found = execute(["mov.s64 %d, -5;", "cvt.s64.s32 %d, -7;"], {"a": ("u32", np.arange(32))}, "s64")
    assert [f[0] for f in found] == [-5, -7]
