"""Warp exchange, atomics, reducing barriers, ldmatrix, mma: against the formulas of the PTX ISA in NumPy."""

import numpy as np
import pytest

from gpuconv import emulator
from tests.emulator.execute import execute, same

LANES = np.arange(32)
FULL = "0xffffffff"


def u32(values):
    """Input %a of type u32 for `execute`."""
    return {"a": ("u32", np.asarray(values, np.uint32))}


@pytest.mark.parametrize("width", [32, 16, 4])
def test_shuffles(width):
    values = np.random.default_rng(0).integers(0, 2**32, 32, dtype=np.uint32)
    segment = (32 - width) << 8
    modes = {"up": segment, "down": segment | 31, "bfly": segment | 31, "idx": segment | 31}
    for amount in (0, 1, 3, 17):
        lines = [f"shfl.sync.{m}.b32 %d, %a, {amount}, {c}, {FULL};" for m, c in modes.items()]
        inside = [f"shfl.sync.{m}.b32 %x1|%d, %a, {amount}, {c}, {FULL};" for m, c in modes.items()]
        found, ok = execute(lines, u32(values), "u32"), execute(inside, u32(values), "pred")
        first, amount5 = LANES // width * width, amount & 31
        sources = [LANES - amount5, LANES + amount5, LANES ^ amount5, first + amount5 % width]
        valid = [s >= first for s in sources[:1]] + [s < first + width for s in sources[1:]]
        for mode, result, flags, source, good in zip(modes, found, ok, sources, valid, strict=True):
            assert (result == values[np.where(good, source % 32, LANES)]).all(), (mode, amount)
            assert (flags == good).all(), (mode, amount)


def test_a_shuffle_from_a_lane_that_does_not_take_part_gives_no_value():
    values = np.arange(32, dtype=np.float32)
    half = "setp.lt.u32 %q1, %laneid, 16; mov.b32 %d, %a; @%q1 shfl.sync"
    lines = [f"{half}.bfly.b32 %d, %a, 16, 31, 0xffff;", f"{half}.down.b32 %d, %a, 8, 31, 0xffff;"]
    inputs = {"a": ("b32", values.view(np.uint32))}
    for line in lines:
        with pytest.raises(emulator.EmulatorError, match="warp-divergence"):
            execute([line], inputs, "b32")
    across, down = execute(lines, inputs, "b32", check=False)
    assert np.isnan(across.view(np.float32)[:16]).all()
    assert (across.view(np.float32)[16:] == values[16:]).all()
    assert (down.view(np.float32)[:8] == values[8:16]).all()
    assert np.isnan(down.view(np.float32)[8:16]).all()


def test_votes_and_masks():
    a = np.where(LANES % 3 == 0, 1, 0)
    lines = [f"setp.ne.u32 %q1, %a, 0; vote.sync.ballot.b32 %d, %q1, {FULL};", "activemask.b32 %d;",
             "mov.u32 %d, %lanemask_lt;", "mov.u32 %d, %lanemask_ge;", "mov.u32 %d, %laneid;",
             "@%p1 activemask.b32 %d; @!%p1 mov.u32 %d, 7;", f"elect.sync %d|%q1, {FULL};"]  # fmt: skip
    found = execute(lines, u32(a), "u32")
    assert (found[0] == sum(1 << k for k in range(0, 32, 3))).all()
    assert (found[1] == 2**32 - 1).all()
    assert (found[2] == (1 << LANES) - 1).all()
    assert (found[3] == 2**32 - (1 << LANES)).all()
    assert (found[4] == LANES).all()
    assert (found[5] == np.where(LANES % 2, 0xAAAAAAAA, 7)).all()
    assert (found[6] == 0).all()
    lines = [
        f"setp.lt.u32 %q1, %a, {k}; vote.sync.{mode}.pred %d, %q1, {FULL};"
        for k in (0, 1, 2)
        for mode in ("all", "any", "uni")
    ]
    found = execute(lines, u32(a), "pred")
    assert [bool(f[0]) for f in found] == [False, False, True, False, True, False, True, True, True]


