"""Floating-point instructions against NumPy and exact fractions: f32 and f64 bitwise, approximations to a tolerance."""

from fractions import Fraction

import numpy as np
import pytest

from tests.emulator.exact import rounded
from tests.emulator.execute import DTYPES, execute, padded, pairs, same, special_floats

pytestmark = pytest.mark.filterwarnings("ignore:.*encountered:RuntimeWarning")
FLOATS = ["f32", "f64"]


def two(type_, seed=0, count=8):
    """Two arrays with every pair of special values."""
    return pairs(special_floats(type_, np.random.default_rng(seed), count), DTYPES[type_])


@pytest.mark.parametrize("type_", FLOATS)
def test_arithmetic(type_):
    a, b = two(type_)
    inputs = {"a": (type_, a), "b": (type_, b)}
    lines = [f"{op}.rn.{type_} %d, %a, %b;" for op in ("add", "sub", "mul", "div")]
    lines += [f"neg.{type_} %d, %a;", f"abs.{type_} %d, %a;", f"sqrt.rn.{type_} %d, %a;", f"rcp.rn.{type_} %d, %a;",
              f"copysign.{type_} %d, %b, %a;"]  # fmt: skip
    found = execute(lines, inputs, type_)
    expected = [a + b, a - b, a * b, a / b, -a, abs(a), np.sqrt(a), 1 / a, np.copysign(a, b)]
    for line, result, truth in zip(lines, found, expected, strict=True):
        assert same(result, truth.astype(result.dtype)), line


@pytest.mark.parametrize("type_", FLOATS)
def test_fma_rounds_once(type_):
    rng = np.random.default_rng(1)
    dtype = DTYPES[type_]
    a, b = (rng.standard_normal(512).astype(dtype) for _ in range(2))
    c = (-(a.astype(np.float64) * b)).astype(dtype) * dtype(1 + np.finfo(dtype).eps * 3)
    inputs = {"a": (type_, a), "b": (type_, b), "c": (type_, c)}
    found = execute([f"fma.rn.{type_} %d, %a, %b, %c;", f"mad.rn.{type_} %d, %a, %b, %c;"], inputs, type_)
    exact = [Fraction(float(x)) * Fraction(float(y)) + Fraction(float(z)) for x, y, z in zip(a, b, c, strict=True)]
    for result in found:
        assert same(result, np.array([rounded(e, type_) for e in exact], dtype))


@pytest.mark.parametrize("mode", ["rz", "rm", "rp"])
@pytest.mark.parametrize("type_", FLOATS)
def test_directed_rounding(type_, mode):
    rng = np.random.default_rng(2)
    dtype = DTYPES[type_]
    wide = 10.0 ** rng.integers(-30, 30, 256)
    a, b, c = (
        rng.standard_normal(256).astype(dtype),
        (rng.standard_normal(256) * wide).astype(dtype),
        rng.standard_normal(256).astype(dtype),
    )
    lines = [f"{op}.{mode}.{type_} %d, %a, %b;" for op in ("add", "sub", "mul", "div")]
    lines += [f"fma.{mode}.f32 %d, %a, %b, %c;", f"rcp.{mode}.f32 %d, %a;"] if type_ == "f32" else []
    found = execute(lines, {"a": (type_, a), "b": (type_, b), "c": (type_, c)}, type_)
    for i in range(a.size):
        x, y, z = (Fraction(float(v[i])) for v in (a, b, c))
        exact = [x + y, x - y, x * y, x / y, x * y + z, 1 / x]
        for result, value, line in zip(found, exact, lines, strict=False):
            assert result[i] == dtype(rounded(value, type_, mode)), line


def test_square_root_in_every_rounding_mode():
    a = np.random.default_rng(3).uniform(0.5, 8, 128).astype(np.float32)
    down, up, zero = execute([f"sqrt.{m}.f32 %d, %a;" for m in ("rm", "rp", "rz")], {"a": ("f32", a)}, "f32")
    for x, low, high in zip(a, down, up, strict=True):
        assert Fraction(float(low)) ** 2 <= Fraction(float(x)) <= Fraction(float(high)) ** 2
        assert high == low or high == np.nextafter(low, np.float32(np.inf))
    assert (zero == down).all()


