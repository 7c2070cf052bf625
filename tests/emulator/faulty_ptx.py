"""PTX kernels with planted faults that Python kernels cannot express: cp.async, named barriers, vectors, ldmatrix.

The line to be reported carries the comment FAULT. Every kernel takes pointers x and y to 128 float32 each.
"""

import numpy as np

FAULTY_PTX = {}
CORRECT_PTX = {}

_HEAD = """.version 8.0
.target sm_80
.address_size 64
.shared .align 16 .b8 tile[512];
.visible .entry kernel(.param .u64 px, .param .u64 py)
{
  .reg .pred %p<8>; .reg .b32 %r<32>; .reg .f32 %f<16>; .reg .b64 %rd<32>;
  ld.param.u64 %rd1, [px];
  ld.param.u64 %rd2, [py];
  mov.u32 %r1, %tid.x;
  shl.b32 %r2, %r1, 2;
  shl.b32 %r3, %r1, 4;
  mov.u32 %r4, tile;
  add.u32 %r5, %r4, %r2;
  add.u32 %r6, %r4, %r3;
  mul.wide.u32 %rd3, %r1, 4;
  mul.wide.u32 %rd4, %r1, 16;
  add.s64 %rd5, %rd1, %rd3;
  add.s64 %rd6, %rd1, %rd4;
  add.s64 %rd7, %rd2, %rd3;
"""


def _array():
    return np.arange(128, dtype=np.float32)


def _read_only():
    array = _array()
    array.flags.writeable = False
    return array


def _register(table, name, kind, body, threads=32, x=_array):
    table[name] = (kind, f"{_HEAD}{body}\n  ret;\n}}\n", threads, (x, _array))


def fault(name, kind, body, **options):
    """Register a faulty kernel."""
    _register(FAULTY_PTX, name, kind, body, **options)


def correct(name, body, **options):
    """Register a correct kernel."""
    _register(CORRECT_PTX, name, None, body, **options)


COPY = """  cp.async.cg.shared.global [%r6], [%rd6], 16;
  cp.async.commit_group;
"""
READ_SAME_THREAD = "  ld.shared.f32 %f1, [%r6];\n  st.global.f32 [%rd7], %f1;"
READ_NEIGHBOR = """  xor.b32 %r7, %r1, 1; shl.b32 %r7, %r7, 4; add.u32 %r7, %r4, %r7;
  ld.shared.f32 %f1, [%r7]; // FAULT
  st.global.f32 [%rd7], %f1;"""

fault("wait_group missing", "race-async", COPY + READ_SAME_THREAD.replace(";\n", "; // FAULT\n", 1))
fault(
    "wait_group 1 instead of 0",
    "race-async",
    COPY + "  cp.async.wait_group 1;\n" + READ_SAME_THREAD.replace(";", "; // FAULT", 1),
)
fault(
    "commit_group missing",
    "race-async",
    COPY.splitlines()[0] + "\n  cp.async.wait_group 0;\n" + READ_SAME_THREAD.replace(";", "; // FAULT", 1),
)
fault("no sync after the wait", "race-warp", COPY + "  cp.async.wait_group 0;\n" + READ_NEIGHBOR)
correct("wait_group 0", COPY + "  cp.async.wait_group 0;\n" + READ_SAME_THREAD)
correct("wait_all", COPY.splitlines()[0] + "\n  cp.async.wait_all;\n" + READ_SAME_THREAD)
correct("wait and sync", COPY + "  cp.async.wait_group 0;\n  bar.warp.sync -1;\n" + READ_NEIGHBOR)
fault("copy from a misaligned address", "misaligned", "  cp.async.ca.shared.global [%r6], [%rd6+4], 16; // FAULT")
fault("copy past the end", "out-of-bounds", "  cp.async.cg.shared.global [%r6], [%rd6+16], 16; // FAULT")
correct(
    "copy of zero bytes past the end",
    "  cp.async.cg.shared.global [%r6], [%rd6+16], 16, 0;\n  cp.async.wait_all;\n" + READ_SAME_THREAD,
)
fault("misaligned vector load", "misaligned", "  ld.global.v4.f32 {%f1, %f2, %f3, %f4}, [%rd1+4]; // FAULT")
correct("aligned vector load", "  ld.global.v4.f32 {%f1, %f2, %f3, %f4}, [%rd1+16];\n  st.global.f32 [%rd7], %f4;")
fault(
    "store to a read-only array",
    "read-only",
    "  mov.f32 %f1, 0f3F800000;\n  st.global.f32 [%rd5], %f1; // FAULT",
    x=_read_only,
)
fault("trap", "trap", "  setp.eq.u32 %p1, %r1, 3;\n  @%p1 trap; // FAULT")
correct("trap not taken", "  setp.eq.u32 %p1, %r1, 77;\n  @%p1 trap;")
fault("named barrier with too large a thread count", "barrier-divergence", """  setp.lt.u32 %p1, %r1, 32;
  @!%p1 bra done;
  bar.sync 1, 64; // FAULT
done:""", threads=64)  # fmt: skip
correct("named barriers of one warp each", """  shr.u32 %r8, %r1, 5;
  bar.sync %r8, 32;
  st.shared.f32 [%r5], 0f00000000;
  bar.sync %r8, 32;
  ld.shared.f32 %f1, [%r5];""", threads=64)  # fmt: skip
PRODUCER = """  setp.lt.u32 %p1, %r1, 32;
  @!%p1 bra consumer;
  st.shared.f32 [%r5], 0f3F800000;
  bar.arrive 2, 64;
  bra done;
consumer:
  WAIT
  ld.shared.f32 %f1, [%r5+-128]; // FAULT
  st.global.f32 [%rd7], %f1;
done:"""
fault(
    "consumer without a wait",
    "race-shared",
    PRODUCER.replace("WAIT", "").replace("bar.arrive 2, 64;", ""),
    threads=64,
)
correct("producer and consumer", PRODUCER.replace("WAIT", "bar.sync 2, 64;"), threads=64)
FILL = "  st.shared.f32 [%r5], 0f3F800000;\n  st.shared.f32 [%r5+128], 0f3F800000;\n  bar.sync 0;\n"
MATRIX = "  ldmatrix.sync.aligned.m8n8.x1.shared.b16 {%r10}, [%r6OFFSET];MARK"
fault(
    "ldmatrix row aligned to 8 bytes only",
    "misaligned",
    FILL + MATRIX.replace("OFFSET", "+8").replace("MARK", " // FAULT"),
)
fault("ldmatrix by half a warp", "warp-divergence", "  setp.lt.u32 %p1, %r1, 16;\n  @!%p1 bra done;\n"
      + MATRIX.replace("OFFSET", "").replace("MARK", " // FAULT") + "\ndone:")  # fmt: skip
correct("ldmatrix", FILL + MATRIX.replace("OFFSET", "").replace("MARK", ""))
fault("unsupported instruction", "unsupported-instruction", "  wgmma.fence.sync.aligned; // FAULT")
fault("unsupported variant of an instruction", "unsupported-instruction", "  cp.async.bulk.commit_group; // FAULT")
fault("null generic address", "out-of-bounds", "  mov.u64 %rd9, 0;\n  ld.f32 %f1, [%rd9]; // FAULT")
correct("generic addresses", """  mov.u64 %rd9, tile;
  cvta.shared.u64 %rd9, %rd9;
  add.s64 %rd9, %rd9, %rd3;
  ld.f32 %f1, [%rd5];
  st.f32 [%rd9], %f1;
  ld.shared.f32 %f2, [%r5];
  st.f32 [%rd7], %f2;""")  # fmt: skip
