"""Reads PTX text: module variables, functions, instructions with their lines. Nothing here knows what they mean.

Inline PTX brings scopes of its own, `{ .reg .pred p; ... }`: their registers and labels are renamed on the way, so that
a function is a flat list of instructions. Grammar: PTX ISA 9.0, chapters 4 (syntax) and 5 (state spaces, types).
"""

import re
import struct
from dataclasses import dataclass, field

from .errors import EmulatorError, Place

WIDTHS = {
    **{f"{sign}{bits}": bits for bits in (8, 16, 32, 64) for sign in "bus"},
    **{"pred": 1, "f16": 16, "bf16": 16, "f32": 32, "tf32": 32, "f16x2": 32, "bf16x2": 32, "f64": 64, "b128": 128},
}
"""Bits of each PTX type."""

_TOKEN = re.compile(
    r"""(?P<space>\s+|//[^\n]*|/\*.*?\*/)
    |(?P<text>"[^"]*")
    |(?P<number>0[fF][0-9a-fA-F]{8}|0[dD][0-9a-fA-F]{16}|0[xX][0-9a-fA-F]+U?|\d+\.\d*(?:[eE][-+]?\d+)?|\d+U?)
    |(?P<name>[.%$_A-Za-z][\w$.]*(?:::[\w$.]+)*)
    |(?P<mark>[{}()\[\],;:=+\-@!|<>*~])""",
    re.VERBOSE | re.DOTALL,
)


@dataclass(frozen=True)
class Name:
    """A register, a special register, a symbol, a label or a parameter, with an offset where one is added."""

    name: str
    offset: int = 0
    negated: bool = False


@dataclass(frozen=True)
class Immediate:
    """A number: `bits` of a float as it stands in memory, an integer as it is."""

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

    parts: tuple[str, ...]
    operands: list[Operand]
    guard: Name | None
    line: int
    source: tuple[int, int] | None = None
    """(file number, line) of the .loc directive in front."""
    text: str = ""

    @property
    def op(self) -> str:
        """The first part of the opcode."""
        return self.parts[0]


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


@dataclass
class Function:
    """An .entry or a .func."""

    name: str
    entry: bool
    parameters: list[Variable]
    results: list[Variable]
    line: int
    registers: dict[str, int] = field(default_factory=dict)
    """Name to bits."""
    variables: list[Variable] = field(default_factory=list)
    body: "list[Instruction | str]" = field(default_factory=list)
    """Instructions, and labels as strings."""


@dataclass
class Module:
    """A file of PTX."""

    functions: dict[str, Function] = field(default_factory=dict)
    variables: dict[str, Variable] = field(default_factory=dict)
    files: dict[int, str] = field(default_factory=dict)
    target: str = ""


@dataclass
class _Scope:
    names: dict[str, str] = field(default_factory=dict)
    labels: dict[str, str] = field(default_factory=dict)
    first: int = 0


def parse(text: str) -> Module:
    """Read PTX.

    Raises
    ------
    EmulatorError
        Of kind bad-ptx, with the line, where the text is not PTX as the emulator knows it.
    """
    return _Parser(text).module()


