"""Kernels on Numba's thread pool, the shares of work they compute, and their thread-local workspaces.

A parallel kernel is an ordinary njit function that ends in `thread, threads` and computes the share of that thread.
`on_threads` hands the compiled kernel to the pool as it is: prange would compile its body into a generalized ufunc and
optimize everything the body calls three times over, 13 of the 21 s that the convolutions of a LeNet took to compile
(Zen 3, 2026-11). The pool's entry is the one that Numba's generated code calls (numba/np/ufunc/parallel.py,
build_gufunc_kernel), so threading layer, numba.set_num_threads and safety under several Python threads are as with
prange.
"""

import os
import threading
from contextlib import contextmanager
from functools import lru_cache
from types import FunctionType

import numpy as np
from llvmlite import ir
from numba import get_num_threads, njit, threading_layer, types
from numba.core.cgutils import alloca_once_value, for_range, get_or_insert_function
from numba.extending import intrinsic
from numba.np.ufunc import parallel as numba_pool

from ..core import forks
from ..core.memory import LINE_BYTES

SERIAL_ELEMENTS = 1 << 17
"""Elements of a streaming kernel: waking threads costs more than fewer take (Zen 3, 2 cores, 2026-11)."""

forced = False
"""Whether the smallest problem is shared too; `share_everything` sets it."""
plan_caches = []
"""Caches of plans, which say how a problem is shared."""


def threads_for(tasks):
    """Threads for so many tasks, at most as many as numba.set_num_threads allows.

    One where the pool cannot be had: in a child that was forked after the pool had started, as its threads stayed
    behind, and outside the main thread under the workqueue layer, which serves one caller at a time.
    """
    available = start_pool()
    if pool.left_behind or (_is_exclusive() and threading.current_thread() is not threading.main_thread()):
        return 1
    return max(1, min(tasks, available))


def start_pool():
    """Start Numba's threads, which code loaded from the cache refers to even where it runs serial; how many."""
    if pool.started:
        return get_num_threads()
    with forks.starting:
        pool.started = True
        return get_num_threads()


@contextmanager
def share_everything():
    """Share problems among all threads within the block, however small they are: for tests."""
    global forced  # noqa: PLW0603
    previous, forced = forced, True
    _forget_plans()
    try:
        yield
    finally:
        forced = previous
        _forget_plans()


def _forget_plans():
    for cache in plan_caches:
        cache.cache_clear()


def is_serial(small):
    """Whether one thread is to compute a problem that is small, or not."""
    return small and not forced


class _Pool:
    """What is known of Numba's threads in this process."""

    started = left_behind = False

    def forked(self):
        """Note that this is a child process: it has the pool's records, and none of its threads."""
        self.left_behind = self.started or numba_pool._is_initialized  # by the user's calls


pool = _Pool()
if hasattr(os, "register_at_fork"):  # not on Windows, which does not fork
    os.register_at_fork(after_in_child=pool.forked)


@lru_cache(maxsize=1)
def _is_exclusive():
    """Whether the threading layer serves one Python thread at a time."""
    return threading_layer() == "workqueue"


@intrinsic
def on_threads(typingctx, kernel, arguments, threads):
    """Call kernel(*arguments, thread, threads) for each thread from 0 to threads - 1, concurrently.

    One thread is the caller's: a parallel region would cost a small problem more than the work, and a forked child has
    no pool to ask.

    Parameters
    ----------
    kernel : njit function
        Returns nothing and raises nothing.
    arguments : tuple
    threads : int
        From threads_for.
    """
    signature = types.void(kernel, arguments, types.intp)

    def codegen(context, builder, sig, args):
        kernel, arguments, _ = sig.args
        integer, pointer = context.get_value_type(types.intp), ir.IntType(8).as_pointer()
        # the arguments, in memory that all threads read
        entry = _entry(context, builder.module, kernel, arguments)
        record = alloca_once_value(builder, ir.Constant(_record(context, arguments), ir.Undefined))
        builder.store(args[1], builder.gep(record, _field(0)))
        builder.store(args[2], builder.gep(record, _field(1)))
        # one "array" that starts at address 0 and has steps of one byte: its address is the number of the thread
        count = alloca_once_value(builder, args[2])
        step = alloca_once_value(builder, ir.Constant(integer, 1))
        first = alloca_once_value(builder, ir.Constant(pointer, None))
        nothing, one = ir.Constant(integer, 0), ir.Constant(integer, 1)
        addresses = [builder.bitcast(address, pointer) for address in (entry, first, count, step, record)]
        # the caller alone, or the pool
        run = get_or_insert_function(
            builder.module,
            ir.FunctionType(ir.VoidType(), [pointer] * 5 + [integer] * 3),
            "numba_parallel_for",
        )
        with builder.if_else(builder.icmp_signed("==", args[2], one)) as (serial, parallel):
            with serial:
                builder.call(entry, [first, count, step, addresses[-1]])
            with parallel:
                previous = builder.call(_thread_count_function(builder.module, "get_num_threads"), [])
                builder.call(run, [*addresses, nothing, one, args[2]])
                # OpenMP's pool has changed it.
                builder.call(_thread_count_function(builder.module, "set_num_threads"), [previous])
        return context.get_dummy_value()

    return signature, codegen


