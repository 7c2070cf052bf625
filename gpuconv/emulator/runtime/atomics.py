"""atom and red: lanes in ascending order, each atomic with respect to other CPU threads."""

from numba import extending, int32, int64, types, uint32, uint64

from . import state as s
from .access import global_access, shared_access
from .arithmetic import VALUE, encoder, larger, smaller
from .core import get, note_poll, put, tick
from .half import half_function
from .integers import INTEGERS
from .meter import meter_global, meter_shared
from .raw import bits_f64, exchange, lazily, read_bits, read_i64, write_bits, write_i64
from .releases import note_fence, publish_at
from .rounding import NEAREST, f32_bits, jit
from .version import VERSION


@jit
def _exch(old, x, y):
    return x


@jit
def _cas(old, x, y):
    return y if old == x else old


@jit
def _and(old, x, y):
    return old & x


@jit
def _or(old, x, y):
    return old | x


@jit
def _xor(old, x, y):
    return old ^ x


_BITWISE = {"exch": _exch, "cas": _cas, "and": _and, "or": _or, "xor": _xor}


def atomic_function(operation, type_):
    """Function (old, x, y) -> new on bits for an atomic operation."""
    if operation in _BITWISE:
        return _BITWISE[operation]
    if type_ in VALUE:
        return _floating(operation, type_)
    if type_ in ("f16", "bf16", "f16x2", "bf16x2"):
        return _half(operation, type_)
    return _integer(operation, INTEGERS[type_.replace("b", "u")])


def _integer(operation, integer):
    if operation == "add":
        return jit(lambda old, x, y: old + x)
    if operation == "inc":
        return jit(lambda old, x, y: uint64(0) if old >= x else old + uint64(1))
    if operation == "dec":
        return jit(lambda old, x, y: x if old == 0 or old > x else old - uint64(1))
    if operation == "min":
        return jit(lambda old, x, y: old if integer(old) < integer(x) else x)
    return jit(lambda old, x, y: old if integer(old) > integer(x) else x)


def _floating(operation, type_):
    value, bits = VALUE[type_], bits_f64 if type_ == "f64" else f32_bits
    if operation == "add":
        if type_ == "f32":
            single = encoder("f32", NEAREST)
            return jit(lambda old, x, y: single(value(old) + value(x)))
        return jit(lambda old, x, y: bits(value(old) + value(x)))
    chosen = smaller if operation == "min" else larger
    return jit(lambda old, x, y: uint64(bits(chosen(value(old), value(x), False))))


def _half(operation, type_):
    scalar = type_.removesuffix("x2")
    function = half_function(f"{operation}_{scalar}")
    if scalar == type_:
        return jit(lambda old, x, y: function(old, x))

    def both(old, x, y):
        low = function(old & uint64(0xFFFF), x & uint64(0xFFFF))
        return (function(old >> uint64(16), x >> uint64(16)) << uint64(16)) | low

    return jit(both)


def combine(name, version, old, x, y):
    """Call an atomic operation by name, from compiled code only."""
    return atomic_function(*name.split(" "))(old, x, y)


@extending.overload(combine, jit_options={"error_model": "numpy"})
def _combine(name, version, old, x, y):
    if not isinstance(name, types.StringLiteral):
        return None
    function = atomic_function(*name.literal_value.split(" "))
    return lambda name, version, old, x, y: function(old, x, y)


@jit
def _lock(core):
    while exchange(get(core, s.LOCK), 1):
        pass


@jit
def _unlock(core):
    write_i64(get(core, s.LOCK), 0)


@jit
def _narrow(bits, value):
    return value if bits == 64 else value & ((uint64(1) << uint64(bits)) - uint64(1))


def atomic(space, operation, type_, order="strong", scattered="0"):
    """Runtime function of an atomic operation; the rows of data are x, y and the old values.

    order: strong, or release_SCOPE, which includes a fence; scattered: "1" if the address depends on data.
    """
    shared, name, version = space == "shared", f"{operation} {type_}", VERSION
    swap, kind = (
        operation == "cas",
        (s.EXCHANGE if operation == "exch" else s.ATOMIC) + s.SCATTERED_ATOMIC * int(scattered),
    )
    fenced = {"strong": -1, "release_cta": s.CTA, "release_gpu": s.GPU}[order]
    bits = 32 if type_ in ("f16x2", "bf16x2") else 16 if type_ == "bf16" else int(type_[1:])
    size = bits // 8

    def run(core, warp, addresses, data, mask, site, rows):
        tick(core, warp, site)
        if get(core, s.SITE_METER):
            if shared:
                meter_shared(core, addresses, mask, site, size)
            else:
                meter_global(core, addresses, mask, site, size)
        fruitful = False
        # lanes in ascending order: check, then read, modify, write under the lock
        for lane in range(s.LANES):
            if (mask >> uint32(lane)) & uint32(1):
                address = read_i64(addresses + 8 * lane)
                if shared:
                    host = shared_access(core, warp, lane, address, size, site, kind, False)
                else:
                    host = global_access(core, warp, lane, address, size, site, kind)
                if host == 0:
                    return
                x = read_bits(bits, data + size * lane)
                y = read_bits(bits, data + size * (s.LANES + lane))
                _lock(core)
                old = uint64(read_bits(bits, host))
                new = _narrow(bits, uint64(combine(name, version, old, uint64(x), uint64(y))))
                write_bits(bits, host, new)
                _unlock(core)
                fruitful = fruitful or new != old
                write_bits(bits, data + size * (2 * s.LANES + lane), old)
                # a release, unless a comparison failed
                slot = get(core, s.RELEASE_SLOT)
                if slot and not (swap and old != uint64(x)):
                    if fenced >= 0:
                        note_fence(core, warp, lane, fenced)
                    publish_at(core, warp, lane, slot)
                put(core, s.RELEASE_SLOT, 0)
        note_poll(core, fruitful)

    return lazily(types.void(int64, int64, int64, int64, uint32, int32, int32))(run)()