class _Parser:
    def __init__(self, text: str) -> None:
        self.tokens: list[str] = []
        self.lines: list[int] = []
        line, position = 1, 0
        text = text.rstrip("\0")
        while position < len(text):
            match = _TOKEN.match(text, position)
            if match is None:
                raise EmulatorError("bad-ptx", f"unexpected {text[position : position + 20]!r}", Place(ptx_line=line))
            if match.lastgroup != "space":
                self.tokens.append(match.group())
                self.lines.append(line)
            line += match.group().count("\n")
            position = match.end()
        self.i = 0
        self.source: tuple[int, int] | None = None
        self.unique = 0

    # ---- tokens

    @property
    def line(self) -> int:
        return self.lines[min(self.i, len(self.lines) - 1)]

    def peek(self) -> str:
        return self.tokens[self.i] if self.i < len(self.tokens) else ""

    def next(self) -> str:
        token = self.peek()
        self.i += 1
        return token

    def accept(self, token: str) -> bool:
        if self.peek() != token:
            return False
        self.i += 1
        return True

    def expect(self, token: str) -> None:
        if not self.accept(token):
            raise self.error(f"found {self.peek()!r}, expected {token!r}")

    def error(self, message: str) -> EmulatorError:
        return EmulatorError("bad-ptx", message, Place(ptx_line=self.line))

    def skip_to_semicolon(self) -> None:
        while self.next() != ";":
            if self.i > len(self.tokens):
                raise self.error("found the end of the text, expected ';'")

    # ---- module

    def module(self) -> Module:
        module = Module()
        while self.i < len(self.tokens):
            token, line = self.next(), self.line
            match token:
                case ".version" | ".address_size":
                    self.next()
                case ".target":
                    module.target = self.next()
                    while self.accept(","):
                        self.next()
                case ".file":
                    self.file(module)
                case ".section":
                    self.next()
                    self.braces()
                case ".visible" | ".extern" | ".weak" | ".common":
                    self.i -= 1
                    self.linked(module)
                case ".entry" | ".func":
                    self.function(module, token == ".entry")
                case ".global" | ".const" | ".shared":
                    self.i -= 1
                    for variable in self.variables(token):
                        module.variables[variable.name] = variable
                case ";":
                    pass
                case _:
                    raise EmulatorError("bad-ptx", f"found {token!r}, expected a directive", Place(ptx_line=line))
        return module

    def file(self, module: Module) -> None:
        number = int(self.next())
        module.files[number] = self.next().strip('"')
        while self.accept(","):
            self.next()

    def braces(self) -> None:
        depth = 0
        while True:
            token = self.next()
            depth += (token == "{") - (token == "}")
            if depth == 0:
                return

    def linked(self, module: Module) -> None:
        external = False
        while self.peek() in (".visible", ".extern", ".weak", ".common"):
            external |= self.next() == ".extern"
        token = self.peek()
        if token in (".entry", ".func"):
            self.next()
            self.function(module, token == ".entry")
            return
        for variable in self.variables(token, external):
            module.variables[variable.name] = variable

    # ---- declarations

    def variables(self, space: str, external: bool = False) -> list[Variable]:
        """`.shared .align 16 .b8 a[64], b[32] = {...};`."""
        self.expect(space)
        align = 0
        type_ = ""
        lanes = 1
        while self.peek().startswith("."):
            token = self.next()
            if token == ".align":
                align = int(self.next())
            elif token == ".attribute":
                self.expect("(")
                while self.next() != ")":
                    pass
            elif token in (".v2", ".v4", ".v8"):
                lanes = int(token[2:])
            elif token[1:] in WIDTHS:
                type_ = token[1:]
        if not type_:
            raise self.error(f"a variable in {space} has no type")
        found = []
        while True:
            found.append(self.variable(space[1:], type_, align, lanes, external))
            if not self.accept(","):
                break
        self.expect(";")
        return found

    def variable(self, space: str, type_: str, align: int, lanes: int, external: bool) -> Variable:
        name = self.next()
        size = WIDTHS[type_] // 8
        count = lanes
        while self.accept("["):
            if self.accept("]"):
                count = 0
            else:
                count *= _integer(self.next())
                self.expect("]")
        data = self.initialiser(size) if self.accept("=") else b""
        bytes_ = max(count * size, len(data)) if count == 0 else count * size
        return Variable(name, space, type_, bytes_, max(align, size), data, external)

    def initialiser(self, size: int) -> bytes:
        items = []
        depth = 0
        while True:
            token = self.peek()
            if token in (";", "") or (depth == 0 and token == ","):
                break
            self.next()
            if token == "{":
                depth += 1
            elif token == "}":
                depth -= 1
            elif token == "-":
                items.append(-_number(self.next()).value)
            elif token[0].isdigit():
                items.append(_number(token).value)
            elif token != ",":
                raise self.error(f"an initialiser holds {token!r}, expected numbers")
        return b"".join((item % 2 ** (8 * size)).to_bytes(size, "little") for item in items)

    def parameters(self) -> list[Variable]:
        """`(.param .align 8 .b8 p[16], .reg .b32 q)`."""
        found: list[Variable] = []
        if not self.accept("("):
            return found
        while not self.accept(")"):
            space, type_, align = self.next()[1:], "", 0
            while self.peek().startswith("."):
                token = self.next()
                if token == ".align":
                    given = int(self.next())
                    align = align if type_ else given  # behind the type it is the pointee's
                elif token[1:] in WIDTHS:
                    type_ = token[1:]
            found.append(self.variable(space, type_, align, 1, False))
            self.accept(",")
        return found

    # ---- functions

    def function(self, module: Module, entry: bool) -> None:
        results = self.parameters()
        line = self.line
        name = self.next()
        function = Function(name, entry, self.parameters(), results, line)
        while self.peek() not in ("{", ";"):
            self.next()  # .maxntid and its like bind the driver, not the machine
        if self.accept(";"):
            return
        self.scopes = [_Scope({v.name: v.name for v in results + function.parameters})]
        for variable in results + function.parameters:
            if variable.space == "reg":
                function.registers[variable.name] = WIDTHS[variable.type]
        self.expect("{")
        while self.scopes:
            self.statement(function)
        module.functions[name] = function

    def statement(self, function: Function) -> None:
        token = self.peek()
        match token:
            case "{":
                self.next()
                self.scopes.append(_Scope(first=len(function.body)))
            case "}":
                self.next()
                self.close_scope(function)
            case ";":
                self.next()
            case ".reg":
                self.declare_registers(function)
            case ".local" | ".shared" | ".param":
                for variable in self.variables(token):
                    variable.name = self.declare(variable.name)
                    function.variables.append(variable)
            case ".loc":
                self.location()
            case ".pragma" | ".branchtargets" | ".calltargets" | ".callprototype":
                self.skip_to_semicolon()
            case "":
                raise self.error(f"function {function.name} does not end")
            case _:
                if self.tokens[self.i + 1] == ":":
                    self.i += 2
                    function.body.append(self.declare_label(token))
                else:
                    function.body.append(self.instruction())

    def close_scope(self, function: Function) -> None:
        scope = self.scopes.pop()
        for item in function.body[scope.first :]:
            if isinstance(item, Instruction) and item.op == "bra":
                item.operands = [
                    Name(scope.labels[o.name]) if isinstance(o, Name) and o.name in scope.labels else o
                    for o in item.operands
                ]

    def declare(self, name: str) -> str:
        """The name under which a declaration of the present scope is known in the whole function."""
        unique = name
        if len(self.scopes) > 1:
            self.unique += 1
            unique = f"{name}#{self.unique}"
        self.scopes[-1].names[name] = unique
        return unique

    def declare_label(self, name: str) -> str:
        self.unique += 1
        unique = f"{name}#{self.unique}" if len(self.scopes) > 1 else name
        self.scopes[-1].labels[name] = unique
        return unique

    def declare_registers(self, function: Function) -> None:
        self.next()
        bits = WIDTHS[self.next()[1:]]
        while True:
            name = self.next()
            if self.accept("<"):
                count = int(self.next())
                self.expect(">")
                for k in range(count):
                    function.registers[self.declare(f"{name}{k}")] = bits
            else:
                function.registers[self.declare(name)] = bits
            if not self.accept(","):
                break
        self.expect(";")

    def location(self) -> None:
        """`.loc 1 30 0, function_name L, inlined_at 1 12 1` runs to the end of its line."""
        self.next()
        line = self.line
        self.source = (int(self.next()), int(self.next()))
        while self.i < len(self.tokens) and self.lines[self.i] == line:
            self.next()

    def instruction(self) -> Instruction:
        first, line = self.i, self.line
        guard = None
        if self.accept("@"):
            negated = self.accept("!")
            guard = Name(self.resolve(self.next()), negated=negated)
        parts = tuple(self.next().replace("::", "_").split("."))
        operands: list[Operand] = []
        while not self.accept(";"):
            if parts[0] == "call" and self.accept("("):
                operands.append(self.list_to(")"))
            else:
                operands.append(self.operand())
            if self.accept("|"):  # a pair of results
                operands[-1] = Vector((operands[-1], self.operand()))
            self.accept(",")
        text = " ".join(self.tokens[first : self.i - 1])
        return Instruction(parts, operands, guard, line, self.source, text)

    def list_to(self, end: str) -> Vector:
        items: list[Operand] = []
        while not self.accept(end):
            items.append(self.operand())
            self.accept(",")
        return Vector(tuple(items))

    def operand(self) -> Operand:
        if self.accept("{"):
            return self.list_to("}")
        if self.accept("["):
            base = self.operand()
            self.expect("]")
            if isinstance(base, Name):
                return Address(Name(base.name), base.offset)
            if isinstance(base, Immediate):
                return Address(base)
            raise self.error("an address is neither a name nor a number")
        negative, negated = self.accept("-"), self.accept("!")
        token = self.next()
        if token[:1].isdigit():
            number = _number(token)
            return Immediate(-number.value if negative else number.value, number.kind)
        if not re.match(r"[.%$_A-Za-z]", token):
            raise self.error(f"found {token!r}, expected an operand")
        offset = 0
        while self.peek() in ("+", "-"):
            sign = 1 if self.next() == "+" else -1
            sign *= -1 if self.accept("-") else 1
            offset += sign * _integer(self.next())
        return Name(self.resolve(token), offset, negated)

    def resolve(self, name: str) -> str:
        for scope in reversed(self.scopes):
            if name in scope.names:
                return scope.names[name]
        return name


def _integer(token: str) -> int:
    return int(token.rstrip("U"), 0)


def _number(token: str) -> Immediate:
    if token[:2] in ("0f", "0F"):
        return Immediate(int(token[2:], 16), "f32")
    if token[:2] in ("0d", "0D"):
        return Immediate(int(token[2:], 16), "f64")
    if "." in token:
        return Immediate(struct.unpack("<Q", struct.pack("<d", float(token)))[0], "decimal")
    return Immediate(_integer(token), "int")
