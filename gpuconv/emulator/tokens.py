"""Lexer of PTX: tokens with their lines, and numeric literals."""

import re
import struct

from .errors import EmulatorError, Location
from .ptx import Immediate

_TOKEN = re.compile(
    r"""(?P<space>\s+|//[^\n]*|/\*.*?\*/)
    |(?P<text>"[^"]*")
    |(?P<number>0[fF][0-9a-fA-F]{8}|0[dD][0-9a-fA-F]{16}|0[xX][0-9a-fA-F]+U?|\d+\.\d*(?:[eE][-+]?\d+)?|\d+U?)
    |(?P<name>[.%$_A-Za-z][\w$.]*(?:::[\w$.]+)*)
    |(?P<mark>[{}()\[\],;:=+\-@!|<>*~])""",
    re.VERBOSE | re.DOTALL,
)

_JOINED = re.compile(r"(\.(?:reg|local|shared|param|global|const))(\..*)")
"""`.reg.b16`, which needs no space between its parts."""


class Tokens:
    """Token cursor of a text."""

    def __init__(self, text: str) -> None:
        self.tokens: list[str] = []
        self.lines: list[int] = []
        line, position = 1, 0
        text = text.rstrip("\0")
        while position < len(text):
            match = _TOKEN.match(text, position)
            if match is None:
                message = f"unexpected {text[position : position + 20]!r}"
                raise EmulatorError("bad-ptx", message, Location(ptx_line=line))
            if match.lastgroup != "space":
                joined = _JOINED.match(match.group())
                found = joined.groups() if joined else (match.group(),)
                self.tokens += found
                self.lines += [line] * len(found)
            line += match.group().count("\n")
            position = match.end()
        self.i = 0

    @property
    def line(self) -> int:
        """Line of the current token."""
        return self.lines[min(self.i, len(self.lines) - 1)]

    def peek(self) -> str:
        """The current token, empty at the end."""
        return self.tokens[self.i] if self.i < len(self.tokens) else ""

    def next(self) -> str:
        """Return the current token and advance."""
        token = self.peek()
        self.i += 1
        return token

    def accept(self, token: str) -> bool:
        """Advance if the current token is `token`; return whether it was."""
        if self.peek() != token:
            return False
        self.i += 1
        return True

    def expect(self, token: str) -> None:
        """Advance over a required token."""
        if not self.accept(token):
            raise self.error(f"found {self.peek()!r}, expected {token!r}")

    def error(self, message: str) -> EmulatorError:
        """Syntax error at the current line."""
        return EmulatorError("bad-ptx", message, Location(ptx_line=self.line))

    def skip_to_semicolon(self) -> None:
        """Advance past the next semicolon."""
        while self.next() != ";":
            if self.i > len(self.tokens):
                raise self.error("found the end of the text, expected ';'")


def integer(token: str) -> int:
    """Parse an integer literal."""
    return int(token.rstrip("U"), 0)


def literal(token: str) -> Immediate:
    """Parse a number: an integer, the bits of a float (0f..., 0d...), or a decimal float."""
    if token[:2] in ("0f", "0F"):
        return Immediate(int(token[2:], 16), "f32")
    if token[:2] in ("0d", "0D"):
        return Immediate(int(token[2:], 16), "f64")
    if "." in token:
        return Immediate(struct.unpack("<Q", struct.pack("<d", float(token)))[0], "decimal")
    return Immediate(integer(token), "int")
