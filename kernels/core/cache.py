"""Numba's disk cache for the library's kernels: code that was compiled from other sources is never loaded.

Numba compares the file of the function alone: a kernel would go on computing what a formula said before it was edited,
in one file. Here an entry is loaded if all that decides its code is the same (cache_key.py), and a damaged one
counts as missing (cache_files.py). Kernels say `@njit(cache=True)` and `@cuda.jit(cache=True)` as ever; functions of
other packages keep Numba's cache.
"""

import functools
import hashlib
import itertools
import os
import pickle
import sys
from pathlib import Path

import llvmlite
import llvmlite.binding as llvm
import numba
from numba.core import config
from numba.core.bytecode import FunctionIdentity
from numba.core.caching import CompileResultCacheImpl, FunctionCache
from numba.core.dispatcher import Dispatcher
from numba.core.serialize import dumps

from . import cache_files, cache_key

PACKAGE = __name__.removesuffix(".core.cache")
ROOT = Path(__file__).parents[1]
"""Folder of the kernels."""
TAG = f"{sys.implementation.cache_tag}{getattr(sys, 'abiflags', '')}"
SETTINGS = ("OPT", "LOOP_VECTORIZE", "SLP_VECTORIZE", "BOUNDSCHECK", "ENABLE_AVX", "DEBUGINFO_DEFAULT", "USING_SVML")
"""Numba's settings, of its environment variables, that decide code."""
MAX_NAME = 120
"""Characters of an entry's name before its hash; file systems take 255 bytes."""


class Entries:
    """Compiled code of one function on disk, by signature and target.

    Parameters
    ----------
    function : function
    options : dict
        Of the decorator: fastmath, parallel, error_model, ...
    dump : function
        Numba's pickling of the target.
    packages : tuple of str
        Versions that decide the code besides Numba's and llvmlite's.
    """

    def __init__(self, function, options, dump, packages):
        self.function, self.options, self.dump, self.packages = function, options, dump, packages
        self.source_folder = Path(function.__code__.co_filename).parent
        name = f"{Path(function.__code__.co_filename).stem}.{function.__qualname__}".translate({60: None, 62: None})
        if len(name) > MAX_NAME:
            name = f"{name[:MAX_NAME]}~{_hash(name)[:8]}"
        self.family = f"{name}.{TAG}-"

    def load(self, key):
        """The object that was saved for a key, None if none is of these sources."""
        data = cache_files.read(self.folders(), self.file_name(key), self.stamps[1])
        return None if data is None else pickle.loads(data)

    def save(self, key, value):
        """Keep an object."""
        family_stamp, stamp = self.stamps
        cache_files.write(
            self.source_folder, config.CACHE_DIR, self.file_name(key), self.dump(value),
            stamp=stamp, family=self.family, family_stamp=family_stamp,
        )  # fmt: skip

    def flush(self):
        """Remove all entries of the function."""
        for folder in self.folders():
            if cache_files.is_writable(folder):
                cache_files.remove(folder, self.family)

    def folders(self):
        """Where they may be."""
        return cache_files.folders(self.source_folder, config.CACHE_DIR)

    def file_name(self, key):
        """Name of an entry's file: the same after an edit of the sources, so that the new one replaces it."""
        return f"{self.family}{_hash(f'{key} {self.identity}')[:20]}{cache_files.SUFFIX}"

    @property
    def identity(self):
        """Text that tells this function from others of its name in its file, and from itself on another machine."""
        options = cache_key.reached(self.options)[1]
        settings = [getattr(config, name, None) for name in SETTINGS]
        return f"{cache_key.identity(self.function)} {options} {settings} {host()}"

    @property
    def stamps(self):
        """Hashes of the sources of the function's module, and of all that decides its code."""
        versions = [numba.__version__, llvmlite.__version__, *self.packages]
        modules, objects = cache_key.reached(self.function)
        family = f"{versions} {cache_key.sources_stamp(frozenset([self.function.__module__]))}"
        entry = f"{family} {cache_key.sources_stamp(modules)} {objects}"
        return tuple(hashlib.sha256(text.encode()).digest() for text in (family, entry))


def _hash(text):
    return hashlib.sha256(text.encode()).hexdigest()


@functools.cache
def host():
    """The processor that this process runs on."""
    return f"{llvm.get_host_cpu_name()} {llvm.get_host_cpu_features().flatten()}"


class _Location:
    """What Numba's cache asks of a locator: nothing is looked up, and no folder made, before it is used."""

    def __init__(self, function, entries):
        self._py_file, self._entries = function.__code__.co_filename, entries

    def get_cache_path(self):
        return str(self._entries.folders()[-1])

    def ensure_cache_path(self):
        pass


def kernel_cache(cache_class, implementation, dump, packages=()):
    """Numba's cache class of a target, with `Entries` instead of its files.

    Parameters
    ----------
    cache_class : type
        Numba's.
    implementation : type
        Numba's class that makes bytes of compiled code.
    dump, packages
        See Entries.
    """

    class Implementation(implementation):
        def __init__(self, function, entries):
            self._lineno = function.__code__.co_firstlineno
            self._locator, self._filename_base = _Location(function, entries), entries.family

    class KernelCache(cache_class):
        # Numba's __init__ would look for a folder and read the source of every function as it is decorated.
        def __init__(self, function, options):
            self._py_func, self._name = function, repr(function)
            self._launch_config_key = self._launch_config_sensitive_flag = None
            self._cache_file = Entries(function, options, dump, packages)
            self._impl = Implementation(function, self._cache_file)
            self.enable()

        @property
        def cache_path(self):
            return self._impl.locator.get_cache_path()

        @property
        def _launch_config_marker_path(self):
            return os.path.join(self.cache_path, f"{self._cache_file.family}.lcs")

        def _index_key(self, sig, codegen):
            return f"{sig} {codegen.magic_tuple()} {self._launch_config_key}"

        def load_overload(self, sig, target_context):
            try:
                return super().load_overload(sig, target_context)
            except Exception:  # whatever unpickling raises of an entry that this process cannot read
                return None

    return KernelCache


def number_functions():
    """Have Numba number the functions of this process, a forked one included, unlike those of any other.

    The number is all that tells symbols of one factory's functions apart, and the linker takes the first of a name: of
    two functions from disk that two processes had compiled under one number, one would run the other's code.
    """
    FunctionIdentity._unique_ids = itertools.count(int.from_bytes(os.urandom(6), "little"))


def install(dispatcher_class, cache_class, package=PACKAGE):
    """Have `cache=True` mean this cache, for functions of a package alone."""
    numbas = dispatcher_class.enable_caching

    @functools.wraps(numbas)
    def enable_caching(self):
        function = getattr(self, "py_func", None) or self.__wrapped__
        if (function.__module__ or "").startswith(f"{package}."):
            self._cache = cache_class(function, getattr(self, "targetoptions", {}))
        else:
            numbas(self)

    dispatcher_class.enable_caching = enable_caching


number_functions()
if hasattr(os, "register_at_fork"):  # not on Windows, which does not fork
    os.register_at_fork(after_in_child=number_functions)
CPUCache = kernel_cache(FunctionCache, CompileResultCacheImpl, dumps)
install(Dispatcher, CPUCache)
