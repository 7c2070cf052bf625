"""Table of instructions: operation -> function that translates it."""

from collections.abc import Callable

from ..ptx import Instruction
from .code import Code

Translation = Callable[[Code, Instruction], None]
TABLE: dict[str, Translation] = {}


def instruction(*operations: str) -> Callable[[Translation], Translation]:
    """Register a function as the translation of operations."""

    def enter(function: Translation) -> Translation:
        TABLE.update(dict.fromkeys(operations, function))
        return function

    return enter


def last_type(item: Instruction) -> str:
    """Last type of an opcode: the source type if it has two."""
    return next((p for p in reversed(item.modifiers) if p in _TYPES), "")


def first_type(item: Instruction) -> str:
    """First type of an opcode: the result type."""
    return next((p for p in item.modifiers if p in _TYPES), "")


_TYPES = frozenset("pred b8 u8 s8 b16 u16 s16 f16 bf16 b32 u32 s32 f32 f16x2 bf16x2 tf32 b64 u64 s64 f64 b128".split())
