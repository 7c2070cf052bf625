"""Syntax tree of PTX: module variables, functions, instructions with their lines.

Grammar: PTX ISA 9.0, chapters 4 (syntax) and 5 (state spaces, types). `reader.parse` builds the tree.
"""

from dataclasses import dataclass, field

WIDTHS = {
    **{f"{sign}{bits}": bits for bits in (8, 16, 32, 64) for sign in "bus"},
    **{"pred": 1, "f16": 16, "bf16": 16, "f32": 32, "tf32": 32, "f16x2": 32, "bf16x2": 32, "f64": 64, "b128": 128},
}
"""Bits of each PTX type."""


@dataclass(frozen=True)
class Name:
    """A register, special register, symbol, label or parameter, with an optional offset."""

    name: str
    offset: int = 0
    negated: bool = False


@dataclass(frozen=True)
class Immediate:
    """A literal: an integer value, or the bits of a float."""

    value: int
    kind: str
    """int, f32 (0f...), f64 (0d...) or decimal (a float in decimal notation, as float64 bits)."""


@dataclass(frozen=True)
class Address:
    """[base + offset]."""

    base: "Name | Immediate"
    offset: int = 0


@dataclass(frozen=True)
class Vector:
    """{a, b, ...}."""

    items: tuple["Operand", ...]


Operand = Name | Immediate | Address | Vector


@dataclass
class Instruction:
    """One instruction: `@!p ld.global.v4.f32 {a, b, c, d}, [x+16];`."""

    op: str
    """First word of the opcode, such as ld."""
    modifiers: tuple[str, ...]
    """Its other words, such as global, v4 and f32."""
    operands: list[Operand]
    guard: Name | None
    line: int
    source: tuple[int, int] | None = None
    """(file number, line) of the preceding .loc directive."""
    text: str = ""
    callers: tuple[tuple[int, int], ...] = ()
    """(file number, line) of the calls by which inlined code was reached, the innermost first."""


@dataclass
class Variable:
    """A variable of a module or of a function."""

    name: str
    space: str
    type: str
    size: int
    align: int
    data: bytes = b""
    external: bool = False
    symbols: tuple[tuple[int, str, int], ...] = ()
    """Addresses in the initial value: (byte offset, symbol, addend)."""
    local: bool = False
    """Whether other modules cannot see it."""


@dataclass
class Function:
    """An .entry or a .func."""

    name: str
    entry: bool
    parameters: list[Variable]
    results: list[Variable]
    line: int
    registers: dict[str, int] = field(default_factory=dict)
    """Register name -> width in bits."""
    variables: list[Variable] = field(default_factory=list)
    body: "list[Instruction | str]" = field(default_factory=list)
    """Instructions, and labels as strings."""
    local: bool = False
    """Whether other modules cannot see it."""
    linked: bool = False
    """Whether it comes from a text that the kernel's text links."""
    max_threads: int | None = None
    """Most threads of a block, if the text sets a bound."""
    error: Exception | None = None
    """Why its body cannot be read; raised if a kernel calls it."""


@dataclass
class Module:
    """A PTX module."""

    functions: dict[str, Function] = field(default_factory=dict)
    variables: dict[str, Variable] = field(default_factory=dict)
    files: dict[int, str] = field(default_factory=dict)
    target: str = ""
