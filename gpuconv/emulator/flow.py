"""Control flow of a kernel: inline calls, split into basic blocks, compute liveness."""

from dataclasses import dataclass, field, replace

from .errors import EmulatorError, Location
from .link import map_names
from .ptx import Address, Function, Immediate, Instruction, Module, Name, Operand, Variable, Vector

NO_RESULT = frozenset(
    "st red bra brx ret exit call membar fence cp prefetch prefetchu trap brkpt nanosleep discard pmevent isspace "
    "griddepcontrol setmaxnreg applypriority bar_arrive".split()
)
"""Operations whose first operand is a source, not a destination."""

CARRY = "%carry"
"""Register that stands for the carry flag of add.cc, sub.cc and mad.cc."""

MAX_CALL_DEPTH = 16

SYSTEM_CALLS = {"vprintf": (32, 64, 64)}
"""Functions of the driver's library -> bits of their result and of their arguments."""


@dataclass
class Block:
    """Basic block: straight-line instructions, of which only the last may branch."""

    number: int
    instructions: list[Instruction] = field(default_factory=list)
    next: list[int] = field(default_factory=list)
    live_out: set[str] = field(default_factory=set)


@dataclass
class Kernel:
    """Control-flow graph of a kernel, input of the translation."""

    name: str
    blocks: list[Block]
    registers: dict[str, int]
    parameters: list[Variable]
    locals: list[Variable]
    labels: dict[str, int]


def kernel_of(module: Module, name: str | None = None) -> Kernel:
    """Control-flow graph of a kernel of a module, by default of its only one."""
    entries = [f for f in module.functions.values() if f.entry]
    chosen = [f for f in entries if name in (None, f.name)]
    if len(chosen) != 1:
        raise EmulatorError("bad-ptx", f"kernels are {[f.name for f in entries]}, expected one named {name}")
    inliner = _Inliner(module)
    inliner.add(chosen[0], {})
    blocks, labels = _split(inliner.items)
    _connect(blocks, labels)
    _liveness(blocks)
    return Kernel(chosen[0].name, blocks, inliner.registers, chosen[0].parameters, inliner.locals, labels)


class _Inliner:
    """Flattens a kernel: copies the body of every called function into it."""

    def __init__(self, module: Module) -> None:
        self.module = module
        self.items: list[Instruction | str] = []
        self.registers: dict[str, int] = {CARRY: 1}
        self.locals: list[Variable] = []
        self.calls = 0

    def add(
        self, function: Function, names: dict[str, str], prefix: str = "", end: str | None = None,
        call: Instruction | None = None, depth: int = 0,
    ) -> None:  # fmt: skip
        """Append a function: `names` renames its registers, `end` is the label it returns to, `call` what calls it."""
        if function.error is not None:
            raise function.error
        if depth > MAX_CALL_DEPTH:
            raise EmulatorError("unsupported-instruction", f"calls of {function.name} are {depth} deep (recursion?)")
        if prefix:
            local_names = list(function.registers) + [v.name for v in function.variables]
            names = {**{n: prefix + n for n in local_names if n not in names}, **names}
            shared = [v.name for v in function.variables if v.space == "shared"]  # one for all calls
            names |= {n: f"{function.name}:{n}" for n in shared}
        for register, bits in function.registers.items():
            self.registers[names.get(register, register)] = bits
        for variable in function.variables:
            renamed = replace(variable, name=names.get(variable.name, variable.name))
            if renamed not in self.locals:
                self.locals.append(renamed)
        for item in _located(function, call):
            if isinstance(item, str):
                self.items.append(prefix + item)
            elif item.op == "call":
                self.call(item, names, depth)
            elif item.op == "ret" and end is not None:
                jump = replace(item, op="bra", modifiers=(), operands=[Name(end)], guard=_guard(item.guard, names))
                self.items.append(jump)
            else:
                self.items.append(_rename_operands(item, names, prefix))

    def system_call(self, item: Instruction, called: str, results: list[str], arguments: list[str]) -> None:
        """A call into the driver's library as an instruction: arguments are loaded, the result is stored."""
        self.calls += 1
        bits = SYSTEM_CALLS[called]
        registers = [f"call{self.calls}:{k}" for k in range(len(bits))]
        self.registers |= dict(zip(registers, bits, strict=True))
        for register, argument in zip(registers[1:], arguments, strict=True):
            load = replace(
                item, op="ld", modifiers=("param", "b64"), operands=[Name(register), Address(Name(argument))]
            )
            self.items.append(load)
        self.items.append(replace(item, op=called, modifiers=(), operands=[Name(register) for register in registers]))
        stored: list[Operand] = [Address(Name(results[0])), Name(registers[0])]
        self.items.append(replace(item, op="st", modifiers=("param", "b32"), operands=stored))

    def call(self, item: Instruction, names: dict[str, str], depth: int) -> None:
        """`call (result), function, (arguments);` with both lists optional."""
        lists = [[_name(o, names) for o in o.items] for o in item.operands if isinstance(o, Vector)]
        called = next(o.name for o in item.operands if isinstance(o, Name))
        function = self.module.functions.get(called)
        if called in SYSTEM_CALLS and function is None and item.guard is None:
            self.system_call(item, called, *lists)
            return
        if function is None or item.guard is not None:
            raise EmulatorError(
                "unsupported-instruction", f"call of {called}", Location(ptx_line=item.line, instruction=item.text)
            )
        has_results = bool(item.operands) and isinstance(item.operands[0], Vector)
        results = lists[0] if has_results else []
        arguments = lists[1 if has_results else 0] if len(lists) > has_results else []
        self.calls += 1
        prefix = f"call{self.calls}:"
        formal = function.results + function.parameters
        inner = {f.name: actual for f, actual in zip(formal, results + arguments, strict=True)}
        self.add(function, inner, prefix, prefix + "end", item, depth + 1)
        self.items.append(prefix + "end")


