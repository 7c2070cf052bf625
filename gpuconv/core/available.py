"""What keeps this machine from running kernels, on a CPU, a GPU or the emulator; the only module that imports cupy."""

import functools
import importlib
import importlib.metadata
import importlib.util
import os
from typing import Any

import numpy as np


def missing_for_kernels(target: str = "cpu") -> str | None:
    """What keeps Numba from compiling or running kernels of "cpu" or "cuda", in a few words; None where nothing does.

    Numba's environment variables decide when it is imported and when its threads start.
    """
    try:
        numba = importlib.import_module("numba")
    except ValueError as error:
        return f"Numba cannot be imported with NUMBA_NUM_THREADS={os.environ.get('NUMBA_NUM_THREADS')}: {error}"
    if numba.config.DISABLE_JIT:
        return "NUMBA_DISABLE_JIT=1 keeps Numba from compiling"
    # the threads of "default" can always be had, and start when they are needed
    layer = numba.config.THREADING_LAYER
    if target == "cpu" and layer != "default":
        try:
            importlib.import_module("gpuconv.kernels.cpu.parallel").start_pool()
        except ValueError as error:
            return f"NUMBA_THREADING_LAYER={layer}: {' '.join(str(error).split())}"
    return None


def missing_for_cuda() -> str | None:
    """What keeps this machine from running CUDA, in a few words; None where nothing does."""
    try:
        cupy = import_cupy()
    except ImportError as error:
        return f"CuPy cannot be imported ({error})"
    try:
        count = cupy.cuda.runtime.getDeviceCount()
    except Exception as error:  # cupy's types, absent where it is not installed
        return f"no CUDA driver answers ({error})"
    if count == 0:
        return "the CUDA driver finds no device"
    if importlib.util.find_spec("numba_cuda") is None:
        return "numba-cuda is not installed (pip install gpuconv[cuda12] or gpuconv[cuda13])"
    return _too_new_for_numba_cuda()


def _too_new_for_numba_cuda() -> str | None:
    """Whether the installed numba-cuda cannot be imported with this NumPy (NVIDIA/numba-cuda#907), in a few words."""
    version = importlib.metadata.version("numba-cuda")
    if hasattr(np, "row_stack") or tuple(map(int, version.split(".")[:2])) > (0, 30):
        return None
    return f"numba-cuda {version} does not work with NumPy {np.__version__} (pip install 'numpy<2.5')"


@functools.cache
def import_cupy() -> Any:
    """The cupy module; ImportError where it is not installed."""
    return importlib.import_module("cupy")


def missing_for_emulator() -> str | None:
    """What keeps this machine from running CUDA kernels' PTX on the CPU; None where nothing does."""
    for package in ("numba_cuda", "cuda.bindings"):
        try:
            found = importlib.util.find_spec(package)
        except ModuleNotFoundError:
            found = None
        if found is None:
            return f"{package} is not installed (pip install gpuconv[emulator])"
    if os.environ.get("NUMBA_ENABLE_CUDASIM") == "1":
        return "NUMBA_ENABLE_CUDASIM=1 keeps Numba from compiling for CUDA"
    return _too_new_for_numba_cuda()