def test_match_and_redux():
    values = np.array([3, 5, 3, 7] * 8, np.uint32)
    found = execute([f"match.any.sync.b32 %d, %a, {FULL};", f"match.all.sync.b32 %d, %a, {FULL};"], u32(values), "u32")
    assert (found[0] == [sum(1 << k for k in np.flatnonzero(values == v)) for v in values]).all()
    assert (found[1] == 0).all()
    agreed = execute([f"match.all.sync.b32 %x1|%d, %a, {FULL};"], u32(np.full(32, 9)), "pred")[0]
    assert agreed.all()
    wide = {"a": ("u64", values.astype(np.uint64) << np.uint64(32))}
    assert (execute([f"match.any.sync.b64 %d, %a, {FULL};"], wide, "u32")[0] == found[0]).all()
    drawn = np.random.default_rng(1).integers(0, 2**32, 32, dtype=np.uint32)
    signed = drawn.view(np.int32)
    operations = {"add.s32": drawn.sum(dtype=np.uint32), "min.u32": drawn.min(), "max.u32": drawn.max(),
                  "min.s32": signed.min().view(np.uint32), "max.s32": signed.max().view(np.uint32),
                  "and.b32": np.bitwise_and.reduce(drawn), "or.b32": np.bitwise_or.reduce(drawn),
                  "xor.b32": np.bitwise_xor.reduce(drawn)}  # fmt: skip
    found = execute([f"redux.sync.{op} %d, %a, {FULL};" for op in operations], u32(drawn), "u32")
    for (op, expected), result in zip(operations.items(), found, strict=True):
        assert (result == expected).all(), op


def atomics(type_, operation, start, values, register, extra=""):
    """Result and old values of an atomic operation of 32 lanes on one element."""
    bits = int("".join(c for c in type_ if c.isdigit())[:2])
    text = f""".version 8.0
.target sm_90
.address_size 64
.visible .entry kernel(.param .u64 px, .param .u64 pv, .param .u64 po)
{{ .reg .b64 %rd<8>; .reg .b32 %r<4>; .reg .b{register} %v<4>; .reg .pred %p<2>;
ld.param.u64 %rd1, [px]; ld.param.u64 %rd2, [pv]; ld.param.u64 %rd3, [po];
mov.u32 %r1, %tid.x; mul.wide.u32 %rd4, %r1, {bits // 8};
add.s64 %rd5, %rd2, %rd4; add.s64 %rd6, %rd3, %rd4;
ld.global.b{bits} %v1, [%rd5];
atom.global.{operation}.{type_} %v2, [%rd1], %v1{extra};
st.global.b{bits} [%rd6], %v2;
ret; }}
"""
    x, old = np.array([start], values.dtype), np.zeros_like(values)
    emulator.run_ptx(text, 1, 32, x, values, old)
    return x[0], old


@pytest.mark.parametrize("type_", ["u32", "s32", "u64", "s64"])
def test_integer_atomics(type_):
    bits = int(type_[1:])
    dtype = np.dtype(f"{'i' if type_[0] == 's' else 'u'}{bits // 8}")
    info = np.iinfo(dtype)
    values = np.random.default_rng(2).integers(info.min, info.max, 32, dtype=dtype)
    steps = {"add": lambda o, v: (o + v) % 2**bits, "min": min, "max": max, "exch": lambda o, v: v,
             "and": lambda o, v: o & v, "or": lambda o, v: o | v, "xor": lambda o, v: o ^ v}  # fmt: skip
    if type_ == "u32":
        steps |= {"inc": lambda o, v: 0 if o >= v else o + 1, "dec": lambda o, v: v if o == 0 or o > v else o - 1}
    for operation, step in steps.items():
        bitwise = operation in ("and", "or", "xor", "exch")
        result, old = atomics(f"b{bits}" if bitwise else type_, operation, 5, values, bits)
        current = 5
        for v, old_value in zip(values, old, strict=True):
            assert int(old_value) % 2**bits == current % 2**bits, operation
            current = step(current, int(v))
        assert int(result) % 2**bits == current % 2**bits, operation


def test_compare_and_swap():
    values = np.arange(32, dtype=np.uint32)
    result, old = atomics("b32", "cas", 0, values, 32, ", 77")
    assert result == 77
    assert old.tolist() == [0] + [77] * 31


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.float16])
def test_float_atomics_round_every_sum(dtype):
    values = np.random.default_rng(3).standard_normal(32).astype(dtype)
    size = 8 * np.dtype(dtype).itemsize
    result, old = atomics(f"f{size}", "add.noftz" if size == 16 else "add", 1, values, size)
    total = dtype(1)
    for v, old_value in zip(values, old, strict=True):
        assert old_value == total
        total = dtype(total + v)
    assert result == total


