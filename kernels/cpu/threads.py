"""A kernel on every thread of Numba's own pool, without the compilation that prange costs.

prange compiles its body into a generalised ufunc and optimises everything the body calls three times over: 13 of the
21 s that the convolutions of a LeNet took to compile (Zen 3, 2026-11). This hands the pool the compiled kernel as it
is. The pool's entry is the one that Numba's generated code calls (numba/np/ufunc/parallel.py, build_gufunc_kernel), so
the threading layer, numba.set_num_threads and safety under several Python threads are the same as with prange.
"""

import os
import threading
from functools import lru_cache

from llvmlite import ir
from numba import get_num_threads, threading_layer, types
from numba.core.cgutils import alloca_once_value, for_range, get_or_insert_function
from numba.extending import intrinsic


def threads_for(tasks, serial):
    """Threads for so many tasks. Asks Numba even when serial: that starts the pool, which loaded code refers to.

    One where the pool cannot be had: in a child that was forked after the pool had started, as its threads stayed
    behind, and beside the main thread where Numba has its own layer, which serves one caller at a time.
    """
    pool.started = True
    available = get_num_threads()
    if serial or pool.left_behind or (_serves_one() and threading.current_thread() is not threading.main_thread()):
        return 1
    return max(1, min(tasks, available))


class _Pool:
    """What is known of Numba's threads in this process."""

    started = left_behind = False

    def forked(self):
        """The child has the pool's records, and none of its threads."""
        self.left_behind = self.started


pool = _Pool()
if hasattr(os, "register_at_fork"):  # not on Windows, which does not fork
    os.register_at_fork(after_in_child=pool.forked)


@lru_cache(maxsize=1)
def _serves_one():
    return threading_layer() == "workqueue"


@intrinsic
def on_threads(typingctx, kernel, arguments, threads):
    """Call kernel(*arguments, thread, threads) for each thread from 0 to threads - 1, at once.

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
        entry = _entry(context, builder.module, kernel, arguments)
        record = alloca_once_value(builder, ir.Constant(_record(context, arguments), ir.Undefined))
        builder.store(args[1], builder.gep(record, _field(0)))
        builder.store(args[2], builder.gep(record, _field(1)))
        count = alloca_once_value(builder, args[2])
        step = alloca_once_value(builder, ir.Constant(integer, 1))
        first = alloca_once_value(builder, ir.Constant(pointer, None))
        run = get_or_insert_function(
            builder.module,
            ir.FunctionType(ir.VoidType(), [pointer] * 5 + [integer] * 3),
            "numba_parallel_for",
        )
        # One "array" that starts at address 0 and has steps of one byte: its address is the number of the thread.
        nothing, one = ir.Constant(integer, 0), ir.Constant(integer, 1)
        places = [builder.bitcast(place, pointer) for place in (entry, first, count, step, record)]
        with builder.if_else(builder.icmp_signed("==", args[2], one)) as (alone, together):
            with alone:
                builder.call(entry, [first, count, step, places[-1]])
            with together:
                before = builder.call(_of_threads(builder.module, "get_num_threads"), [])
                builder.call(run, [*places, nothing, one, args[2]])
                # OpenMP's pool has changed it.
                builder.call(_of_threads(builder.module, "set_num_threads"), [before])
        return context.get_dummy_value()

    return signature, codegen


def _of_threads(module, name):
    """Numba's function that tells, or sets, how many threads the caller's parallel regions have."""
    number = ir.IntType(32)
    kinds = {
        "get_num_threads": ir.FunctionType(number, []),
        "set_num_threads": ir.FunctionType(ir.VoidType(), [number]),
    }
    return get_or_insert_function(module, kinds[name], name)


def _record(context, arguments):
    """What a thread is given: the arguments and the number of threads."""
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
        given = [builder.extract_value(values, i) for i in range(len(arguments))]
        given += [builder.add(thread, loop.index), threads]
        context.call_conv.call_function(builder, body, call.return_type, call.args, given)
    builder.ret_void()
    return entry
