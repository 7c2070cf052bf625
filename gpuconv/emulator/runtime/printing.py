"""vprintf: `print` of a kernel, and printf of CUDA C++; lanes print to sys.stdout in ascending order."""

import ctypes
import functools
import re
import struct
import sys

from . import state as s
from .core import OUT_OF_BOUNDS, fault

_CONVERSION = re.compile(r"%([-+ #0]*)(\*|\d+)?(?:\.(\*|\d+))?(hh|h|ll|l|L|z|j|t)?([diouxXcsfFeEgGaAp%])")
_WIDE = ("ll", "l", "z", "j", "t")
MAX_TEXT = 1 << 16
"""Longest text that is printed, in bytes."""


class Callback:
    """A Python function with the address by which machine code calls it."""

    def __init__(self, function, *types):
        self.keep = ctypes.CFUNCTYPE(None, *types)(function)
        self.address = ctypes.cast(self.keep, ctypes.c_void_p).value


@functools.cache
def vprintf():
    """The callback: core, warp, addresses of formats and of arguments of all lanes, mask, site."""
    return Callback(_print, *[ctypes.c_int64] * 4, ctypes.c_uint32, ctypes.c_int32)


def _print(core, warp, formats, arguments, mask, site):
    for lane in range(s.LANES):
        if mask >> lane & 1:
            where = [_word(table + 8 * lane) for table in (formats, arguments)]
            try:
                sys.stdout.write(_text(core, warp, lane, *where))
            except LookupError as error:
                fault(core, warp, lane, OUT_OF_BOUNDS, site, error.args[0], 1, -1)
                return


def _word(address):
    return ctypes.c_int64.from_address(address).value


def _host(core, warp, lane, address):
    """Host address of a device address, and how many bytes follow it in its buffer."""
    window = address >> s.SPACE_SHIFT
    if window == s.LOCAL_WINDOW:
        offset, size = address & 0xFFFFFFFF, _word(core + 8 * s.LOCAL_BYTES)
        thread = _word(warp + 8 * s.INDEX) * s.LANES + lane
        if offset < size:
            return _word(core + 8 * s.LOCAL) + thread * size + offset, size - offset
    elif s.FIRST_REGION <= window < _word(core + 8 * s.REGION_COUNT):
        row = _word(core + 8 * s.REGIONS) + 8 * s.REGION_SLOTS * window
        low, high, host = (_word(row + 8 * slot) for slot in (s.REGION_LOW, s.REGION_HIGH, s.REGION_HOST))
        if low <= address < high:
            return host + address - low, high - address
    raise LookupError(address)


def _string(core, warp, lane, address):
    host, size = _host(core, warp, lane, address)
    return ctypes.string_at(host, min(size, MAX_TEXT)).partition(b"\0")[0].decode("utf-8", "replace")


def _text(core, warp, lane, format_address, arguments):
    """The text of one lane: each argument is aligned to its size, as in the ABI of C."""
    at = arguments

    def take(code):
        nonlocal at
        size = struct.calcsize(code)
        at = -(-at // size) * size
        host, _ = _host(core, warp, lane, at)
        at += size
        return struct.unpack(code, ctypes.string_at(host, size))[0]

    def convert(match):
        flags, width, precision, length, kind = match.groups()
        if kind == "%":
            return "%"
        width, precision = (take("<i") if part == "*" else part for part in (width, precision))
        sized = f"%{flags}{'' if width is None else width}" + ("" if precision is None else f".{precision}")
        if kind in "diouxXc":
            wide = length in _WIDE
            code = ("<q" if wide else "<i") if kind in "di" else ("<Q" if wide else "<I")
            value = take(code)
            return (sized + kind) % (chr(value & 255) if kind == "c" else value)
        if kind == "s":
            return (sized + "s") % _string(core, warp, lane, take("<q"))
        if kind == "p":
            return (sized + "s") % hex(take("<Q"))
        value = take("<d")
        return (sized + "s") % value.hex() if kind in "aA" else (sized + kind) % value

    return _CONVERSION.sub(convert, _string(core, warp, lane, format_address))
