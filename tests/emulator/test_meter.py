"""Counts of the meter against counts made by hand."""

import numpy as np
import pytest

from gpuconv import emulator
from gpuconv.emulator.grid import Launch, launch
from gpuconv.emulator.program import compile_kernel
from gpuconv.emulator.report import report_of


def measured(body, threads=32):
    """Report of a PTX body with %r1 = tid.x, %r4 = 8 KB of shared memory, %rd1 = an array of 8192 bytes."""
    text = f""".version 8.0
.target sm_80
.address_size 64
.shared .align 128 .b8 tile[8192];
.visible .entry kernel(.param .u64 px)
{{ .reg .b64 %rd<8>; .reg .b32 %r<16>; .reg .f32 %f<8>; .reg .pred %p<4>;
ld.param.u64 %rd1, [px]; mov.u32 %r1, %tid.x; mov.u32 %r4, tile;
{body}
ret; }}
"""
    compiled = compile_kernel(text)
    config = Launch((1, 1, 1), (threads, 1, 1), check=False, meter=True)
    counts = launch(compiled, config, [("x", np.zeros(2048, np.float32))])
    return report_of(compiled, counts)


@pytest.mark.parametrize(
    ("index", "wavefronts"),
    [
        ("mov.u32 %r2, %r1;", 1),
        ("shl.b32 %r2, %r1, 1;", 2),
        ("mul.lo.u32 %r2, %r1, 3;", 1),
        ("shl.b32 %r2, %r1, 5;", 32),
        ("mul.lo.u32 %r2, %r1, 33;", 1),
        ("mov.u32 %r2, 7;", 1),
        ("and.b32 %r2, %r1, 15;", 1),
        ("and.b32 %r2, %r1, 7; shl.b32 %r2, %r2, 5;", 8),
    ],
    ids=["contiguous", "stride 2", "stride 3", "stride 32", "stride 33", "broadcast", "two lanes per word", "8 rows"],
)  # fmt: skip
def test_wavefronts_of_32_bit_accesses(index, wavefronts):
    report = measured(f"{index} shl.b32 %r2, %r2, 2; add.u32 %r3, %r4, %r2; ld.shared.f32 %f1, [%r3];")
    assert (report.shared.requests, report.shared.passes, report.shared.bytes) == (1, wavefronts, 128)


@pytest.mark.parametrize(
    ("width", "index", "wavefronts"),
    [
        ("v2", "shl.b32 %r2, %r1, 3;", 2),
        ("v2", "and.b32 %r2, %r1, 15; shl.b32 %r2, %r2, 3;", 1),
        ("v2", "shl.b32 %r2, %r1, 4;", 4),
        ("v4", "shl.b32 %r2, %r1, 4;", 4),
        ("v4", "mov.u32 %r2, 16;", 1 + 1),
        ("v4", "and.b32 %r2, %r1, 7; shl.b32 %r2, %r2, 4;", 2),
        ("v4", "shl.b32 %r2, %r1, 5;", 8),
    ],
)  # fmt: skip
def test_wavefronts_of_64_and_128_bit_accesses(width, index, wavefronts):
    registers = "{%f1, %f2}" if width == "v2" else "{%f1, %f2, %f3, %f4}"
    report = measured(f"{index} add.u32 %r3, %r4, %r2; ld.shared.{width}.f32 {registers}, [%r3];")
    assert report.shared.passes == wavefronts


@pytest.mark.parametrize(
    ("index", "sectors", "least"),
    [
        ("mul.wide.u32 %rd2, %r1, 4;", 4, 4), ("mul.wide.u32 %rd2, %r1, 8;", 8, 4), 
        ("mul.wide.u32 %rd2, %r1, 128;", 32, 4),
        ("mov.u64 %rd2, 64;", 1, 1), ("mul.wide.u32 %rd2, %r1, 4; add.s64 %rd2, %rd2, 16;", 5, 4),
    ],
    ids=["contiguous", "stride 2", "stride 32", "one word", "unaligned"],
)  # fmt: skip
def test_sectors(index, sectors, least):
    report = measured(f"{index} add.s64 %rd3, %rd1, %rd2; ld.global.f32 %f1, [%rd3];")
    assert (report.memory.requests, report.memory.passes, report.memory.least) == (1, sectors, least)


def test_instructions_by_class_with_divergence():
    report = measured("""setp.lt.u32 %p1, %r1, 8; @!%p1 bra L;
add.f32 %f1, %f2, %f2; add.f32 %f1, %f1, %f2; add.u32 %r5, %r1, 1; cvt.rn.f32.u32 %f3, %r1;
L: """, threads=48)  # fmt: skip
    assert report.classes == {
        "memory": 2,
        "conversion": 4 + 1,
        "comparison": 2,
        "control": 2 + 2,
        "float": 2,
        "integer": 1,
    }
    assert report.thread_instructions == 48 * 5 + 8 * 4 + 48


def test_a_report_by_source_line():
    from numba import cuda, float32, uint32

    def transpose(x, y):
        tile = cuda.shared.array(1024, float32)
        i, j = uint32(cuda.threadIdx.x), uint32(cuda.threadIdx.y)
        tile[uint32(j * uint32(32) + i)] = x[uint32(j * uint32(32) + i)]
        cuda.syncthreads()
        y[uint32(j * uint32(32) + i)] = tile[uint32(i * uint32(32) + j)]  # a column

    x, y = np.arange(1024, dtype=np.float32), np.zeros(1024, np.float32)
    report = emulator.measure(transpose, 1, (32, 32), x, y)
    assert (y.reshape(32, 32) == x.reshape(32, 32).T).all()
    assert (report.shared.requests, report.shared.passes, report.shared.least) == (64, 32 + 32 * 32, 64)
    assert (report.memory.passes, report.memory.bytes) == (256, 8192)
    worst = max(report.lines.items(), key=lambda item: item[1].shared.passes)
    assert worst[1].shared.passes == 1024
    assert "32 requests, 1024 wavefronts (at least 32)" in str(report)
    assert "never times" in str(report)
