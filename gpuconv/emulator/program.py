"""PTX to machine code: parse, assign addresses, translate to LLVM IR, compile, link to the runtime."""

import functools
import re
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import llvmlite.binding as llvm

from . import cache
from .errors import EmulatorError, Location
from .flow import Kernel, kernel_of
from .link import link
from .ptx import WIDTHS, Address, Instruction, Module, Name, Operand, Variable, Vector
from .reader import parse
from .runtime import state as s
from .runtime.helpers import helper
from .translate import Program, translate

OPTIMIZATION = 1


@dataclass(frozen=True)
class Static:
    """Memory layout of a kernel's variables."""

    shared: tuple[tuple[int, int], ...]
    """(first, last) byte offsets of each variable in the `shared_bytes` of a block."""
    shared_bytes: int
    dynamic: int | None
    """Index of the variable that is sized at launch."""
    globals: tuple[Variable, ...]
    local_bytes: int
    shared_granule: int
    global_granule: int


@dataclass
class Compiled:
    """Executable kernel."""

    name: str
    parameters: tuple[Variable, ...]
    offsets: tuple[int, ...]
    parameter_bytes: int
    static: Static
    program: Program
    kernel: Kernel
    files: dict[int, str]
    advance: int
    engine: Any
    target: str
    """What the text was compiled for, such as sm_80."""
    max_threads: int | None
    """Most threads of a block, if the kernel has launch bounds."""
    lines: Any = None
    """Table of sites of exits.py, made at the first launch."""

    def location(self, site: int) -> Location:
        """Location of an instruction, by its site."""
        return self.located(self.program.sites[site])

    def located(self, item: Instruction) -> Location:
        """Location of an instruction."""
        return location_of(item, self.name, self.files)


def location_of(item: Instruction, kernel: str, files: dict[int, str]) -> Location:
    """PTX and source lines of an instruction; in Numba's functions, the line that calls them."""
    frames = [frame for frame in (item.source, *item.callers) if frame is not None] or [(0, 0)]
    number, line = next((f for f in frames if not _is_of_numba(files.get(f[0], ""))), frames[0])
    return Location(
        kernel=readable(kernel), ptx_line=item.line or None, instruction=item.text,
        source_file=files.get(number), source_line=line or None,
    )  # fmt: skip


@functools.cache
def _is_of_numba(file: str) -> bool:
    components = Path(file).parts
    return any(pair in (("site-packages", "numba"), ("site-packages", "numba_cuda")) for pair in pairwise(components))


def readable(symbol: str) -> str:
    """Demangle a Numba symbol to the Python function's name."""
    match = re.match(r"_ZN(.*)", symbol)
    components, rest = [], match.group(1) if match else ""
    while found := re.match(r"0*(\d+)", rest):
        length = int(found.group(1))
        components.append(rest[found.end() : found.end() + length])
        rest = rest[found.end() + length :]
    names = [p for p in components if p not in ("cudapy",)]
    return re.sub(r"_3clocals_3e", "<locals>", names[-1]) if names else symbol


@functools.lru_cache(maxsize=512)
def compile_kernel(ptx: str | tuple[str, ...], name: str | None = None) -> Compiled:
    """Compile a kernel of a PTX text and of those that it links to machine code, or load it from the disk cache.

    Raises
    ------
    EmulatorError
        If the text is not valid PTX or has an unsupported instruction; with the line.
    """
    texts = (ptx,) if isinstance(ptx, str) else ptx
    module = link([parse(text) for text in texts])
    kernel = kernel_of(module, name)
    addresses, static = _layout(module, kernel)
    offsets, size = _offsets(kernel.parameters)
    named = {p.name: o for p, o in zip(kernel.parameters, offsets, strict=True)}

    def locate(item: Instruction) -> Location:
        return location_of(item, kernel.name, module.files)

    program = translate(kernel, locate, addresses, named)
    engine, advance = _machine_code(program, texts, kernel.name)
    return Compiled(
        kernel.name,
        tuple(kernel.parameters),
        tuple(offsets),
        size,
        static,
        program,
        kernel,
        module.files,
        advance,
        engine,
        module.target,
        module.functions[kernel.name].max_threads,
    )