BARRIER = """.version 8.0
.target sm_80
.address_size 64
.visible .entry kernel(.param .u64 po)
{ .reg .b64 %rd<4>; .reg .b32 %r<8>; .reg .pred %p<8>;
ld.param.u64 %rd1, [po]; mov.u32 %r1, %tid.x; mul.wide.u32 %rd2, %r1, 4; add.s64 %rd3, %rd1, %rd2;
setp.lt.u32 %p1, %r1, 40;
bar.red.popc.u32 %r2, 0, %p1;
bar.red.and.pred %p2, 0, %p1;
bar.red.or.pred %p3, 0, %p1;
setp.lt.u32 %p4, %r1, 4000;
bar.red.and.pred %p5, 0, %p4;
selp.u32 %r3, 1, 0, %p2; selp.u32 %r4, 1, 0, %p3; selp.u32 %r5, 1, 0, %p5;
shl.b32 %r3, %r3, 8; shl.b32 %r4, %r4, 9; shl.b32 %r5, %r5, 10;
or.b32 %r2, %r2, %r3; or.b32 %r2, %r2, %r4; or.b32 %r2, %r2, %r5;
st.global.u32 [%rd3], %r2; ret; }
"""


def test_reducing_barriers():
    found = np.zeros(96, np.uint32)
    emulator.run_ptx(BARRIER, 1, 96, found)
    assert (found == 40 + (1 << 9) + (1 << 10)).all()


MATRIX = """.version 8.0
.target sm_80
.address_size 64
.shared .align 16 .b8 tile[512];
.visible .entry kernel(.param .u64 px, .param .u64 po)
{ .reg .b64 %rd<8>; .reg .b32 %r<16>;
ld.param.u64 %rd1, [px]; ld.param.u64 %rd2, [po];
mov.u32 %r1, %tid.x; shl.b32 %r2, %r1, 4; mul.wide.u32 %rd3, %r1, 16;
add.s64 %rd4, %rd1, %rd3; add.s64 %rd5, %rd2, %rd3;
mov.u32 %r3, tile; add.u32 %r3, %r3, %r2;
ld.global.v4.u32 {%r4, %r5, %r6, %r7}, [%rd4];
st.shared.v4.u32 [%r3], {%r4, %r5, %r6, %r7};
bar.sync 0;
ldmatrix.sync.aligned.m8n8.x4MODE.shared.b16 {%r8, %r9, %r10, %r11}, [%r3];
st.global.v4.u32 [%rd5], {%r8, %r9, %r10, %r11}; ret; }
"""


@pytest.mark.parametrize("transposed", [False, True])
def test_ldmatrix(transposed):
    x = np.arange(256, dtype=np.uint16)
    found = np.zeros(256, np.uint16)
    emulator.run_ptx(MATRIX.replace("MODE", ".trans" if transposed else ""), 1, 32, x, found)
    for k, matrix in enumerate(x.reshape(4, 8, 8)):
        rows = matrix.T if transposed else matrix
        assert (found.reshape(32, 4, 2)[:, k] == rows.reshape(32, 2)).all()


def mma(shape, kind, a, b, c, d_type="f32", c_type="f32"):
    """Run one mma.sync on fragments of shape (registers, 32)."""
    registers = [2 if d_type == "f16" else 4, len(a), len(b), len(c)]
    names = [[f"%{letter}{i}" for i in range(n)] for letter, n in zip("dabc", registers, strict=True)]
    loads = "".join(
        f"ld.param.u64 %rd1, [p{letter}]; add.s64 %rd2, %rd1, %rd3; "
        + "".join(f"ld.global.b32 {name}, [%rd2+{128 * i}]; " for i, name in enumerate(group))
        for letter, group in zip("abc", names[1:], strict=True)
    )
    stores = "".join(f"st.global.b32 [%rd2+{128 * i}], {name}; " for i, name in enumerate(names[0]))
    groups = ", ".join("{" + ", ".join(group) + "}" for group in names)
    text = f""".version 8.0
.target sm_80
.address_size 64
.visible .entry kernel(.param .u64 pa, .param .u64 pb, .param .u64 pc, .param .u64 pd)
{{ .reg .b64 %rd<8>; .reg .b32 %r<4>; .reg .b32 %a<4>; .reg .b32 %b<4>; .reg .b32 %c<4>; .reg .b32 %d<4>;
mov.u32 %r1, %tid.x; mul.wide.u32 %rd3, %r1, 4;
{loads}
mma.sync.aligned.{shape}.row.col.{d_type}.{kind}.{kind}.{c_type} {groups};
ld.param.u64 %rd1, [pd]; add.s64 %rd2, %rd1, %rd3; {stores} ret; }}
"""
    d = np.zeros((registers[0], 32), np.uint32)
    arrays = [np.ascontiguousarray(x, np.uint32) for x in (a, b, c)]
    emulator.run_ptx(text, 1, 32, *arrays, d)
    return d


