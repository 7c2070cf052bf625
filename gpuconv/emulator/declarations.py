"""Parser of PTX declarations: variables with initial values, and parameters."""

import re

from .ptx import WIDTHS, Variable
from .tokens import Tokens, integer, literal


class Declarations(Tokens):
    """Token cursor that parses declarations."""

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
        """`a[64] = {...}`."""
        name = self.next()
        size = WIDTHS[type_] // 8
        count = lanes
        while self.accept("["):
            if self.accept("]"):
                count = 0
            else:
                count *= integer(self.next())
                self.expect("]")
        data, symbols = self.initializer(size) if self.accept("=") else (b"", ())
        bytes_ = max(count * size, len(data)) if count == 0 else count * size
        return Variable(name, space, type_, bytes_, max(align, size), data, external, symbols)

    def initializer(self, size: int) -> tuple[bytes, tuple[tuple[int, str, int], ...]]:
        """`{1, f, generic(x) + 4, {3, 4}}` or one item: `size` bytes for each, and the addresses to be filled in."""
        items: list[int] = []
        symbols: list[tuple[int, str, int]] = []
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
                items.append(-literal(self.next()).value)
            elif token == "+":  # an addend
                offset, symbol, addend = symbols.pop()
                symbols.append((offset, symbol, addend + integer(self.next())))
            elif token[0].isdigit() and self.peek() == "(":  # 0xFF00(symbol): one byte of an address
                symbols.append((len(items) * size, f"a byte of {self.in_parentheses()}", 0))
                items.append(0)
            elif token[0].isdigit():
                items.append(literal(token).value)
            elif re.match(r"[.%$_A-Za-z]", token):
                name = self.in_parentheses() if token == "generic" and self.peek() == "(" else token
                symbols.append((len(items) * size, name, 0))
                items.append(0)
            elif token != ",":
                raise self.error(f"an initializer holds {token!r}, expected numbers or symbols")
        return b"".join((item % 2 ** (8 * size)).to_bytes(size, "little") for item in items), tuple(symbols)

    def in_parentheses(self) -> str:
        """`(name)`."""
        self.expect("(")
        name = self.next()
        self.expect(")")
        return name

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
                    value = int(self.next())
                    align = align if type_ else value  # after the type it describes the pointee
                elif token[1:] in WIDTHS:
                    type_ = token[1:]
            found.append(self.variable(space, type_, align, 1, False))
            self.accept(",")
        return found
