"""Machine code of a CUDA kernel without a GPU: what the assembler gives it, and what its main loop consists of.

    python -m gpuconv.bench.sass        # a table of the convolution's tiles, on sm_80 and sm_90

Numba's PTX is assembled by `ptxas` and taken apart by `nvdisasm`, both from wheels (nvidia-cuda-nvcc,
nvidia-cuda-nvdisasm). Counts of instructions are no times.
"""

import re
import subprocess
import sysconfig
import tempfile
from collections import Counter
from pathlib import Path
from typing import NamedTuple

TOOLS = Path(sysconfig.get_paths()["purelib"]) / "nvidia" / "cu13" / "bin"
INSTRUCTION = re.compile(r"^\s*/\*([0-9a-f]{4,})\*/\s+(@!?U?P[T0-9]+\s+)?([A-Z][A-Z0-9_.]*)\s*([^;]*);")
LABEL = re.compile(r"^\s*(\.L_\w+):")


class Code(NamedTuple):
    """What a kernel became."""

    registers: int
    spilled: int
    """Bytes that the assembler moves to local memory and back."""
    shared: int
    """Bytes of static shared memory."""
    loop: Counter
    """Instructions of the innermost loop that multiplies most, by name without suffixes."""
    all: Counter

    def share(self, name):
        """Part of the main loop that is one instruction."""
        return self.loop[name] / self.loop.total()


def missing():
    """What keeps this machine from assembling, in a few words; None where nothing does."""
    absent = [name for name in ("ptxas", "nvdisasm") if not (TOOLS / name).is_file()]
    return f"{' and '.join(absent)} not in {TOOLS} (pip install gpuconv[dev])" if absent else None


def assemble(kernel, signature, architecture):
    """Compile a kernel for a Numba signature and an architecture such as (8, 0); returns Code."""
    from numba import cuda

    bounds = kernel.targetoptions.get("launch_bounds")
    ptx, _ = cuda.compile(
        kernel.py_func, signature, device=False, abi="numba", cc=architecture, output="ptx", launch_bounds=bounds
    )
    with tempfile.TemporaryDirectory() as folder:
        source, binary = Path(folder) / "kernel.ptx", Path(folder) / "kernel.cubin"
        source.write_text(ptx)
        target = "sm_" + "".join(map(str, architecture))
        report = _run("ptxas", "-v", "-O3", f"-arch={target}", source, "-o", binary).stderr
        listing = _run("nvdisasm", "-c", binary).stdout

    def bytes_of(what):
        return sum(map(int, re.findall(rf"(\d+) bytes {what}", report)))

    code = _instructions(listing)
    return Code(
        registers=int(re.search(r"Used (\d+) registers", report).group(1)),
        spilled=bytes_of("spill stores") + bytes_of("spill loads"),
        shared=bytes_of("smem"),
        loop=max(
            map(_mix, [*_innermost_loops(listing), code]), key=lambda mix: (mix["FFMA"] + mix["DFMA"], -mix.total())
        ),
        all=_mix(code),
    )


def _run(tool, *arguments):
    return subprocess.run([TOOLS / tool, *map(str, arguments)], capture_output=True, text=True, check=True)


def _instructions(listing):
    """(address, name, operands) of every instruction."""
    found = filter(None, map(INSTRUCTION.match, listing.splitlines()))
    return [(int(m.group(1), 16), m.group(3), m.group(4)) for m in found]


def _innermost_loops(listing):
    """The instructions from a label to a later branch back to it, where no such pair lies within."""
    labels, waiting, loops = {}, [], []
    for line in listing.splitlines():
        if label := LABEL.match(line):
            waiting.append(label.group(1))
        elif instruction := INSTRUCTION.match(line):
            address = int(instruction.group(1), 16)
            labels.update(dict.fromkeys(waiting, address))
            waiting = []
            back = re.search(r"`\((\.L_\w+)\)", instruction.group(4))
            if instruction.group(3).startswith("BRA") and back and labels.get(back.group(1), address) < address:
                loops.append((labels[back.group(1)], address))
    inner = [a for a in loops if not any(b != a and a[0] <= b[0] and b[1] <= a[1] for b in loops)]
    code = _instructions(listing)
    return [[i for i in code if first <= i[0] <= last] for first, last in inner]


def _mix(code):
    return Counter(name.split(".")[0] for _, name, _ in code)


def convolution_tiles():
    """(kernel, signature) of every float32 tile of the convolution."""
    from numba import float32, int32, types, uint32, void

    from gpuconv.kernels.cuda import conv_tiles, conv_tiles_weight_grad, tile_plan

    array = types.Array(float32, 1, "C", aligned=True)
    pointers = (array, array, array, int32, int32, float32, array, int32, array)
    forward = void(*pointers, *[int32] * 30, *[uint32] * 4)
    weight_grad = void(array, array, array, *[int32] * 21, *[uint32] * 8)
    for ragged in (False, True):
        for shape in tile_plan.SHAPES[4]:
            yield conv_tiles.tile_kernel(shape, float32, ragged), forward
        for shape in tile_plan.WEIGHT_GRAD_SHAPES[4]:
            yield conv_tiles_weight_grad.weight_grad_kernel(shape, float32, ragged), weight_grad


def main():
    """Print the table."""
    print("| kernel | architecture | registers | spilled | shared | main loop | FFMA |\n|" + " --- |" * 7)
    for kernel, signature in convolution_tiles():
        for architecture in ((8, 0), (9, 0)):
            code = assemble(kernel, signature, architecture)
            row = code.registers, code.spilled, code.shared, code.loop.total()
            name, target = kernel.py_func.__name__, "sm_{}{}".format(*architecture)
            print(f"| {name} | {target} | {' | '.join(map(str, row))} | {code.share('FFMA'):.1%} |", flush=True)


if __name__ == "__main__":
    main()
