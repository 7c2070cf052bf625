"""Locks that are safe across fork: no other thread holds one when a child is made, so the child finds all of them free.

A child has the forking thread alone. A lock that another thread held then would stay locked in the child for good, and
what it guards half changed. So fork waits for every lock of the library, and for those of compilation: the child of a
process that compiles waits for the end of the compilation instead of hanging at its first one.
"""

import os
import sys
import threading
import weakref

importing = threading.RLock()
"""Held while a target's kernels are imported: Python's locks of modules are not safe across fork."""
starting = threading.RLock()
"""Held while Numba starts its threads, under a lock that is not, and LLVM's."""

_locks = weakref.WeakSet()
_held = []
"""Locks that the forking thread holds, in the order in which it took them."""


def lock():
    """A new lock, which a thread may take several times: a signal handler may fork while its thread holds it.

    It is a last one: a thread that holds it takes no other lock of this module.
    """
    made = threading.RLock()
    _locks.add(made)
    return made


def _compilers_locks():
    """Those of Numba and LLVM, if loaded, in the order in which a compilation takes them; they have no public names."""
    numba, llvm = sys.modules.get("numba.core.compiler_lock"), sys.modules.get("llvmlite.binding.ffi")
    of_numba = getattr(getattr(numba, "global_compiler_lock", None), "_lock", None)
    of_llvm = getattr(getattr(getattr(llvm, "lib", None), "_lock", None), "_lock", None)
    return [one for one in (of_numba, of_llvm) if one is not None]


def _take_all():
    # outermost first, as every thread takes them
    for one in (importing, starting, *_compilers_locks(), *list(_locks)):
        one.acquire()
        _held.append(one)


def _release_all():
    while _held:
        _held.pop().release()


if hasattr(os, "register_at_fork"):  # not on Windows, which does not fork
    os.register_at_fork(before=_take_all, after_in_parent=_release_all, after_in_child=_release_all)
