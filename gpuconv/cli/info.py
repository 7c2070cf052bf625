"""`gpuconv info`: show what was found and chosen on this machine."""

import importlib.metadata
import os
import platform
import sys
from typing import Any

from rich.table import Table

from .. import __version__
from ..core.device import DeviceError, device, missing_for_cuda, missing_for_emulator, missing_for_kernels
from . import output


def run() -> None:
    """Print a table: versions, device, memory, CPU features, threads, cache."""
    table = Table(title=f"gpuconv {__version__}", show_header=False, title_justify="left")
    table.add_column(style="bold")
    table.add_column(overflow="fold")
    for name, value in (*_versions(), *_device(), *_cpu(), *_caches()):
        table.add_row(name, value)
    output.console().print(table)


def _versions() -> list[tuple[str, str]]:
    packages = ("numpy", "numba", "llvmlite", "numba-cuda", "cupy-cuda12x", "cupy-cuda13x", "cupy")
    rows = [("python", f"{platform.python_version()} on {platform.platform()}")]
    for package in packages:
        try:
            rows.append((package, importlib.metadata.version(package)))
        except importlib.metadata.PackageNotFoundError:
            continue
    return rows


def _device() -> list[tuple[str, str]]:
    asked = os.environ.get("GPUCONV_DEVICE")
    try:
        chosen = device()
    except (DeviceError, ValueError) as error:  # which this command is to report
        chosen = f"none: {error}"
    rows = [("device", chosen + (f" (GPUCONV_DEVICE={asked})" if asked else ""))]
    missing = missing_for_cuda()
    if missing:
        return [*rows, ("cuda", f"none: {missing}")]
    cupy: Any = sys.modules["cupy"]
    for number in range(cupy.cuda.runtime.getDeviceCount()):
        properties = cupy.cuda.runtime.getDeviceProperties(number)
        with cupy.cuda.Device(number):
            free, total = cupy.cuda.runtime.memGetInfo()
        capability = f"{properties['major']}.{properties['minor']}"
        memory = f"{free / 2**30:.1f} of {total / 2**30:.1f} GiB free"
        name = properties["name"].decode()
        rows.append((f"gpu {number}", f"{name}, compute capability {capability}, {memory}"))
    return rows


def _cpu() -> list[tuple[str, str]]:
    missing = missing_for_kernels()
    if missing:
        return [("kernels", f"none: {missing}")]
    import llvmlite.binding as llvm
    import numba

    from gpuconv.kernels.cpu import registers

    wanted = ("avx512f", "avx2", "fma", "f16c", "neon", "sve")
    features = [name for name in wanted if llvm.get_host_cpu_features().get(name)]
    blocking = f"{registers.MR} rows x {registers.NV} vectors of {registers.VECTOR_BYTES} bytes"
    return [
        ("cpu", f"{llvm.get_host_cpu_name()}: {', '.join(features) or 'no known vector extensions'}"),
        ("micro-kernel", blocking),
        ("threads", f"{numba.get_num_threads()} of {os.cpu_count()} processors"),
        ("memory", _memory()),
    ]


def _caches() -> list[tuple[str, str]]:
    """Where compiled code is read from and written to."""
    if missing_for_kernels():
        return []
    from numba.core import config

    from gpuconv.kernels.core import cache, cache_files

    rows = [("kernel cache", cache_files.summary(cache.ROOT, config.CACHE_DIR))]
    if missing_for_emulator() is None:
        from ..emulator.cache import SOURCE_FOLDER, chosen

        named = chosen()
        off = "off (GPUCONV_EMULATOR_CACHE is empty)"
        rows.append(("emulator's cache", off if named == "" else cache_files.summary(SOURCE_FOLDER, named)))
    return rows


def _memory() -> str:
    if not hasattr(os, "sysconf") or "SC_PHYS_PAGES" not in os.sysconf_names:
        return "unknown"
    page = os.sysconf("SC_PAGE_SIZE")
    free, total = (os.sysconf(name) * page / 2**30 for name in ("SC_AVPHYS_PAGES", "SC_PHYS_PAGES"))
    return f"{free:.1f} of {total:.1f} GiB free"