def _located(function: Function, call: Instruction | None) -> list[Instruction | str]:
    """The body of a function with the lines of its calls; library code without lines has those of its call."""
    if call is None:
        return function.body
    callers = ((call.source,) if call.source else ()) + call.callers
    return [item if isinstance(item, str) else _called_from(item, call, callers, function) for item in function.body]


def _called_from(
    item: Instruction, call: Instruction, callers: tuple[tuple[int, int], ...], function: Function
) -> Instruction:
    if item.source is None and function.linked:
        return replace(item, source=call.source, callers=call.callers, line=call.line)
    return replace(item, callers=item.callers + callers)


def _name(operand: Operand, names: dict[str, str]) -> str:
    if not isinstance(operand, Name):
        raise EmulatorError("unsupported-instruction", f"a call with the argument {operand}")
    return names.get(operand.name, operand.name)


def _guard(guard: Name | None, names: dict[str, str]) -> Name | None:
    return None if guard is None else replace(guard, name=names.get(guard.name, guard.name))


def _rename_operands(item: Instruction, names: dict[str, str], prefix: str) -> Instruction:
    if not names:
        return item

    def rename(name: str) -> str:
        return prefix + name if item.op == "bra" else names.get(name, name)

    return replace(item, operands=[map_names(o, rename) for o in item.operands], guard=_guard(item.guard, names))


def starts_block(item: Instruction) -> bool:
    """Whether an instruction may wait for other lanes of its warp and therefore starts a basic block."""
    return item.op in ("bar", "barrier") or (
        "sync" in item.modifiers and item.op in ("shfl", "vote", "match", "redux", "elect")
    )


def ends_block(item: Instruction) -> bool:
    """Whether an instruction ends its basic block."""
    return item.op in ("bra", "brx", "ret", "exit") or (item.op in ("bar", "barrier") and "warp" not in item.modifiers)


def is_reduction(item: Instruction) -> bool:
    """Whether an instruction is a barrier with a reduction, bar.red."""
    return item.op in ("bar", "barrier") and "red" in item.modifiers


def _split(items: list[Instruction | str]) -> tuple[list[Block], dict[str, int]]:
    blocks, labels = [Block(0)], {}
    for item in items:
        if isinstance(item, str):
            if blocks[-1].instructions:
                blocks.append(Block(len(blocks)))
            labels[item] = len(blocks) - 1
            continue
        if starts_block(item) and blocks[-1].instructions:
            blocks.append(Block(len(blocks)))
        blocks[-1].instructions.append(item)
        if ends_block(item):
            blocks.append(Block(len(blocks)))
            if is_reduction(item):
                result = replace(item, op="bar_result", operands=item.operands[:1])
                blocks[-1].instructions.append(result)
    if not blocks[-1].instructions or blocks[-1].instructions[-1].op not in ("ret", "exit"):
        blocks[-1].instructions.append(Instruction("ret", (), [], None, 0, text="ret"))
    return blocks, labels


def _connect(blocks: list[Block], labels: dict[str, int]) -> None:
    for block in blocks:
        last = block.instructions[-1]
        falls = last.op not in ("bra", "ret", "exit", "brx") or last.guard is not None
        block.next = [block.number + 1] if falls and block.number + 1 < len(blocks) else []
        if last.op == "bra":
            target = last.operands[0]
            if not isinstance(target, Name) or target.name not in labels:
                location = Location(ptx_line=last.line, instruction=last.text)
                raise EmulatorError("bad-ptx", "branch to an undefined label", location)
            block.next.append(labels[target.name])


def results_and_uses(item: Instruction) -> tuple[list[str], list[str]]:
    """Names that an instruction writes and names it reads, including symbols and special registers."""
    operands = list(item.operands)
    results: list[str] = []
    if item.op not in NO_RESULT and item.op not in ("bar", "barrier") and operands:
        results = _names(operands.pop(0))
    uses = [name for operand in operands for name in _names(operand)]
    if item.guard is not None:
        uses += [item.guard.name, *results]
    if "cc" in item.modifiers:
        results = [*results, CARRY]
    if item.op in ("addc", "subc", "madc"):
        uses.append(CARRY)
    if is_reduction(item):
        uses = [name for operand in item.operands[1:] for name in _names(operand)]
    return results, uses


def _names(operand: Operand) -> list[str]:
    match operand:
        case Name():
            return [operand.name]
        case Address():
            return _names(operand.base)
        case Vector():
            return [name for item in operand.items for name in _names(item)]
        case Immediate():
            return []


def _liveness(blocks: list[Block]) -> None:
    """Liveness analysis: live_out of each block, iterated backwards to the fixed point."""
    # upward-exposed uses and definitions of each block
    used: list[set[str]] = []
    defined: list[set[str]] = []
    for block in blocks:
        reads, writes = set[str](), set[str]()
        for item in block.instructions:
            results, uses = results_and_uses(item)
            reads.update(name for name in uses if name not in writes)
            writes.update(results)
        used.append(reads)
        defined.append(writes)
    # live_in = used | (live_out - defined)
    live_in = [set(reads) for reads in used]
    changed = True
    while changed:
        changed = False
        for block in reversed(blocks):
            out = set[str]().union(*(live_in[n] for n in block.next))
            if out != block.live_out:
                block.live_out = out
                live_in[block.number] = used[block.number] | (out - defined[block.number])
                changed = True
