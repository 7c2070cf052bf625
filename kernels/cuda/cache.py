"""The disk cache of CUDA kernels: core/cache.py, with the versions of the CUDA compiler in the key."""

from importlib.metadata import PackageNotFoundError, version

from numba.cuda.dispatcher import CUDACache, CUDACacheImpl, CUDADispatcher
from numba.cuda.serialize import dumps

from ..core.cache import install, kernel_cache

COMPILERS = (
    "numba-cuda",
    "nvidia-nvvm",
    "nvidia-cuda-nvcc-cu12",
    "nvidia-nvjitlink",
    "nvidia-nvjitlink-cu12",
    "nvidia-cuda-nvrtc",
    "nvidia-cuda-nvrtc-cu12",
)
"""Distributions that turn a kernel into machine code."""


def compilers():
    """Names and versions of those that are installed."""
    found = []
    for name in COMPILERS:
        try:
            found.append(f"{name} {version(name)}")
        except PackageNotFoundError:
            continue
    return tuple(found)


install(CUDADispatcher, kernel_cache(CUDACache, CUDACacheImpl, dumps, compilers()))
