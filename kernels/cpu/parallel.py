"""One compiled kernel for small and large arrays: the caller's thread alone, or every thread of Numba's pool.

The same loop with `parallel=True` beside it would be compiled twice, and Numba's cache would mix the two up: its key
covers neither `parallel` nor `fastmath`, so the one compiled first would be loaded for both.
"""

from types import FunctionType

from numba import njit

from .threads import on_threads, pool, threads_for

SERIAL_BELOW = 1 << 17  # elements; waking threads costs more than so many take (Zen 3, 2 cores, 2026-11)


def streaming(body, **options):
    """A kernel that runs serial on small problems and parallel on large ones.

    Parameters
    ----------
    body : function
        body(*arguments, thread, threads) does this thread's share of the work, and raises nothing.
    **options
        For numba.njit.

    Returns
    -------
    function
        Called as launch(tasks, work, *arguments): on at most `tasks` threads, on one if `work` is small.
    """
    # NumPy's division: Python's check for a divisor of 0 is a branch, and LLVM makes no vectors of branches.
    kernel = njit(cache=True, nogil=True, error_model="numpy", **options)(body)
    run = _running(kernel, body)

    def launch(tasks, work, *arguments):
        threads = 1 if work < SERIAL_BELOW else threads_for(tasks, False)
        if threads == 1:
            kernel(*arguments, 0, 1)
        else:
            run(arguments, threads)

    launch.__doc__ = body.__doc__
    return launch


kernel = None  # each copy of _run has its own


def _run(arguments, threads):
    """Run the kernel on so many threads."""
    on_threads(kernel, arguments, threads)


def _running(kernel, body):
    """A copy of _run for one kernel.

    The kernel is a global of the copy, as one held in a closure would never be found in the cache again, and the copy
    says that it was written where the body was: its cache entry lives and falls with that file.
    """
    place = body.__code__
    code = _run.__code__.replace(co_filename=place.co_filename, co_firstlineno=place.co_firstlineno)
    run = FunctionType(code, {"kernel": kernel, "on_threads": on_threads}, f"{body.__name__}_run")
    run.__module__, run.__qualname__ = body.__module__, f"{body.__name__}_run"
    return njit(cache=True, nogil=True)(run)


def thread_count(tasks, work):
    """Threads for a compiled function that calls on_threads itself: one if `work` (in elements) is small."""
    if work < SERIAL_BELOW and pool.started:
        return 1
    return threads_for(tasks, work < SERIAL_BELOW)


@njit(inline="always")
def share(tasks, thread, threads):
    """The tasks [first, last) of a thread."""
    return thread * tasks // threads, (thread + 1) * tasks // threads


@njit(inline="always")
def part(a, thread, threads):
    """A thread's stretch of a flat array. Loops from 0 over it vectorise; loops from elsewhere check each index."""
    return a[thread * a.size // threads : (thread + 1) * a.size // threads]
