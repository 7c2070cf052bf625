"""The PTX parser: functions, scopes, variables, initializers, source lines; its errors and those of launches."""

import numpy as np
import pytest

from gpuconv import emulator
from gpuconv.emulator.reader import parse

CALL = """.version 8.0
.target sm_80
.address_size 64
.const .align 4 .b32 table[4] = {10, 20, 30, 0x28};
.global .align 4 .f32 scale = 0f40000000;
.visible .func (.param .b32 result) square(.param .b32 x)
{ .reg .f32 %f<3>; ld.param.f32 %f1, [x]; mul.f32 %f2, %f1, %f1; st.param.f32 [result+0], %f2; ret; }
.func (.reg .f32 %r) twice(.reg .f32 %x) { add.f32 %r, %x, %x; ret; }
.visible .entry other() { ret; }
.visible .entry kernel(.param .u64 px, .param .align 4 .b8 pair[8])
{
  .reg .b64 %rd<8>; .reg .b32 %r<8>; .reg .f32 %f<8>; .reg .pred %p;
  ld.param.u64 %rd1, [px];
  mov.u32 %r1, %tid.x; mul.wide.u32 %rd2, %r1, 4; add.s64 %rd1, %rd1, %rd2;
  ld.global.f32 %f1, [%rd1];
  { .param .b32 p0; st.param.f32 [p0+0], %f1; .param .b32 r0; call.uni (r0), square, (p0); ld.param.f32 %f2, [r0+0]; }
  call (%f3), twice, (%f2);
  { .reg .pred %p; setp.lt.u32 %p, %r1, 2; @%p bra L; add.f32 %f3, %f3, 0f3F800000; L: }
  and.b32 %r2, %r1, 3; mul.wide.u32 %rd3, %r2, 4; mov.u64 %rd4, table; add.s64 %rd4, %rd4, %rd3;
  ld.const.u32 %r3, [%rd4]; cvt.rn.f32.u32 %f4, %r3; add.f32 %f3, %f3, %f4;
  ld.global.f32 %f5, [scale]; mul.f32 %f3, %f3, %f5;
  ld.param.u32 %r5, [pair+4]; cvt.rn.f32.u32 %f6, %r5; add.f32 %f3, %f3, %f6;
  st.global.f32 [%rd1], %f3;
  ret;
}
"""


def test_functions_scopes_and_variables():
    x = np.arange(32, dtype=np.float32)
    emulator.run_ptx(CALL, 1, 32, x, np.uint64(7 << 32), name="kernel")
    i = np.arange(32)
    expected = 2 * (2.0 * i**2 + (i >= 2) + np.array([10, 20, 30, 40])[i % 4]) + 7
    assert (x == expected).all()


def test_a_module_with_two_kernels_needs_a_name():
    with pytest.raises(emulator.EmulatorError, match=r"kernels are \['other', 'kernel'\], expected one named"):
        emulator.run_ptx(CALL, 1, 32, np.zeros(32, np.float32), np.uint64(0))


TABLES = """.version 8.0
.target sm_80
.address_size 64
.visible .func one(.param .b32 x) { ret; }
.visible .func garbled(.param .b32 x) { add.s32 %r1 %r2 = 3; }
.global .align 8 .u64 functions[3] = {one, generic(garbled), nowhere};
.global .align 4 .u32 numbers[3] = {7, 8, 9};
.global .align 8 .u64 where[2] = {generic(numbers)+4, -1};
.global .align 8 .u8 a_byte[2] = {0xFF(numbers), 0xFF00(numbers)};
.visible .entry reads(.param .u64 y)
{ .reg .b64 %p<4>; .reg .b32 %r<2>;
  ld.param.u64 %p1, [y]; ld.global.u64 %p2, [where]; ld.u32 %r1, [%p2]; st.global.u32 [%p1], %r1; ret; }
.visible .entry calls(.param .u64 y)
{ .param .b32 x; call garbled, (x); ret; }
.visible .entry indirect(.param .u64 y)
{ .reg .b64 %p; .param .b32 x; ld.global.u64 %p, [functions]; call %p, (x), prototype; ret; }
"""


def test_initializers_hold_addresses():
    y = np.zeros(1, np.int32)
    emulator.run_ptx(TABLES, 1, 1, y, name="reads")
    assert y[0] == 8


@pytest.mark.parametrize(("name", "message"), [("calls", "bad-ptx: found '='"), ("indirect", "call of %p")])
def test_functions_that_cannot_run_are_reported_where_they_are_called(name, message):
    with pytest.raises(emulator.EmulatorError, match=message):
        emulator.run_ptx(TABLES, 1, 1, np.zeros(1, np.int32), name=name)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (".version 8.0\n.target sm_80\nnonsense", "found 'nonsense', expected a directive .*line 3"),
        (".visible .entry k()\n{ .reg .b32 %r<2>;\n add.s32 %r1, ?, 1; ret; }", r"unexpected '\?.*line 3"),
        (".visible .entry k()\n{ bra nowhere; }", "branch to an undefined label .*line 2"),
        (".visible .entry k()\n{ ret;", "function k has no closing brace"),
        (".visible .entry k()\n{ .reg .b32 %r<2>;\n tcgen05.mma %r1; ret; }", "unsupported-instruction: tcgen05"),
        (".visible .entry k()\n{ call malloc; ret; }", "unsupported-instruction: call of malloc"),
    ],
)  # fmt: skip
def test_invalid_ptx_is_reported(text, message):
    with pytest.raises(emulator.EmulatorError, match=message):
        emulator.run_ptx(text, 1, 1)


def test_source_lines_of_loc_directives():
    text = ".visible .entry k()\n{ .loc 1 30 0\n ret;\n.loc 1 31 4, function_name X, inlined_at 1 12 1\n ret; }\n"
    module = parse(text + '.file 1 "a.py"')
    assert module.files == {1: "a.py"}
    assert [item.source for item in module.functions["k"].body] == [(1, 30), (1, 31)]


def test_invalid_launch_configurations():
    x = np.zeros(32, np.float32)
    for block, grid in (((2048,), 1), ((0,), 1)):
        with pytest.raises(emulator.EmulatorError, match="expected 1 to 1024 threads"):
            emulator.run_ptx(CALL, grid, block, x, np.uint64(0), name="kernel")
    with pytest.raises(emulator.EmulatorError, match="1 parameters, expected 2"):
        emulator.run_ptx(CALL, 1, 32, x, name="kernel")
    with pytest.raises(emulator.EmulatorError, match="bytes of shared memory, expected at most 166912"):
        emulator.run_ptx(CALL, 1, 32, x, np.uint64(0), name="kernel", shared_bytes=300_000)


def test_3d_grids_and_blocks():
    from numba import cuda, uint32

    def where(out):
        i, j, k = cuda.grid(3)
        n, m, _ = cuda.gridsize(3)
        out[uint32(uint32(k) * uint32(m) + uint32(j)) * uint32(n) + uint32(i)] = (
            cuda.blockIdx.z * 100 + cuda.threadIdx.y
        )

    out = np.zeros(6 * 4 * 4, np.int32)
    emulator.run(where, (3, 2, 2), (2, 2, 2), out)
    _, z, y, _ = np.meshgrid([0], np.arange(4), np.arange(4), np.arange(6), indexing="ij")
    assert (out.reshape(1, 4, 4, 6) == z // 2 * 100 + y % 2).all()
