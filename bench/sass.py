"""Static gate: the machine code of every CUDA kernel, without a GPU.

    python -m gpuconv.bench.sass --architectures 80 90 --json sass.json

Numba's PTX is assembled by `ptxas` and disassembled by `nvdisasm`, both from wheels (nvidia-cuda-nvcc,
nvidia-cuda-nvdisasm). The emulator's cache holds PTX by the source of a kernel, and the counts by the PTX: unchanged
kernels cost nothing. Instruction counts are not times.
"""

import functools
import json
import re
import subprocess
import sysconfig
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import NamedTuple

from gpuconv.emulator import cache
from gpuconv.emulator.source import compile_ptx

TOOLS = Path(sysconfig.get_paths()["purelib"]) / "nvidia" / "cu13" / "bin"
ARCHITECTURES = ((7, 5), (8, 0), (8, 6), (9, 0), (10, 0), (12, 0))
"""Turing, the Ampere of A100 and of GeForce, Hopper, the Blackwell of B200 and of GeForce."""

INSTRUCTION = re.compile(r"^\s*/\*([0-9a-f]{4,})\*/\s+(@!?U?P[T0-9]+\s+)?([A-Z][A-Z0-9_.]*)\s*([^;]*);")
LABEL = re.compile(r"^\s*(\.L_\w+):")
FLOAT64 = re.compile(r"D(ADD|MUL|FMA|SETP|MNMX|MMA)\b|.*(F64|64H)")
MULTIPLY = ("FFMA", "DFMA", "HMMA")


class Code(NamedTuple):
    """Resources and instructions of a kernel's machine code."""

    registers: int
    spilled: int
    """Bytes of spill stores and spill loads."""
    stack: int
    """Bytes of local memory a thread."""
    shared: int
    """Bytes of static shared memory a block."""
    loop: Counter
    """Instructions of the innermost loop with most multiplications, by opcode; all of them where there is no loop."""
    all: Counter
    widths: Counter
    """Accesses of global memory by width: "LDG.128", "STG.32"."""
    float64: int
    """Instructions on float64."""
    seconds: float
    """Time of ptxas."""

    def share(self, name):
        """Share of an opcode in the main loop."""
        return self.loop[name] / self.loop.total()

    @property
    def local(self):
        """Accesses of local memory and bytes of the stack frame: 0 is the aim."""
        return self.all["LDL"] + self.all["STL"] + self.stack


class Multiprocessor(NamedTuple):
    """Limits of a multiprocessor (CUDA C++ Programming Guide, technical specifications)."""

    threads: int
    blocks: int
    shared: int
    registers: int = 65536


MULTIPROCESSORS = {
    (7, 5): Multiprocessor(1024, 16, 64 << 10),
    (8, 0): Multiprocessor(2048, 32, 164 << 10),
    (8, 6): Multiprocessor(1536, 16, 100 << 10),
    (9, 0): Multiprocessor(2048, 32, 228 << 10),
    (10, 0): Multiprocessor(2048, 32, 228 << 10),
    (12, 0): Multiprocessor(1536, 24, 100 << 10),
}


def missing():
    """Why this machine cannot assemble, in a few words; None where it can."""
    absent = [name for name in ("ptxas", "nvdisasm") if not (TOOLS / name).is_file()]
    return f"{' and '.join(absent)} not in {TOOLS} (pip install gpuconv[dev])" if absent else None


@functools.cache
def ptx_of(kernel, signature, architecture, also=()):
    """The PTX of a kernel for a Numba signature and an architecture such as (8, 0); others are cached along."""
    bounds = kernel.targetoptions.get("launch_bounds")
    return compile_ptx(kernel, signature, architecture, lineinfo=False, launch_bounds=bounds, also=also)


def assemble(kernel, signature, architecture):
    """The Code of a kernel for a Numba signature and an architecture such as (8, 0)."""
    return assemble_ptx(ptx_of(kernel, signature, architecture), architecture)


def assemble_ptx(ptx, architecture):
    """The Code of PTX, from the cache if it was assembled before."""
    key = cache.key("sass", ptx, str(architecture), _version(), Path(__file__).read_text())
    kept = cache.read(key)
    if kept is not None:
        return Code(*(Counter(value) if isinstance(value, dict) else value for value in json.loads(kept)))
    code = _assemble(ptx, architecture)
    cache.write(key, json.dumps(code).encode())
    return code


