"""LLVM types and constants of 32 lanes, as text."""

import struct

from ..ptx import WIDTHS, Immediate

FLOATS = {"f32": "float", "f64": "double"}


def vector(type_: str) -> str:
    """The LLVM type of 32 lanes of a PTX type."""
    return f"<32 x {FLOATS.get(type_) or f'i{WIDTHS[type_]}'}>"


def integers(bits: int) -> str:
    """The LLVM type of 32 integers."""
    return f"<32 x i{bits}>"


def constant(value: int, bits: int) -> str:
    """An integer in every lane."""
    if bits == 1:
        return f"splat (i1 {'true' if value else 'false'})"
    return f"splat (i{bits} {value % 2**bits})"


def immediate_bits(operand: Immediate, type_: str) -> int:
    """Bits of a literal as an operand of a type."""
    bits = WIDTHS[type_]
    if operand.kind == "int":
        return operand.value % 2**bits if bits > 1 else int(operand.value != 0)
    value = operand.value
    sign, value = (1 << 63 if value < 0 else 0), abs(value)
    if operand.kind == "f32":
        single = value | (sign >> 32)
        if type_ != "f64":
            return single
        return int.from_bytes(struct.pack("<d", struct.unpack("<f", struct.pack("<I", single))[0]), "little")
    if type_ == "f32":
        double = struct.unpack("<d", struct.pack("<Q", value | sign))[0]
        return int.from_bytes(struct.pack("<f", double), "little")
    return value | sign