def test_sign_of_zero_of_directed_sums():
    a = padded([1, -1, 0.0, -0.0], np.float32)
    down = execute(["sub.rm.f32 %d, %a, %a;"], {"a": ("f32", a)}, "f32")[0]
    assert np.signbit(down).all()
    assert not np.signbit(
        execute(["add.rm.f32 %d, %a, %a;"], {"a": ("f32", padded([0.0], np.float32))}, "f32")[0]
    ).any()


def test_ftz_flushes_subnormals():
    a, b = two("f32", 4)

    def flush(x):
        return np.where(np.abs(x) < np.finfo(np.float32).tiny, np.copysign(np.float32(0), x), x)

    lines = [f"{op}.ftz.f32 %d, %a, %b;" for op in ("add", "sub", "mul")] + ["div.rn.ftz.f32 %d, %a, %b;",
             "neg.ftz.f32 %d, %a;", "abs.ftz.f32 %d, %a;", "sqrt.rn.ftz.f32 %d, %a;",
             "fma.rn.ftz.f32 %d, %a, %b, %a;"]  # fmt: skip
    found = execute(lines, {"a": ("f32", a), "b": ("f32", b)}, "f32")
    x, y = flush(a), flush(b)
    fused = (x.astype(np.float64) * y + x).astype(np.float32)
    for line, result, truth in zip(
        lines, found, (x + y, x - y, x * y, x / y, -x, abs(x), np.sqrt(x), fused), strict=True
    ):
        assert same(result, flush(truth)), line


def test_saturation():
    a, b = two("f32", 5)
    found = execute(["add.sat.f32 %d, %a, %b;", "mul.sat.f32 %d, %a, %b;", "fma.rn.sat.f32 %d, %a, %b, %a;"],
                    {"a": ("f32", a), "b": ("f32", b)}, "f32")  # fmt: skip
    for result, value in zip(found, (a + b, a * b), strict=False):
        assert (result == np.where(np.isnan(value), 0, np.clip(value, 0, 1))).all()


@pytest.mark.parametrize("type_", FLOATS)
def test_minimum_and_maximum(type_):
    a, b = two(type_, 6)
    lines = [f"min.{type_} %d, %a, %b;", f"max.{type_} %d, %a, %b;"]
    lines += ["min.NaN.f32 %d, %a, %b;", "max.NaN.f32 %d, %a, %b;"] if type_ == "f32" else []
    found = execute(lines, {"a": (type_, a), "b": (type_, b)}, type_)
    low = np.where((a == b) & np.signbit(a), a, np.where(a == b, b, np.fmin(a, b)))
    high = np.where((a == b) & np.signbit(a), b, np.where(a == b, a, np.fmax(a, b)))
    nan = np.isnan(a) | np.isnan(b)
    expected = [low, high, np.where(nan, np.nan, low), np.where(nan, np.nan, high)]
    for line, result, truth in zip(lines, found, expected, strict=False):
        assert same(result, truth.astype(result.dtype)), line
    quiet = found[0].view(f"u{a.itemsize}")[np.isnan(a) & np.isnan(b)]
    assert (quiet == 2 ** (8 * a.itemsize - 1) - 1).all()


@pytest.mark.parametrize("type_", FLOATS)
def test_comparisons(type_):
    a, b = two(type_, 7, 2)
    nan = np.isnan(a) | np.isnan(b)
    truths = {"eq": a == b, "ne": (a != b) & ~nan, "lt": a < b, "le": a <= b, "gt": a > b, "ge": a >= b,
              "equ": (a == b) | nan, "neu": (a != b) | nan, "ltu": (a < b) | nan, "leu": (a <= b) | nan,
              "gtu": (a > b) | nan, "geu": (a >= b) | nan, "num": ~nan, "nan": nan}  # fmt: skip
    found = execute([f"setp.{name}.{type_} %d, %a, %b;" for name in truths], {"a": (type_, a), "b": (type_, b)}, "pred")
    for (name, truth), result in zip(truths.items(), found, strict=True):
        assert (result == truth).all(), name


@pytest.mark.parametrize("type_", FLOATS)
def test_testp(type_):
    a = padded(special_floats(type_, np.random.default_rng(8)), DTYPES[type_])
    tiny = np.finfo(a.dtype).tiny
    truths = {"finite": np.isfinite(a), "infinite": np.isinf(a), "number": ~np.isnan(a), "notanumber": np.isnan(a),
              "normal": np.isfinite(a) & (abs(a) >= tiny), "subnormal": (abs(a) < tiny) & (a != 0)}  # fmt: skip
    found = execute([f"testp.{name}.{type_} %d, %a;" for name in truths], {"a": (type_, a)}, "pred")
    for (name, truth), result in zip(truths.items(), found, strict=True):
        assert (result == truth).all(), name


