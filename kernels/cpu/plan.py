"""Launch plans: what follows from shapes, dtype and options is worked out once; a launch is then one compiled call.

A plan holds its integers as one int64 array and its tables of 32-bit offsets as one int32 array, because each further
argument costs a compiled call a tenth of a microsecond, and a named tuple several. Compiled code rebuilds the named
tuples with `record` and finds the tables with `table`.
"""

from functools import lru_cache

import numpy as np
from numba import njit, types
from numba.extending import intrinsic

from ..core import memory
from . import parallel


class Plan:
    """A compiled kernel with all of its arguments but the arrays.

    Parameters
    ----------
    kernel : njit function
        kernel(sizes, tables, scratch, *arguments, threads).
    sizes : sequence of int
    tables : int32 array
    dtype : NumPy dtype
        Of the arrays.
    tasks : int
        More threads than that have nothing to do.
    serial : bool
        Whether the problem is too small to share, as parallel.is_serial says.
    scratch, scratch_per_thread : int
        Elements of working memory that the kernel needs in all, and for each thread.
    """

    __slots__ = ("dtype", "empty", "kernel", "scratch", "scratch_per_thread", "serial", "sizes", "tables", "tasks")

    def __init__(self, kernel, sizes, tables, dtype, *, tasks, serial, scratch=0, scratch_per_thread=0):
        self.kernel, self.sizes, self.tables, self.dtype = kernel, np.array(sizes, np.int64), tables, dtype
        self.tasks, self.serial, self.scratch, self.scratch_per_thread = tasks, serial, scratch, scratch_per_thread
        self.empty = np.empty(0, dtype)
        parallel.start_pool()

    def launch(self, *arguments):
        """Run the kernel on these arrays and scalars.

        Working memory that is worth keeping comes from the pool of blocks; less is left to compiled code to allocate,
        so that any number of Python threads may launch a plan at once.
        """
        threads = 1 if self.serial else parallel.threads_for(self.tasks)
        elements = self.scratch + self.scratch_per_thread * threads
        if elements * self.dtype.itemsize < memory.POOLED_MIN_BYTES and memory.provider is None:
            scratch = self.empty
        else:
            scratch = memory.new((elements,), self.dtype)
        self.kernel(self.sizes, self.tables, scratch, *arguments, threads)


def cached(make_plan):
    """Keep the plans that a function of hashable arguments makes."""
    plans = lru_cache(maxsize=4096)(make_plan)
    parallel.plan_caches.append(plans)
    return plans


def pack_tables(*tables):
    """Lay tables of 32-bit offsets end to end.

    Returns
    -------
    joined : int32 array
    bounds : list of int
        Where each begins, and where the last one ends: what `table` takes.
    """
    flat = [np.empty(0, np.int64), *(np.asarray(table, np.int64).reshape(-1) for table in tables)]
    bounds = np.cumsum([table.size for table in flat]).tolist()
    return np.concatenate(flat).astype(np.int32), bounds


@njit(inline="always")
def table(tables, sizes, first):
    """The table whose bounds are sizes[first] and sizes[first + 1]."""
    return tables[sizes[first] : sizes[first + 1]]


@njit(inline="always")
def scratch_or_new(scratch, first, count, like):
    """A kernel's working memory scratch[first : first + count]; new memory where the launch provided none."""
    return scratch[first : first + count] if scratch.size else parallel.workspace(count, like)


@intrinsic
def record(typingctx, kind, values, first):
    """A named tuple of integers: kind(values[first], values[first + 1], ...)."""
    fields = len(kind.instance_class._fields)
    result = types.NamedUniTuple(types.int64, fields, kind.instance_class)

    def codegen(context, builder, sig, args):
        data = context.make_array(sig.args[1])(context, builder, args[1]).data
        data = builder.gep(data, [args[2]])
        index = context.get_value_type(types.intp)
        items = [builder.load(builder.gep(data, [index(field)])) for field in range(fields)]
        return context.make_tuple(builder, result, items)

    return result(kind, values, types.intp), codegen
