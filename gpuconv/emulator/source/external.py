"""CUDA C++ and PTX that numba-cuda links to a kernel: float16 arithmetic, reshapes, functions of `declare_device`."""

import functools
import importlib
from pathlib import Path
from typing import Any

from ..errors import EmulatorError

GRID_SYNC = """.version 8.0
.target sm_80
.address_size 64
.global .align 4 .u32 arrived;
.global .align 4 .u32 generation;
.visible .func (.param .b64 handle) cudaCGGetIntrinsicHandle(.param .b32 scope)
{ .reg .b64 %h; mov.u64 %h, 1; st.param.b64 [handle+0], %h; ret; }
.visible .func (.param .b32 status) cudaCGSynchronize(.param .b64 handle, .param .b32 flags)
{
  .reg .b32 %r<12>; .reg .pred %p<4>;
  bar.sync 0;
  mov.u32 %r1, %tid.x; mov.u32 %r2, %tid.y; mov.u32 %r3, %tid.z;
  or.b32 %r1, %r1, %r2; or.b32 %r1, %r1, %r3;
  setp.ne.u32 %p1, %r1, 0;
  @%p1 bra ALL;
  mov.u32 %r4, %nctaid.x; mov.u32 %r5, %nctaid.y; mov.u32 %r6, %nctaid.z;
  mul.lo.u32 %r4, %r4, %r5; mul.lo.u32 %r4, %r4, %r6; sub.u32 %r4, %r4, 1;
  membar.gl;
  atom.global.add.u32 %r7, [generation], 0;
  atom.global.add.u32 %r8, [arrived], 1;
  setp.eq.u32 %p2, %r8, %r4;
  @%p2 bra LAST;
WAIT:
  atom.global.add.u32 %r9, [generation], 0;
  setp.eq.u32 %p3, %r9, %r7;
  @%p3 bra WAIT;
  bra PASSED;
LAST:
  atom.global.exch.b32 %r9, [arrived], 0;
  membar.gl;
  atom.global.add.u32 %r9, [generation], 1;
PASSED:
  membar.gl;
ALL:
  bar.sync 0;
  mov.u32 %r10, 0; st.param.b32 [status+0], %r10; ret;
}
"""
"""What libcudadevrt does for `cuda.cg.this_grid().sync()`: the last block to arrive lets the others go on."""

_SOURCES_OF = {"reshape_funcs.cu": ("nocopy_empty_reshape", "numba_attempt_nocopy_reshape")}
"""File of numba-cuda -> functions in it, which `@cuda.jit` links to kernels that call them."""


def external_ptx(linked: Any, text: str, architecture: tuple[int, int]) -> list[str]:
    """PTX of the files and objects that a kernel's library links, and of those that its PTX calls for.

    Raises
    ------
    EmulatorError
        Of kind bad-launch, if NVRTC is missing, or if it cannot compile a source.
    """
    from numba import cuda
    from numba.cuda.cudadrv.linkable_code import CUSource, LinkableCode, PTXSource

    paths = list(linked)
    folder = Path(cuda.__file__).parent
    paths += [str(folder / file) for file, names in _SOURCES_OF.items() if any(name in text for name in names)]
    found = []
    for item in map(LinkableCode.from_path_or_obj, paths):
        if not isinstance(item, (CUSource, PTXSource)):
            message = f"{item.name} is linked as {type(item).__name__}, expected CUDA C++ or PTX"
            raise EmulatorError("bad-launch", message)
        data = item.data.decode() if isinstance(item.data, bytes) else item.data
        found.append(data if isinstance(item, PTXSource) else nvrtc(data, item.name, architecture))
    found += [GRID_SYNC] if "cudaCGSynchronize" in text or "cudaCGGetIntrinsicHandle" in text else []
    return sorted(found)  # the library keeps a set


@functools.lru_cache(maxsize=256)
def nvrtc(source: str, name: str, architecture: tuple[int, int]) -> str:
    """Compile CUDA C++ to PTX with NVIDIA's run-time compiler, which needs no driver."""
    try:
        binding: Any = importlib.import_module("cuda.bindings.nvrtc")
        _, major, _ = binding.nvrtcVersion()
        architecture = importlib.import_module("numba.cuda.cudadrv.nvrtc").find_closest_arch(architecture)
    except (ImportError, OSError, RuntimeError) as missing:
        message = f"{name} is CUDA C++, and NVRTC is missing: pip install nvidia-cuda-nvrtc ({missing})"
        raise EmulatorError("bad-launch", message) from missing
    program = _checked(binding, binding.nvrtcCreateProgram(source.encode(), f"{name}.cu".encode(), 0, [], []))
    options = [f"--gpu-architecture=compute_{architecture[0]}{architecture[1]}", "-default-device", "-rdc=true"]
    options += [f"-I{folder}" for folder in _include_folders(major)]
    (error,) = binding.nvrtcCompileProgram(program, len(options), [o.encode() for o in options])
    if error != binding.nvrtcResult.NVRTC_SUCCESS:
        log = _text(binding, binding.nvrtcGetProgramLogSize, binding.nvrtcGetProgramLog, program)
        hint = "pip install nvidia-cuda-runtime has the toolkit's headers; " if "could not open source" in log else ""
        raise EmulatorError("bad-launch", f"{name} does not compile as CUDA C++: {hint}{log.strip()}")
    return _text(binding, binding.nvrtcGetPTXSize, binding.nvrtcGetPTX, program)


def _include_folders(major: int) -> list[str]:
    """Folders of headers: numba-cuda's, the toolkit's, those of the environment variable of numba-cuda."""
    from numba import cuda
    from numba.cuda.core import config
    from numba.cuda.cuda_paths import get_cuda_paths

    package = Path(cuda.__file__).parent
    toolkit = getattr(get_cuda_paths().get("include_dir"), "info", None)
    more = (getattr(config, "CUDA_NVRTC_EXTRA_SEARCH_PATHS", "") or "").split(":")
    found = [package / "include" / str(major), toolkit, package / "memory_management", *more]
    return [str(folder) for folder in found if folder]


def _text(binding: Any, size_of: Any, read: Any, program: Any) -> str:
    data = b" " * int(_checked(binding, size_of(program)))
    _checked(binding, read(program, data))
    return data.rstrip(b"\0").decode(errors="replace")


def _checked(binding: Any, result: Any) -> Any:
    error, *values = result
    if error != binding.nvrtcResult.NVRTC_SUCCESS:
        raise EmulatorError("bad-launch", f"NVRTC: {error.name}")
    return values[0] if values else None
