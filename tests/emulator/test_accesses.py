"""Loads and stores of every width and state space, selection, branches, hints, exits and traps."""

import numpy as np
import pytest

from gpuconv import emulator
from tests.emulator.execute import execute

HEAD = """.version 8.0
.target sm_90
.address_size 64
.shared .align 16 .b8 tile[1024];
.visible .entry kernel(.param .u64 px, .param .u64 py)
{{ .reg .b64 %rd<12>; .reg .b32 %r<12>; .reg .pred %p<4>; {registers}
ld.param.u64 %rd1, [px]; ld.param.u64 %rd2, [py]; mov.u32 %r1, %tid.x;
mul.wide.u32 %rd3, %r1, {size}; add.s64 %rd4, %rd1, %rd3; add.s64 %rd5, %rd2, %rd3;
mov.u32 %r2, tile; mul.lo.u32 %r3, %r1, {size}; add.u32 %r4, %r2, %r3;
{body}
ret; }}
"""
FORMS = [
    (type_, count)
    for type_ in "b8 u8 s8 b16 u16 s16 b32 u32 s32 f32 b64 u64 s64 f64".split()
    for count in (1, 2, 4)
    if count * int(type_[1:]) <= 128
]


def run(body, size, registers=""):
    """Run the body with 32 threads and return the bytes of x and y; thread i owns `size` bytes at offset i * size."""
    x = np.random.default_rng(0).integers(0, 256, 32 * size, dtype=np.uint8)
    y = np.zeros_like(x)
    emulator.run_ptx(HEAD.format(body=body, size=size, registers=registers), 1, 32, x, y)
    return x, y