@functools.cache
def _version():
    return "".join(_run(tool, "--version").stdout for tool in ("ptxas", "nvdisasm"))


def _assemble(ptx, architecture):
    with tempfile.TemporaryDirectory() as folder:
        source, binary = Path(folder) / "kernel.ptx", Path(folder) / "kernel.cubin"
        source.write_text(ptx)
        begin = time.perf_counter()
        report = _run("ptxas", "-v", "-O3", "-arch=sm_{}{}".format(*architecture), source, "-o", binary).stderr
        seconds = time.perf_counter() - begin
        listing = _run("nvdisasm", "-c", binary).stdout

    def bytes_of(what):
        return sum(map(int, re.findall(rf"(\d+) bytes {what}", report)))

    code = _instructions(listing)
    mixes = map(_mix, _innermost_loops(listing) or [code])
    return Code(
        registers=int(re.search(r"Used (\d+) registers", report).group(1)),
        spilled=bytes_of("spill stores") + bytes_of("spill loads"),
        stack=bytes_of("stack frame"),
        shared=bytes_of("smem"),
        loop=max(mixes, key=lambda mix: (sum(mix[name] for name in MULTIPLY), -mix.total())),
        all=_mix(code),
        widths=Counter(filter(None, (_width(name) for _, name, _ in code))),
        float64=sum(FLOAT64.match(name) is not None for _, name, _ in code),
        seconds=seconds,
    )


def _run(tool, *arguments):
    return subprocess.run([TOOLS / tool, *map(str, arguments)], capture_output=True, text=True, check=True)


def _instructions(listing):
    """(address, opcode, operands) of every instruction but NOP, which pads the end."""
    found = filter(None, map(INSTRUCTION.match, listing.splitlines()))
    return [(int(m.group(1), 16), m.group(3), m.group(4)) for m in found if m.group(3) != "NOP"]


def _innermost_loops(listing):
    """The instructions of each innermost loop: from a label to a branch back to it, with no such pair inside."""
    labels, waiting, loops = {}, [], []
    for line in listing.splitlines():
        if label := LABEL.match(line):
            waiting.append(label.group(1))
        elif instruction := INSTRUCTION.match(line):
            address = int(instruction.group(1), 16)
            labels.update(dict.fromkeys(waiting, address))
            waiting = []
            back = re.search(r"`\((\.L_\w+)\)", instruction.group(4))
            # A kernel ends in a branch to itself, which is not a loop.
            if instruction.group(3).startswith("BRA") and back and labels.get(back.group(1), address) < address:
                loops.append((labels[back.group(1)], address))
    inner = [a for a in loops if not any(b != a and a[0] <= b[0] and b[1] <= a[1] for b in loops)]
    code = _instructions(listing)
    return [[i for i in code if first <= i[0] <= last] for first, last in inner]


def _mix(code):
    return Counter(name.split(".")[0] for _, name, _ in code)


def _width(name):
    """LDG.E.128.CONSTANT as "LDG.128"; None for opcodes that do not access global memory."""
    first, *suffixes = name.split(".")
    if first not in ("LDG", "STG"):
        return None
    bits = next((s for s in suffixes if s in ("U8", "S8", "U16", "S16", "64", "128")), "32")
    return f"{first}.{bits.lstrip('US')}"


def occupancy(code, threads, architecture):
    """Occupancy: share of a multiprocessor's threads that blocks of so many threads can fill.

    Registers are allocated in units of 256 a warp, in four partitions; shared memory in units of 128 bytes, with 1 KiB
    a block reserved by the system from sm_80 on.
    """
    limits = MULTIPROCESSORS[architecture]
    warps = -(-threads // 32)
    registers = -(-code.registers * 32 // 256) * 256
    shared = -(-(code.shared + (1024 if architecture >= (8, 0) else 0)) // 128) * 128
    blocks = min(
        limits.blocks,
        limits.threads // (32 * warps),
        limits.registers // 4 // registers * 4 // warps,
        limits.shared // shared if shared else limits.blocks,
    )
    return blocks * warps * 32 / limits.threads


if __name__ == "__main__":
    from gpuconv.bench.sass_report import main

    main()