def _thread_count_function(module, name):
    """Numba's function that tells, or sets, how many threads the caller's parallel regions have."""
    number = ir.IntType(32)
    kinds = {
        "get_num_threads": ir.FunctionType(number, []),
        "set_num_threads": ir.FunctionType(ir.VoidType(), [number]),
    }
    return get_or_insert_function(module, kinds[name], name)


def _record(context, arguments):
    """What every thread reads: the arguments and the number of threads."""
    return ir.LiteralStructType([context.get_value_type(arguments), context.get_value_type(types.intp)])


def _field(number):
    return [ir.Constant(ir.IntType(32), 0), ir.Constant(ir.IntType(32), number)]


def _entry(context, module, kernel, arguments):
    """The function the pool calls, void (char **first, intp *counts, intp *steps, record *data)."""
    integer, pointer = context.get_value_type(types.intp), ir.IntType(8).as_pointer()
    call = kernel.get_call_type(context.typing_context, (*arguments.types, types.intp, types.intp), {})
    compiled = kernel.dispatcher.overloads[tuple(call.args)]
    context.active_code_library.add_linking_library(compiled.library)
    body = context.declare_function(module, compiled.fndesc)

    kind = ir.FunctionType(ir.VoidType(), [pointer.as_pointer(), integer.as_pointer(), integer.as_pointer(), pointer])
    entry = ir.Function(module, kind, module.get_unique_name("on_threads.entry"))
    entry.linkage = "internal"
    builder = ir.IRBuilder(entry.append_basic_block())
    first, counts, _, data = entry.args
    data = builder.bitcast(data, _record(context, arguments).as_pointer())
    values, threads = builder.load(builder.gep(data, _field(0))), builder.load(builder.gep(data, _field(1)))
    thread = builder.ptrtoint(builder.load(first), integer)
    with for_range(builder, builder.load(counts)) as loop:
        passed = [builder.extract_value(values, i) for i in range(len(arguments))]
        passed += [builder.add(thread, loop.index), threads]
        context.call_conv.call_function(builder, body, call.return_type, call.args, passed)
    builder.ret_void()
    return entry


def streaming(body, **options):
    """A kernel that runs serial on small problems and parallel on large ones, compiled once for both.

    The same loop with `parallel=True` beside it would be compiled twice.

    Parameters
    ----------
    body : function
        body(*arguments, thread, threads) computes this thread's share, and raises nothing.
    **options
        For numba.njit.

    Returns
    -------
    function
        Called as launch(tasks, work, *arguments): on at most `tasks` threads, on one if `work` is small. Its attribute
        `kernel` is the compiled body.
    """
    # NumPy's division: Python's check for a divisor of 0 is a branch, and LLVM makes no vectors of branches.
    kernel = njit(cache=True, nogil=True, error_model="numpy", **options)(body)
    run = _runner(kernel, body)

    def launch(tasks, work, *arguments):
        threads = 1 if work < SERIAL_ELEMENTS and not forced else threads_for(tasks)
        if threads == 1:
            kernel(*arguments, 0, 1)
        else:
            run(arguments, threads)

    launch.__doc__, launch.kernel = body.__doc__, kernel
    return launch


kernel = None  # set in each copy of _run


def _run(arguments, threads):
    """Run the kernel on so many threads."""
    on_threads(kernel, arguments, threads)


def _runner(kernel, body):
    """A copy of _run for one kernel, which says that it was written where the body was: its cache entry lies there."""
    origin = body.__code__
    code = _run.__code__.replace(co_filename=origin.co_filename, co_firstlineno=origin.co_firstlineno)
    run = FunctionType(code, {"kernel": kernel, "on_threads": on_threads}, f"{body.__name__}_run")
    run.__module__, run.__qualname__ = body.__module__, f"{body.__name__}_run"
    return njit(cache=True, nogil=True)(run)


def thread_count(tasks, work):
    """Threads for a compiled function that calls on_threads itself: one if `work` (in elements) is small."""
    if is_serial(work < SERIAL_ELEMENTS) and pool.started:
        return 1
    return threads_for(tasks if work >= SERIAL_ELEMENTS or forced else 1)


@njit(inline="always")
def share(tasks, thread, threads):
    """The tasks [first, last) of a thread."""
    return thread * tasks // threads, (thread + 1) * tasks // threads


@njit(inline="always")
def part(a, thread, threads):
    """A thread's stretch of a flat array. Loops from 0 over it vectorize; loops from elsewhere check each index."""
    return a[thread * a.size // threads : (thread + 1) * a.size // threads]


@njit(cache=True, nogil=True)
def workspace(size, like):
    """A flat array of so many elements of an array's type, not initialized, aligned to a cache line.

    A vector that crosses a cache line costs as much as two, and Numba aligns to 32 bytes, half of an AVX-512 vector.
    """
    block = np.empty(size + LINE_BYTES // like.itemsize, like.dtype)
    first = -block.ctypes.data % LINE_BYTES // like.itemsize
    return block[first : first + size]


@njit(cache=True, nogil=True)
def zeros(size, like):
    """A workspace of zeros."""
    block = workspace(size, like)
    block[:] = 0
    return block
