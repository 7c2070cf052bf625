"""LLVM IR of a basic block: every value is a vector of 32 lanes.

Registers are integers of their width (predicates: i1) whatever their type; floats are bitcasts of them. Registers are
stored in the frame of the warp and are SSA values within a block. Inactive lanes compute too, but their results are
not stored.
"""

from collections.abc import Sequence

from ..errors import EmulatorError
from ..flow import Block, Kernel
from ..ptx import WIDTHS, Immediate, Instruction, Name, Operand
from ..runtime import state as s
from .layout import Layout
from .special import special_register
from .values import FLOATS, constant, immediate_bits, integers, vector


class Code:
    """Builder of the IR of one basic block: emits operations, reads and writes registers."""

    def __init__(self, kernel: Kernel, block: Block, program: Layout) -> None:
        self.kernel, self.block, self.program = kernel, block, program
        self.lines: list[str] = []
        self.values: dict[str, str] = {}
        self.changed: set[str] = set()
        self.count = 0
        self.instruction = block.instructions[0]
        self.guard: str | None = None
        self.mask = "%mask"
        self.scratch = 0

    # ---- emitting

    def put(self, line: str) -> None:
        """Append a line of IR."""
        self.lines.append(line)

    def name(self) -> str:
        """A new value name."""
        self.count += 1
        return f"%v{self.count}"

    def op(self, text: str) -> str:
        """Append an operation and return the name of its value."""
        name = self.name()
        self.lines.append(f"{name} = {text}")
        return name

    def bitcast(self, value: str, source: str, target: str) -> str:
        """Reinterpret the bits as another type."""
        return value if source == target else self.op(f"bitcast {source} {value} to {target}")

    def splat(self, value: str, type_: str) -> str:
        """Broadcast a scalar to all lanes."""
        first = self.op(f"insertelement <32 x {type_}> poison, {type_} {value}, i64 0")
        return self.op(f"shufflevector <32 x {type_}> {first}, <32 x {type_}> poison, <32 x i32> zeroinitializer")

    def unsupported(self) -> EmulatorError:
        """The error for an unsupported instruction or variant."""
        item = self.instruction
        return EmulatorError("unsupported-instruction", item.text, self.program.locate(item))

    # ---- the frame

    def frame(self, offset: int) -> str:
        """Address of an offset in the frame of the warp."""
        return self.op(f"getelementptr i8, ptr %w, i64 {offset}")

    def core_slot(self, slot: int) -> str:
        """Load a slot of the core, as i64."""
        pointer = self.op(f"getelementptr i8, ptr %c, i64 {8 * slot}")
        return self.op(f"load i64, ptr {pointer}")

    def load_lanes(self, offset: int, bits: int) -> str:
        """Load 32 integers of the frame; predicates are the bits of one i32."""
        pointer = self.frame(offset)
        if bits == 1:
            word = self.op(f"load i32, ptr {pointer}")
            return self.op(f"bitcast i32 {word} to <32 x i1>")
        return self.op(f"load {integers(bits)}, ptr {pointer}, align 64")

    def store_lanes(self, offset: int, bits: int, value: str) -> None:
        """Store the active lanes of a value to the frame."""
        old = self.load_lanes(offset, bits)
        mixed = self.op(f"select <32 x i1> %m, {integers(bits)} {value}, {integers(bits)} {old}")
        pointer = self.frame(offset)
        if bits == 1:
            word = self.op(f"bitcast <32 x i1> {mixed} to i32")
            self.put(f"store i32 {word}, ptr {pointer}")
        else:
            self.put(f"store {integers(bits)} {mixed}, ptr {pointer}, align 64")

    def flush(self) -> None:
        """Store the changed registers that later blocks read to the frame."""
        for register in sorted(self.changed & self.block.live_out):
            bits = self.kernel.registers[register]
            self.store_lanes(self.program.offset_of(register, bits), bits, self.values[register])
        self.changed.clear()

    # ---- operands

    def register(self, name: str) -> str:
        """Integer value of a register, loaded on first use."""
        if name not in self.values:
            bits = self.kernel.registers[name]
            self.values[name] = self.load_lanes(self.program.offset_of(name, bits), bits)
        return self.values[name]

    def read(self, operand: Operand, type_: str) -> str:
        """Read an operand as 32 lanes of a PTX type; a wider register is truncated."""
        bits = WIDTHS[type_]
        if isinstance(operand, Immediate):
            value, width = constant(immediate_bits(operand, type_), bits), bits
        elif isinstance(operand, Name):
            value, width = self.named(operand)
        else:
            raise self.unsupported()
        if width > bits:
            value = self.op(f"trunc {integers(width)} {value} to {integers(bits)}")
        elif width < bits:
            extend = "sext" if type_[0] == "s" else "zext"
            value = self.op(f"{extend} {integers(width)} {value} to {integers(bits)}")
        if type_ in FLOATS:
            return self.op(f"bitcast {integers(bits)} {value} to {vector(type_)}")
        if isinstance(operand, Name) and operand.negated:
            return self.op(f"xor <32 x i1> {value}, {constant(1, 1)}")
        return value

    def raw(self, operand: Operand, type_: str) -> str:
        """Read the bits of an operand, as integers of the type's width."""
        if isinstance(operand, Immediate):
            return constant(immediate_bits(operand, type_), WIDTHS[type_])
        return self.read(operand, "pred" if type_ == "pred" else f"b{WIDTHS[type_]}")

    def named(self, operand: Name) -> tuple[str, int]:
        """Value and width of a register, special register or symbol."""
        name = operand.name
        if name in self.kernel.registers:
            return self.register(name), self.kernel.registers[name]
        value = self.program.address_of(name)
        if value is not None:
            return constant(value + operand.offset, 64), 64
        found = special_register(self, name)
        if found is None:
            raise self.unsupported()
        return found

    def write(self, operand: Operand, value: str, type_: str) -> None:
        """Write lanes of a PTX type to a register; a wider register is sign- or zero-extended."""
        if not isinstance(operand, Name):
            raise self.unsupported()
        if operand.name == "_":
            return
        if operand.name not in self.kernel.registers:
            raise self.unsupported()
        width, bits = self.kernel.registers[operand.name], WIDTHS[type_]
        if type_ in FLOATS:
            value = self.op(f"bitcast {vector(type_)} {value} to {integers(bits)}")
        if width > bits:
            extend = "sext" if type_[0] == "s" else "zext"
            value = self.op(f"{extend} {integers(bits)} {value} to {integers(width)}")
        elif width < bits:
            raise self.unsupported()
        if self.guard is not None:
            old = self.register(operand.name)
            value = self.op(f"select <32 x i1> {self.guard}, {integers(width)} {value}, {integers(width)} {old}")
        self.values[operand.name] = value
        self.changed.add(operand.name)

    # ---- floats

    def flushed(self, value: str, item: Instruction, type_: str) -> str:
        """Flush subnormals to signed zeros if the instruction has .ftz."""
        if "ftz" not in item.modifiers or type_ != "f32":
            return value
        bits = self.op(f"bitcast <32 x float> {value} to <32 x i32>")
        exponent = self.op(f"and <32 x i32> {bits}, {constant(0x7F800000, 32)}")
        small = self.op(f"icmp eq <32 x i32> {exponent}, zeroinitializer")
        zero = self.op(f"and <32 x i32> {bits}, {constant(1 << 31, 32)}")
        bits = self.op(f"select <32 x i1> {small}, <32 x i32> {zero}, <32 x i32> {bits}")
        return self.op(f"bitcast <32 x i32> {bits} to <32 x float>")

    def saturated(self, value: str, item: Instruction, type_: str) -> str:
        """Clamp to [0, 1], NaN to 0, if the instruction has .sat."""
        if "sat" not in item.modifiers:
            return value
        v, zero = vector(type_), "zeroinitializer"
        one = "splat (float 1.0)" if type_ == "f32" else "splat (double 1.0)"
        above = self.op(f"fcmp ogt {v} {value}, {zero}")
        value = self.op(f"select <32 x i1> {above}, {v} {value}, {v} {zero}")
        past = self.op(f"fcmp ogt {v} {value}, {one}")
        return self.op(f"select <32 x i1> {past}, {v} {one}, {v} {value}")

    # ---- calls

    def intrinsic(self, name: str, type_: str, *arguments: str) -> str:
        """Call an LLVM intrinsic whose arguments have the type of its result."""
        self.program.intrinsic(f"{type_} @{name}({', '.join([type_] * len(arguments))})")
        return self.op(f"call {type_} @{name}({', '.join(f'{type_} {a}' for a in arguments)})")

    def guarded_mask(self) -> str:
        """Mask of the lanes that execute the current instruction, as i32."""
        if self.guard is None:
            return "%mask"
        return self.op(f"and i32 %mask, {self.op(f'bitcast <32 x i1> {self.guard} to i32')}")

    def wait_for(self, members: str) -> None:
        """Wait until all lanes of a member mask have arrived; until then the active lanes are parked."""
        self.scratch = 0
        mask = self.spill(members, "<32 x i32>")
        site = self.program.site(self.instruction)
        arguments = [("ptr", "%c"), ("ptr", "%w"), ("ptr", mask), ("i32", self.guarded_mask()), ("i32", str(site)),
                     ("i32", str(self.block.number)), ("i32", "%mask")]  # fmt: skip
        missing = self.helper("wait_for", "i32", arguments)
        self.put(f"br i1 {self.op(f'icmp eq i32 {missing}, 0')}, label %present, label %absent")
        self.put("absent:")
        self.put(f"ret i32 {s.SCATTERED}")
        self.put("present:")

    def spill(self, value: str, type_: str) -> str:
        """Store lanes to scratch memory for the runtime; without a value, reserve memory for a result."""
        pointer = self.op(f"getelementptr <32 x i64>, ptr %scratch, i64 {self.scratch}")
        self.scratch += 1
        self.program.scratch = max(self.program.scratch, self.scratch)
        if value:
            self.put(f"store {type_} {value}, ptr {pointer}, align 64")
        return pointer

    def lanewise(self, function: str, result: str, *arguments: tuple[str, str]) -> str:
        """Call a scalar function of runtime/lanes.py on (value, type) pairs; floats are passed as bits."""
        self.scratch = 0
        pointers = [self.spill(value, vector(type_)) for value, type_ in arguments]
        out = self.spill("", "")
        bits = " ".join(str(WIDTHS[type_]) for type_ in [*(t for _, t in arguments), result])
        self.helper(f"lanes {function} {bits}", "void", [("ptr", p) for p in [*pointers, out]])
        return self.op(f"load {vector(result)}, ptr {out}, align 64")

    def helper(self, name: str, result: str, arguments: Sequence[tuple[str, str]]) -> str:
        """Call a runtime function by its name in runtime/helpers.py."""
        symbol = self.program.helper(name, result, [type_ for type_, _ in arguments])
        text = f"call {result} @{symbol}({', '.join(f'{t} {v}' for t, v in arguments)})"
        if result == "void":
            self.put(text)
            return ""
        return self.op(text)
