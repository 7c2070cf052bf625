"""The static gate itself: how it reads a listing, when it complains."""

from collections import Counter

import pytest

from gpuconv.bench import launches, sass, sass_limits

LISTING = """
.text.kernel:
        /*0000*/                   MOV R1, c[0x0][0x28] ;
.L_x_1:
        /*0010*/                   LDG.E.128.CONSTANT R4, [R2.64] ;
.L_x_0:
        /*0020*/              @!P0 FFMA R8, R4, R5, R8 ;
        /*0030*/                   FFMA R9, R4, R6, R9 ;
        /*0040*/               @P1 BRA `(.L_x_0) ;
        /*0050*/               @P2 BRA `(.L_x_1) ;
        /*0060*/                   STG.E.U8 [R2.64], R9 ;
        /*0070*/                   F2F.F64.F32 R10, R9 ;
.L_x_2:
        /*0080*/                   BRA `(.L_x_2);
        /*0090*/                   NOP ;
"""


def _code(**changes):
    zero = dict.fromkeys(("registers", "spilled", "stack", "shared", "float64", "seconds"), 0)
    mixes = {name: Counter(changes.pop(name, ())) for name in ("loop", "all", "widths")}
    return sass.Code(**(zero | mixes | changes))


def _instance(name="some_kernel", dtype="float32", kernel=None):
    return launches.Instance(name, kernel, None, 256, dtype)


def test_the_innermost_loop_is_found_and_the_branch_to_itself_is_none():
    [loop] = sass._innermost_loops(LISTING)
    assert sass._mix(loop) == {"FFMA": 2, "BRA": 1}


def test_padding_is_not_counted():
    assert len(sass._instructions(LISTING)) == 9


@pytest.mark.parametrize(
    ("name", "width"),
    [("LDG.E.128.CONSTANT", "LDG.128"), ("STG.E", "STG.32"), ("LDG.E.U8", "LDG.8"), ("LDS.128", None)],
)
def test_widths_of_accesses(name, width):
    assert sass._width(name) == width


@pytest.mark.parametrize(
    ("registers", "shared", "threads", "architecture", "expected"),
    [
        (32, 0, 256, (8, 0), 1),
        (33, 0, 256, (8, 0), 6 / 8),  # given out by 256 a warp: 40
        (128, 32768, 256, (8, 0), 2 / 8),
        (16, 48 << 10, 256, (8, 0), 3 / 8),  # 164 KiB for blocks of 49
        (16, 0, 1, (8, 0), 32 / 64),  # 32 blocks of one warp
        (64, 0, 256, (7, 5), 1),
        (255, 0, 256, (12, 0), 1 / 6),
    ],
)
def test_occupancy(registers, shared, threads, architecture, expected):
    assert sass.occupancy(_code(registers=registers, shared=shared), threads, architecture) == expected


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"spilled": 8}, "8 bytes spilled"),
        ({"stack": 16}, "16 local accesses and bytes"),
        ({"all": {"STL": 1}}, "1 local accesses and bytes"),
        ({"float64": 3}, "3 float64 instructions"),
        ({"all": {"RED": 1}}, "1 atomics"),
        ({"registers": 41}, "41 registers, expected at most 40"),
    ],
)
def test_what_breaks_a_limit_is_said(changes, complaint):
    [fault] = sass_limits.faults(_instance(), _code(**changes), (8, 0))
    assert fault.startswith(f"some_kernel, float32, sm_80: {complaint}")


def test_what_keeps_the_limits_is_passed_and_float64_kernels_may_compute_in_it():
    assert sass_limits.faults(_instance(), _code(registers=40), (8, 0)) == []
    assert sass_limits.faults(_instance(dtype="float64"), _code(float64=3), (8, 0)) == []


def test_launch_bounds_say_how_many_registers_there_are():
    class Bounded:
        targetoptions = {"launch_bounds": (256, 2)}  # noqa: RUF012

    assert sass_limits.most_registers(_instance(kernel=Bounded()), (8, 0)) == 128


def test_registers_that_leave_all_threads_resident_are_never_too_many():
    most = {architecture: sass_limits.most_registers(_instance(), architecture) for architecture in sass.ARCHITECTURES}
    assert most == {(7, 5): 64, (8, 0): 40, (8, 6): 40, (9, 0): 40, (10, 0): 48, (12, 0): 48}


def _streaming(x, y, vectors):
    """A kernel by its arguments."""


def test_a_stream_without_wide_accesses_is_complained_of():
    kernel = type("Kernel", (), {"py_func": _streaming, "targetoptions": {}})()
    narrow = sass_limits.faults(_instance(kernel=kernel), _code(widths={"LDG.128": 1, "STG.32": 4}), (8, 0))
    assert narrow == ["some_kernel, float32, sm_80: no STG.128, expected 128-bit accesses"]
    assert sass_limits.faults(_instance(kernel=kernel), _code(widths={"LDG.128": 1, "STG.128": 1}), (8, 0)) == []