def _offsets(parameters: list[Variable]) -> tuple[list[int], int]:
    offsets, end = [], 0
    for parameter in parameters:
        start = -(-end // parameter.align) * parameter.align
        offsets.append(start)
        end = start + parameter.size
    return offsets, end


def _used(kernel: Kernel) -> set[str]:
    """Names that occur in the instructions of a kernel."""
    names: set[str] = set()

    def add(operand: Operand) -> None:
        if isinstance(operand, Name):
            names.add(operand.name)
        elif isinstance(operand, Address):
            add(operand.base)
        elif isinstance(operand, Vector):
            for item in operand.items:
                add(item)

    for block in kernel.blocks:
        for item in block.instructions:
            for operand in item.operands:
                add(operand)
    return names


def _with_addressed(used: set[str], module: Module) -> set[str]:
    """Names, and the variables whose addresses the initial values of those hold."""
    pending = [module.variables[name] for name in used if name in module.variables]
    while pending:
        for _, symbol, _ in pending.pop().symbols:
            if symbol in module.variables and symbol not in used:
                used.add(symbol)
                pending.append(module.variables[symbol])
    return used


def _with_addresses(variable: Variable, addresses: dict[str, int], module: Module) -> Variable:
    """A variable whose initial value holds the addresses of others; functions have small numbers for addresses."""
    if not variable.symbols:
        return variable
    functions = {name: 16 * k for k, name in enumerate(module.functions, 1)}
    data, size = bytearray(variable.data), WIDTHS[variable.type] // 8
    for offset, symbol, addend in variable.symbols:
        value = addresses.get(symbol, functions.get(symbol, 0)) + addend
        data[offset : offset + size] = (value % 2 ** (8 * size)).to_bytes(size, "little")
    return replace(variable, data=bytes(data))


def _layout(module: Module, kernel: Kernel) -> tuple[dict[str, int], Static]:
    """Assign addresses to all variables that a kernel uses."""
    used = _with_addressed(_used(kernel), module)
    variables = [v for v in [*module.variables.values(), *kernel.locals] if v.name in used]
    addresses: dict[str, int] = {}
    spans: list[tuple[int, int]] = [(0, 0)]
    shared_end = local_end = 0
    dynamic = None
    in_memory: list[Variable] = []
    # dynamic shared memory follows the static variables
    for variable in sorted(variables, key=lambda v: v.space == "shared" and v.external):
        if variable.space == "shared":  # variable index in the high bits, offset in the low ones
            shared_end = -(-shared_end // variable.align) * variable.align
            if variable.external:
                if dynamic is None:
                    shared_end = -(-shared_end // 16) * 16
                    dynamic = len(spans)
                addresses[variable.name] = (dynamic << s.SHARED_SHIFT) | shared_end
                if dynamic == len(spans):
                    spans.append((shared_end, shared_end))
                continue
            addresses[variable.name] = (len(spans) << s.SHARED_SHIFT) | shared_end
            spans.append((shared_end, shared_end + variable.size))
            shared_end += variable.size
        elif variable.space in ("local", "param"):
            local_end = -(-local_end // variable.align) * variable.align
            addresses[variable.name] = local_end
            local_end += variable.size
        else:  # a region of global memory for each variable
            addresses[variable.name] = ((s.FIRST_REGION + len(in_memory)) << s.SPACE_SHIFT) | s.MIDDLE
            in_memory.append(variable)
    granules = [_granule(kernel, shared) for shared in (True, False)]
    filled = tuple(_with_addresses(variable, addresses, module) for variable in in_memory)
    static = Static(tuple(spans), shared_end, dynamic, filled, -(-local_end // 16) * 16, granules[0], granules[1])
    return addresses, static


def _granule(kernel: Kernel, shared: bool) -> int:
    """log2 of the smallest access in bytes, to shared or to global memory: granularity of the race detector."""
    smallest = 8
    for block in kernel.blocks:
        for item in block.instructions:
            if item.op in ("ld", "st", "atom", "red", "ldu"):
                in_shared = any(p.startswith("shared") for p in item.modifiers)
                generic = not any(p in ("global", "const", "local", "param") for p in item.modifiers) and not in_shared
                if in_shared == shared or generic:
                    type_ = next(p for p in reversed(item.modifiers) if p in WIDTHS)
                    smallest = min(smallest, WIDTHS[type_] // 8)
            elif item.op in ("ldmatrix", "cp"):
                smallest = min(smallest, 4)
    return smallest.bit_length() - 1


# ---- machine code


@functools.cache
def _target_machine() -> Any:
    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    target = llvm.Target.from_default_triple()
    features = llvm.get_host_cpu_features().flatten()
    return target.create_target_machine(llvm.get_host_cpu_name(), features, opt=OPTIMIZATION, jit=True)


def _machine_code(program: Program, texts: tuple[str, ...], name: str) -> tuple[Any, int]:
    """Compile a program, or load its machine code from the cache, and link it to the runtime."""
    # runtime functions by symbol
    for helper_name, symbol in program.helpers.items():
        try:
            llvm.add_symbol(symbol, helper(helper_name).address)
        except KeyError as error:
            raise EmulatorError("unsupported-instruction", f"unknown runtime function {helper_name!r}") from error
    # compile, or load from the cache
    key = cache.key("code", name, *texts)
    machine = _target_machine()
    kept = cache.read(key)
    if kept is None:
        module = llvm.parse_assembly(program.text)
        module.triple = llvm.get_process_triple()
        _optimize(module, machine)
        kept = machine.emit_object(module)
        cache.write(key, kept)
    # link
    engine = llvm.create_mcjit_compiler(llvm.parse_assembly(""), _new_machine())
    engine.add_object_file(llvm.ObjectFileRef.from_data(kept))
    engine.finalize_object()
    return engine, int(engine.get_function_address("advance"))


def _new_machine() -> Any:
    """A new target machine: every engine takes ownership of its machine."""
    target = llvm.Target.from_default_triple()
    features = llvm.get_host_cpu_features().flatten()
    return target.create_target_machine(llvm.get_host_cpu_name(), features, opt=OPTIMIZATION, jit=True)


def _optimize(module: Any, machine: Any) -> None:
    """Run the cheap passes that help straight-line vector code: no inlining, no loop unrolling."""
    options = llvm.create_pipeline_tuning_options(speed_level=OPTIMIZATION)
    builder = llvm.create_pass_builder(machine, options)
    manager = llvm.create_new_function_pass_manager()
    manager.add_instruction_combine_pass()
    for function in module.functions:
        if not function.is_declaration:
            manager.run(function, builder)


__all__ = ["Compiled", "Static", "compile_kernel", "location_of", "readable"]
