"""A kernel as machine code: parsed, laid out, translated, compiled by LLVM, linked to the runtime."""

import functools
import re
from dataclasses import dataclass
from typing import Any

import llvmlite.binding as llvm

from . import cache
from .errors import EmulatorError, Place
from .flow import Kernel, kernel_of
from .ptx import WIDTHS, Address, Instruction, Module, Name, Operand, Variable, Vector
from .reader import parse
from .runtime import state as s
from .runtime.helpers import helper
from .translate import Program, translate

OPTIMIZATION = 1


@dataclass(frozen=True)
class Static:
    """Where the variables of a kernel stand."""

    shared: tuple[tuple[int, int], ...]
    """(first, last) offsets of each variable of shared memory, in a block's memory of `shared_bytes`."""
    shared_bytes: int
    dynamic: int | None
    """Which of them has its size from the launch."""
    globals: tuple[Variable, ...]
    local_bytes: int
    shared_granule: int
    global_granule: int


@dataclass
class Compiled:
    """A kernel that can be launched."""

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

    def place(self, site: int) -> Place:
        """Where an instruction stands."""
        item = self.program.sites[site]
        return place_of(item, self.name, self.files)


def place_of(item: Instruction, kernel: str, files: dict[int, str]) -> Place:
    """The lines of an instruction."""
    number, line = item.source or (0, 0)
    return Place(
        kernel=readable(kernel), ptx_line=item.line or None, instruction=item.text,
        source_file=files.get(number), source_line=line or None,
    )  # fmt: skip


def readable(symbol: str) -> str:
    """The Python name in a symbol that Numba mangled, by the lengths in front of its parts."""
    match = re.match(r"_ZN(.*)", symbol)
    parts, rest = [], match.group(1) if match else ""
    while found := re.match(r"0*(\d+)", rest):
        length = int(found.group(1))
        parts.append(rest[found.end() : found.end() + length])
        rest = rest[found.end() + length :]
    names = [p for p in parts if p not in ("cudapy",)]
    return re.sub(r"_3clocals_3e", "<locals>", names[-1]) if names else symbol


@functools.lru_cache(maxsize=512)
def compile_kernel(ptx: str, name: str | None = None) -> Compiled:
    """Translate a kernel of a PTX text to machine code, or take it from the disk.

    Raises
    ------
    EmulatorError
        If the text is not PTX, or has an instruction that is not modeled; with the line.
    """
    module = parse(ptx)
    kernel = kernel_of(module, name)
    addresses, static = _layout(module, kernel)
    offsets, size = _offsets(kernel.parameters)
    named = {p.name: o for p, o in zip(kernel.parameters, offsets, strict=True)}

    def place(item: Instruction) -> Place:
        return place_of(item, kernel.name, module.files)

    program = translate(kernel, place, addresses, named)
    engine, advance = _machine_code(program, ptx, kernel.name)
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
    )


def _offsets(parameters: list[Variable]) -> tuple[list[int], int]:
    offsets, end = [], 0
    for parameter in parameters:
        start = -(-end // parameter.align) * parameter.align
        offsets.append(start)
        end = start + parameter.size
    return offsets, end


def _used(kernel: Kernel) -> set[str]:
    """Every name that occurs in the instructions of a kernel."""
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


def _layout(module: Module, kernel: Kernel) -> tuple[dict[str, int], Static]:
    """Addresses of all variables that a kernel uses."""
    used = _used(kernel)
    variables = [v for v in [*module.variables.values(), *kernel.locals] if v.name in used]
    addresses: dict[str, int] = {}
    spans: list[tuple[int, int]] = [(0, 0)]
    shared_end = local_end = 0
    dynamic = None
    in_memory: list[Variable] = []
    for variable in sorted(variables, key=lambda v: v.space == "shared" and v.external):
        if variable.space == "shared":
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
        else:
            addresses[variable.name] = ((s.FIRST_REGION + len(in_memory)) << s.SPACE_SHIFT) | s.MIDDLE
            in_memory.append(variable)
    granules = [_granule(kernel, shared) for shared in (True, False)]
    static = Static(
        tuple(spans), shared_end, dynamic, tuple(in_memory), -(-local_end // 16) * 16, granules[0], granules[1]
    )
    return addresses, static


def _granule(kernel: Kernel, shared: bool) -> int:
    """log2 of the bytes of the smallest access to shared, or to global, memory."""
    smallest = 8
    for block in kernel.blocks:
        for item in block.instructions:
            if item.op in ("ld", "st", "atom", "red", "ldu"):
                in_shared = any(p.startswith("shared") for p in item.parts)
                generic = not any(p in ("global", "const", "local", "param") for p in item.parts) and not in_shared
                if in_shared == shared or generic:
                    type_ = next(p for p in reversed(item.parts) if p in WIDTHS)
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


def _machine_code(program: Program, ptx: str, name: str) -> tuple[Any, int]:
    """Link a program to the runtime; its machine code comes from the disk where it is kept."""
    for helper_name, symbol in program.helpers.items():
        try:
            llvm.add_symbol(symbol, helper(helper_name).address)
        except KeyError as error:
            raise EmulatorError("unsupported-instruction", f"nothing of the name {helper_name!r}") from error
    key = cache.key("code", name, ptx)
    machine = _target_machine()
    kept = cache.read(key)
    if kept is None:
        module = llvm.parse_assembly(program.text)
        module.triple = llvm.get_process_triple()
        _optimize(module, machine)
        kept = machine.emit_object(module)
        cache.write(key, kept)
    engine = llvm.create_mcjit_compiler(llvm.parse_assembly(""), _new_machine())
    engine.add_object_file(llvm.ObjectFileRef.from_data(kept))
    engine.finalize_object()
    return engine, int(engine.get_function_address("advance"))


def _new_machine() -> Any:
    """A target machine of its own for each engine, which takes possession of it."""
    target = llvm.Target.from_default_triple()
    features = llvm.get_host_cpu_features().flatten()
    return target.create_target_machine(llvm.get_host_cpu_name(), features, opt=OPTIMIZATION, jit=True)


def _optimize(module: Any, machine: Any) -> None:
    """What pays for itself on straight code of vectors: no inlining, no loops to unroll."""
    options = llvm.create_pipeline_tuning_options(speed_level=OPTIMIZATION)
    builder = llvm.create_pass_builder(machine, options)
    manager = llvm.create_new_function_pass_manager()
    manager.add_instruction_combine_pass()
    for function in module.functions:
        if not function.is_declaration:
            manager.run(function, builder)


__all__ = ["Compiled", "Static", "compile_kernel", "place_of", "readable"]
