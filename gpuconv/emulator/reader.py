"""Parser of PTX text.

Inline PTX opens nested scopes, `{ .reg .pred p; ... }`. Their registers and labels are renamed to unique names, so that
a function becomes a flat list of instructions.
"""

import re
from dataclasses import dataclass, field

from .declarations import Declarations
from .errors import EmulatorError, Location
from .ptx import WIDTHS, Address, Function, Immediate, Instruction, Module, Name, Operand, Vector
from .tokens import integer, literal


@dataclass
class _Scope:
    names: dict[str, str] = field(default_factory=dict)
    labels: dict[str, str] = field(default_factory=dict)
    first: int = 0


def parse(text: str) -> Module:
    """Parse PTX.

    Raises
    ------
    EmulatorError
        Of kind bad-ptx, with the line of the syntax error.
    """
    return _Reader(text).module()


class _Reader(Declarations):
    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.source: tuple[int, int] | None = None
        self.callers: tuple[tuple[int, int], ...] = ()
        self.unique = 0

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
                    self.function(module, token == ".entry", local=True)
                case ".global" | ".const" | ".shared":
                    self.i -= 1
                    for variable in self.variables(token):
                        variable.local = True
                        module.variables[variable.name] = variable
                case ";":
                    pass
                case _:
                    raise EmulatorError("bad-ptx", f"found {token!r}, expected a directive", Location(ptx_line=line))
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
            if not token:
                raise self.error("found the end of the text, expected '}'")

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

    # ---- functions

    def function(self, module: Module, entry: bool, local: bool = False) -> None:
        if self.accept(".attribute"):
            self.in_parentheses()
        results = self.parameters()
        line = self.line
        name = self.next()
        function = Function(name, entry, self.parameters(), results, line, local=local)
        while self.peek() not in ("{", ";", ""):  # directives, most of which concern ptxas
            if self.next() in (".maxntid", ".reqntid"):
                function.max_threads = self.product()
        if self.accept(";"):
            return
        start = self.i
        try:
            self.body(function)
        except EmulatorError as error:  # of no concern to a kernel that does not call it
            function.error = error
            self.i = start
            try:
                self.braces()
            except EmulatorError:
                raise error from None
        module.functions[name] = function

    def product(self) -> int:
        """`128, 1, 1`."""
        count = integer(self.next())
        while self.accept(","):
            count *= integer(self.next())
        return count

    def body(self, function: Function) -> None:
        results, self.source, self.callers = function.results, None, ()
        self.inlined: dict[tuple[int, int], tuple[int, int]] = {}
        self.scopes = [_Scope({v.name: v.name for v in results + function.parameters})]
        for variable in results + function.parameters:
            if variable.space == "reg":
                function.registers[variable.name] = WIDTHS[variable.type]
        self.expect("{")
        while self.scopes:
            self.statement(function)

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
                raise self.error(f"function {function.name} has no closing brace")
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
        """Declare a name in the current scope and return its unique name in the function."""
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
        """`.loc 1 30 0, function_name L, inlined_at 1 12 1`; it ends with its line."""
        self.next()
        line = self.line
        file, number = int(self.next()), int(self.next())
        callers: list[tuple[int, int]] = []
        while self.i < len(self.tokens) and self.lines[self.i] == line:
            if self.next() == "inlined_at":
                callers = [(int(self.next()), int(self.next()))]
        if callers:
            self.inlined[file, number] = callers[0]
        while callers and callers[-1] in self.inlined and self.inlined[callers[-1]] not in callers:
            callers.append(self.inlined[callers[-1]])  # a function inlined in one that is inlined itself
        if number:  # 0: the compiler knows no line
            self.source, self.callers = (file, number), tuple(callers)

    def instruction(self) -> Instruction:
        first, line = self.i, self.line
        guard = None
        if self.accept("@"):
            negated = self.accept("!")
            guard = Name(self.resolve(self.next()), negated=negated)
        op, *modifiers = self.next().replace("::", "_").split(".")
        operands: list[Operand] = []
        while not self.accept(";"):
            if op == "call" and self.accept("("):
                operands.append(self.list_to(")"))
            else:
                operands.append(self.operand())
            if self.accept("|"):  # a pair of results
                operands[-1] = Vector((operands[-1], self.operand()))
            self.accept(",")
        text = " ".join(self.tokens[first : self.i - 1])
        return Instruction(op, tuple(modifiers), operands, guard, line, self.source, text, self.callers)

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
            raise self.error("expected a name or a number as an address")
        negative, negated = self.accept("-"), self.accept("!")
        token = self.next()
        if token[:1].isdigit():
            number = literal(token)
            return Immediate(-number.value if negative else number.value, number.kind)
        if not re.match(r"[.%$_A-Za-z]", token):
            raise self.error(f"found {token!r}, expected an operand")
        offset = 0
        while self.peek() in ("+", "-"):
            sign = 1 if self.next() == "+" else -1
            sign *= -1 if self.accept("-") else 1
            offset += sign * integer(self.next())
        return Name(self.resolve(token), offset, negated)

    def resolve(self, name: str) -> str:
        for scope in reversed(self.scopes):
            if name in scope.names:
                return scope.names[name]
        return name