def test_approximate_functions():
    a = np.random.default_rng(9).uniform(-20, 20, 256).astype(np.float32)
    names = [
        "ex2.approx",
        "lg2.approx",
        "sin.approx",
        "cos.approx",
        "tanh.approx",
        "rsqrt.approx",
        "rcp.approx",
        "sqrt.approx",
    ]
    found = execute([f"{name}.f32 %d, %a;" for name in names], {"a": ("f32", a)}, "f32")
    x = a.astype(np.float64)
    expected = [np.exp2(x), np.log2(x), np.sin(x), np.cos(x), np.tanh(x), 1 / np.sqrt(x), 1 / x, np.sqrt(x)]
    for name, result, truth in zip(names, found, expected, strict=True):
        np.testing.assert_allclose(result, truth.astype(np.float32), rtol=2e-7, atol=1e-7, err_msg=name)


def test_approximate_functions_of_special_values():
    a = padded([0.0, -0.0, np.inf, -np.inf, np.nan, -1.0], np.float32)
    names = ["ex2.approx.ftz", "lg2.approx", "rsqrt.approx", "rcp.approx.ftz"]
    found = execute([f"{name}.f32 %d, %a;" for name in names],
                    {"a": ("f32", a)}, "f32")  # fmt: skip
    expected = [np.exp2(a), np.log2(a), 1 / np.sqrt(a), 1 / a]
    for result, truth in zip(found, expected, strict=True):
        assert same(result, truth)


def test_a_kernel_of_sequential_fma_is_bitwise_exact():
    from numba import cuda, float32, uint32

    from gpuconv import emulator

    def product(a, b, c, n):
        i, j = uint32(cuda.blockIdx.x), uint32(cuda.threadIdx.x)
        total = float32(0)
        for k in range(n):
            total = cuda.fma(a[uint32(i * uint32(n) + uint32(k))], b[uint32(uint32(k) * uint32(n) + j)], total)
        c[uint32(i * uint32(n) + j)] = total

    n = 32
    rng = np.random.default_rng(10)
    a, b = (rng.standard_normal(n * n).astype(np.float32) for _ in range(2))
    c = np.zeros(n * n, np.float32)
    emulator.run(product, n, n, a, b, c, np.int32(n))
    expected = np.zeros((n, n), np.float32)
    for k in range(n):
        exact = np.outer(a.reshape(n, n)[:, k].astype(np.float64), b.reshape(n, n)[k])
        expected = _sum_rounded_once(exact, expected)
    assert same(c.reshape(n, n), expected)


def _sum_rounded_once(product, total):
    """float32(product + total) correctly rounded, the product being exact in float64: round to odd, then narrow."""
    wide = total.astype(np.float64)
    s = product + wide
    part = s - product
    error = (product - (s - part)) + (wide - part)
    bits = s.view(np.int64)
    odd = np.where((error != 0) & (bits % 2 == 0), bits + np.where((error > 0) == (s > 0), 1, -1), bits)
    return odd.view(np.float64).astype(np.float32)


@pytest.mark.parametrize("type_", ["f32", "f64"])
def test_the_default_rounding_mode_is_nearest(type_):
    a, b = pairs(special_floats(type_, np.random.default_rng(20)), DTYPES[type_])
    names = ("add", "sub", "mul")
    plain = execute([f"{op}.{type_} %d, %a, %b;" for op in names], {"a": (type_, a), "b": (type_, b)}, type_)
    for op, found in zip(names, plain, strict=True):
        assert same(found, execute([f"{op}.rn.{type_} %d, %a, %b;"], {"a": (type_, a), "b": (type_, b)}, type_)[0]), op


def test_approximate_f64_reciprocal():
    a = padded([1.0, -3.0, 7e100, 1e-300, np.inf, -0.0, 0.1], np.float64)
    found = execute(["rcp.approx.ftz.f64 %d, %a;"], {"a": ("f64", a)}, "f64")[0]
    with np.errstate(divide="ignore"):
        np.testing.assert_allclose(found, 1 / a, rtol=2.0**-20)