@pytest.mark.parametrize(("type_", "count"), FORMS)
@pytest.mark.parametrize("load", ["ld.global", "ld.global.nc", "ldu.global", "ld.volatile.global", "ld"])
def test_load_and_store_round_trip(type_, count, load):
    bits = int(type_[1:])
    names = ", ".join(f"%v{k}" for k in range(count))
    form, group = (f".v{count}", f"{{{names}}}") if count > 1 else ("", names)
    through = f"st.shared{form}.{type_} [%r4], {group}; ld.shared{form}.{type_} {group}, [%r4];"
    body = f"{load}{form}.{type_} {group}, [%rd4];\n{through}\nst.global{form}.{type_} [%rd5], {group};"
    x, y = run(body, count * bits // 8, f".reg .b{max(bits, 16)} %v<4>;")
    assert np.array_equal(x, y)


@pytest.mark.parametrize("type_", ["u8", "s8", "u16", "s16"])
def test_narrow_loads_extend_by_sign_or_zero(type_):
    x, y = run(f"ld.global.{type_} %r5, [%rd4]; st.global.u32 [%rd5], %r5;", 4)
    small = np.dtype({"u": "u", "s": "i"}[type_[0]] + str(int(type_[1:]) // 8))
    expected = x.view(small)[:: 4 // small.itemsize].astype(np.int64) % 2**32
    assert np.array_equal(y.view(np.uint32), expected)


def test_local_memory_is_private_to_a_thread():
    body = """.local .align 8 .b8 buffer[16];
mov.u64 %rd6, buffer; ld.global.b64 %rd7, [%rd4];
st.local.b64 [%rd6+8], %rd7; xor.b64 %rd7, %rd7, %rd7; ld.local.b64 %rd7, [%rd6+8]; st.global.b64 [%rd5], %rd7;"""
    x, y = run(body, 8)
    assert np.array_equal(x, y)


def test_isspacep():
    body = """cvta.shared.u64 %rd6, %rd3; mov.u64 %rd7, tile; cvta.shared.u64 %rd7, %rd7;
isspacep.shared %p1, %rd7; isspacep.global %p2, %rd4; isspacep.shared %p3, %rd4;
selp.u32 %r5, 1, 0, %p1; selp.u32 %r6, 2, 0, %p2; selp.u32 %r7, 4, 0, %p3;
or.b32 %r5, %r5, %r6; or.b32 %r5, %r5, %r7; st.global.u32 [%rd5], %r5;"""
    _, y = run(body, 4)
    assert (y.view(np.uint32) == 3).all()


def test_red_adds_to_global_memory():
    x, total = np.arange(32, dtype=np.uint32), np.zeros(1, np.uint32)
    text = HEAD.format(body="ld.global.u32 %r5, [%rd4]; red.global.add.u32 [%rd2], %r5;", size=4, registers="")
    emulator.run_ptx(text, 1, 32, x, total)
    assert total[0] == x.sum()


HINTS = [
    "membar.gl;", "membar.cta;", "fence.acq_rel.gpu;", "prefetch.global.L2 [%rd4];", "prefetchu.L1 [%rd4];",
    "nanosleep.u32 20;", "pmevent 7;", "discard.global.L2 [%rd4], 128;", "griddepcontrol.wait;",
    "applypriority.global.L2::evict_normal [%rd4], 128;", "createpolicy.fractional.L2::evict_last.b64 %rd7, 1.0;",
]  # fmt: skip


@pytest.mark.parametrize("hint", HINTS)
def test_hints_have_no_effect(hint):
    x, y = run(f"ld.global.b32 %r5, [%rd4];\n{hint}\nst.global.b32 [%rd5], %r5;", 4)
    assert np.array_equal(x, y)


def test_early_exit_of_some_threads():
    body = "setp.lt.u32 %p1, %r1, 8;\n@%p1 exit;\nld.global.b32 %r5, [%rd4]; st.global.b32 [%rd5], %r5;"
    x, y = run(body, 4)
    assert not y[:32].any()
    assert np.array_equal(x[32:], y[32:])


@pytest.mark.parametrize("end", ["trap", "brkpt"])
def test_trap_is_reported_with_its_thread(end):
    with pytest.raises(emulator.EmulatorError) as found:
        run(f"setp.eq.u32 %p1, %r1, 5;\n@%p1 {end};", 4)
    assert found.value.kind == "trap"
    assert found.value.location.thread == (5, 0, 0)


def test_barrier_is_an_alias_of_bar():
    body = """ld.global.b32 %r5, [%rd4]; st.shared.b32 [%r4], %r5;
barrier.sync 0; xor.b32 %r6, %r1, 31; shl.b32 %r6, %r6, 2; add.u32 %r6, %r2, %r6;
ld.shared.b32 %r7, [%r6]; st.global.b32 [%rd5], %r7;"""
    x, y = run(body, 4)
    assert np.array_equal(x.view(np.uint32)[::-1], y.view(np.uint32))


@pytest.mark.parametrize("type_", ["b16", "b32", "u32", "s32", "f32", "b64", "u64", "s64", "f64"])
def test_selp(type_):
    rng = np.random.default_rng(1)
    plain = type_.replace("b", "u").replace("f", "u")
    a, b = (rng.integers(0, 2 ** int(plain[1:]) - 1, 64, dtype=f"u{int(plain[1:]) // 8}") for _ in range(2))
    kind = f"u{plain[1:]}"
    found = execute([f"selp.{type_} %d, %a, %b, %p1;"], {"a": (kind, a), "b": (kind, b)}, kind)[0]
    assert np.array_equal(found, np.where(np.arange(64) % 2, a, b))


def test_predicate_logic():
    a = {"a": ("u32", np.arange(64, dtype=np.uint32))}
    lines = [f"setp.lt.u32 %q1, %a, 20; {op}.pred %d, %q1, %p1;" for op in ("and", "or", "xor")]
    found = execute([*lines, "not.pred %d, %p1;", "mov.pred %d, %p1;"], a, "pred")
    small, odd = np.arange(64) < 20, np.arange(64) % 2 == 1
    for result, expected in zip(found, (small & odd, small | odd, small ^ odd, ~odd, odd), strict=True):
        assert np.array_equal(result.astype(bool), expected)


def test_divergent_branches_and_loops_reconverge():
    """Lane i sums 1 to i in a loop of i iterations, then branches by parity."""
    body = """mov.u32 %r5, 0; mov.u32 %r6, 0;
LOOP: setp.ge.u32 %p1, %r6, %r1; @%p1 bra DONE; add.u32 %r6, %r6, 1; add.u32 %r5, %r5, %r6; bra.uni LOOP;
DONE: and.b32 %r7, %r1, 1; setp.eq.u32 %p2, %r7, 0; @!%p2 bra ODD; add.u32 %r5, %r5, 1000; bra END;
ODD: add.u32 %r5, %r5, 2000;
END: st.global.u32 [%rd5], %r5;"""
    _, y = run(body, 4)
    lanes = np.arange(32)
    assert np.array_equal(y.view(np.uint32), lanes * (lanes + 1) // 2 + np.where(lanes % 2, 2000, 1000))
