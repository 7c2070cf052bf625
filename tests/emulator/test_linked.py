"""CUDA C++ and PTX that kernels link: files, NVRTC's absence and errors, names that modules have in common."""

import importlib

import numpy as np
import pytest
from numba import cuda

from gpuconv import emulator
from gpuconv.emulator.program import compile_kernel
from gpuconv.emulator.source import external

TRIPLE = """
__device__ double factor[2] = {3.0, 4.0};
extern "C" __device__ int triple(double* result, double x) { *result = factor[0] * x; return 0; }
"""


def kernel_with(link):
    triple = cuda.declare_device("triple", "float64(float64)")

    @cuda.jit(link=link)
    def kernel(x):
        i = cuda.grid(1)
        x[i] = triple(x[i])

    return kernel


def test_a_file_of_cuda_and_one_of_ptx(tmp_path):
    (tmp_path / "triple.cu").write_text(TRIPLE)
    (tmp_path / "triple.ptx").write_text(external.nvrtc(TRIPLE, "triple", (8, 0)))
    for file in ("triple.cu", "triple.ptx"):
        x = np.arange(32.0)
        emulator.run(kernel_with([str(tmp_path / file)]), 1, 32, x)
        assert (x == 3 * np.arange(32)).all()


def test_an_edit_of_a_linked_file_is_followed(tmp_path):
    file = tmp_path / "triple.cu"
    kernel, x = kernel_with([str(file)]), np.ones(1)
    for multiplier in ("3.0", "5.0"):
        file.write_text(TRIPLE.replace("3.0", multiplier))
        emulator.run(kernel, 1, 1, x)
    assert x[0] == 15


def test_an_error_of_the_cuda_compiler_names_file_and_line(tmp_path):
    (tmp_path / "wrong.cu").write_text("\n__device__ int f() { return missing; }\n")
    with pytest.raises(emulator.EmulatorError, match=r'bad-launch: wrong does not .*wrong.cu\(2\).*"missing"') as found:
        emulator.run(kernel_with([str(tmp_path / "wrong.cu")]), 1, 1, np.ones(1))
    assert found.value.kind == "bad-launch"


def test_a_missing_nvrtc_is_named_with_its_package(monkeypatch):
    def missing(name):
        raise ImportError(f"no {name}")

    monkeypatch.setattr(importlib, "import_module", missing)
    external.nvrtc.cache_clear()
    with pytest.raises(emulator.EmulatorError, match=r"half is CUDA C.*pip install nvidia-cuda-nvrtc"):
        external.nvrtc("__device__ int f() { return 1; }", "half", (8, 0))
    external.nvrtc.cache_clear()


HEAD = ".version 8.0\n.target sm_80\n.address_size 64\n"
FIRST = (
    HEAD
    + """.extern .func (.param .b32 r) two();
.global .align 4 .u32 number = 1;
.func (.param .b32 r) helper() { .reg .b32 %r<2>; ld.global.u32 %r1, [number]; st.param.b32 [r+0], %r1; ret; }
.visible .entry kernel(.param .u64 y)
{ .reg .b32 %r<4>; .reg .b64 %p; .param .b32 a; .param .b32 b;
  call (a), helper; call (b), two; ld.param.b32 %r1, [a+0]; ld.param.b32 %r2, [b+0];
  mad.lo.u32 %r3, %r1, 10, %r2; ld.param.u64 %p, [y]; st.global.u32 [%p], %r3; ret; }
"""
)
SECOND = (
    HEAD
    + """.global .align 4 .u32 number = 2;
.func (.param .b32 r) helper() { .reg .b32 %r<2>; ld.global.u32 %r1, [number]; st.param.b32 [r+0], %r1; ret; }
.visible .func (.param .b32 r) two()
{ .reg .b32 %r<2>; .param .b32 a; call (a), helper; ld.param.b32 %r1, [a+0]; st.param.b32 [r+0], %r1; ret; }
"""
)


def test_local_names_of_two_modules_stay_apart():
    from gpuconv.emulator.grid import launch
    from gpuconv.emulator.launcher import Launch

    y = np.zeros(1, np.int32)
    launch(compile_kernel((FIRST, SECOND)), Launch((1, 1, 1), (1, 1, 1)), [("y", y)])
    assert y[0] == 12