def pack(matrix, index, count):
    """Fragments of a 16-bit matrix: element i of a lane is matrix[index(g, t, i)]."""
    words = np.zeros((count // 2, 32), np.uint32)
    for lane in range(32):
        for i in range(count):
            words[i // 2, lane] |= np.uint32(matrix[index(lane // 4, lane % 4, i)]) << np.uint32(16 * (i % 2))
    return words


@pytest.mark.parametrize("kind", ["f16", "bf16"])
@pytest.mark.parametrize("K", [8, 16])
def test_mma_of_16_bit_operands(kind, K):
    rng = np.random.default_rng(4)
    a, b, c = (
        rng.integers(-8, 9, (16, K)) / 8,
        rng.integers(-8, 9, (K, 8)) / 4,
        rng.standard_normal((16, 8)).astype(np.float32),
    )

    def bits(m):
        return (
            m.astype(np.float16).view(np.uint16)
            if kind == "f16"
            else (m.astype(np.float32).view(np.uint32) >> 16).astype(np.uint16)
        )

    fa = pack(bits(a), lambda g, t, i: (g + 8 * (i // 2 % 2), 2 * t + i % 2 + 8 * (i // 4)), K // 2)
    fb = pack(bits(b), lambda g, t, i: (2 * t + i % 2 + 8 * (i // 2), g), K // 4)
    fc = np.array(
        [[c[lane // 4 + 8 * (i // 2), lane % 4 * 2 + i % 2] for lane in range(32)] for i in range(4)], np.float32
    )
    d = mma(f"m16n8k{K}", kind, fa, fb, fc.view(np.uint32)).view(np.float32)
    expected = (a @ b + c).astype(np.float32)
    for i in range(4):
        assert same(
            d[i], np.array([expected[lane // 4 + 8 * (i // 2), lane % 4 * 2 + i % 2] for lane in range(32)], np.float32)
        )


def test_mma_with_an_f16_accumulator():
    rng = np.random.default_rng(5)
    a, b, c = (rng.integers(-8, 9, shape) / 8 for shape in ((16, 16), (16, 8), (16, 8)))
    halves = [m.astype(np.float16).view(np.uint16) for m in (a, b, c)]
    index = lambda g, t, i: (g + 8 * (i // 2), 2 * t + i % 2)  # noqa: E731
    fa = pack(halves[0], lambda g, t, i: (g + 8 * (i // 2 % 2), 2 * t + i % 2 + 8 * (i // 4)), 8)
    fb = pack(halves[1], lambda g, t, i: (2 * t + i % 2 + 8 * (i // 2), g), 4)
    d = mma("m16n8k16", "f16", fa, fb, pack(halves[2], index, 4), "f16", "f16")
    assert (d == pack((a @ b + c).astype(np.float16).view(np.uint16), index, 4)).all()


def test_mma_truncates_tf32_operands():
    rng = np.random.default_rng(6)
    a, b = rng.standard_normal((16, 8)).astype(np.float32), rng.standard_normal((8, 8)).astype(np.float32)
    fa = np.array([[a[l // 4 + 8 * (i % 2), l % 4 + 4 * (i // 2)] for l in range(32)] for i in range(4)], np.float32)  # noqa: E741
    fb = np.array([[b[l % 4 + 4 * i, l // 4] for l in range(32)] for i in range(2)], np.float32)  # noqa: E741
    d = mma("m16n8k8", "tf32", fa.view(np.uint32), fb.view(np.uint32), np.zeros((4, 32), np.uint32)).view(np.float32)
    cut = [(m.view(np.uint32) & 0xFFFFE000).view(np.float32).astype(np.float64) for m in (a, b)]
    expected = (cut[0] @ cut[1]).astype(np.float32)
    found = np.zeros((16, 8), np.float32)
    for lane in range(32):
        for i in range(4):
            found[lane // 4 + 8 * (i // 2), lane % 4 * 2 + i % 2] = d[i, lane]
    np.testing.assert_allclose(found, expected, rtol=1e-6, atol=1e-7)
    assert abs(found - a @ b).max() > 1e-5
