"""Compile a Python function to PTX with Numba, without a driver, cached on disk.

The cache key covers everything that decides the PTX (fingerprint.py); what cannot be hashed safely is not cached.
"""

import functools
import json
import sys
from collections.abc import Iterable
from contextlib import nullcontext
from dataclasses import asdict, dataclass
from typing import Any

from .. import cache
from ..errors import EmulatorError, Location
from ..local_arrays import unfilled
from .driverless import Raised, compiling_for, declared_of, keep_declared_signatures
from .external import external_ptx
from .fingerprint import fingerprint
from .places import place_of

__all__ = ["RaiseSite", "Source", "compile_ptx", "compile_source", "declared_of", "keep_declared_signatures"]


@dataclass(frozen=True)
class RaiseSite:
    """A raise statement of a kernel that was compiled with `debug=True`."""

    module: str
    name: str
    """Module and qualified name of the exception class."""
    message: str
    file: str
    line: int


@dataclass(frozen=True)
class Source:
    """PTX of a kernel and of what it links, the kernel's first, and the exceptions that it can raise."""

    texts: tuple[str, ...]
    raised: dict[int, RaiseSite]
    cooperative: bool

    def dump(self) -> bytes:
        """As the bytes of a cache entry."""
        return json.dumps(asdict(self)).encode()

    @staticmethod
    def load(data: bytes | None) -> "Source | None":
        """From the bytes of a cache entry; None if they are not one."""
        try:
            fields = json.loads(data or b"")
            raised = {int(code): RaiseSite(**site) for code, site in fields["raised"].items()}
            return Source(tuple(fields["texts"]), raised, bool(fields["cooperative"]))
        except (ValueError, TypeError, KeyError, AttributeError):
            return None


def compile_ptx(
    kernel: Any,
    signature: Any,
    architecture: tuple[int, int],
    *,
    lineinfo: bool = True,
    launch_bounds: int | tuple[int, ...] | None = None,
    also: Iterable[tuple[int, int]] = (),
) -> str:
    """Compile a function or a `@cuda.jit` dispatcher to PTX for a Numba signature, without what it links.

    The emulator needs line information; ptxas needs launch bounds to allocate registers. The PTX of other
    architectures (`also`) is made and cached along: all but the last step, nine tenths of the time, is the same.

    Raises
    ------
    EmulatorError
        Of kind bad-launch, if Numba cannot compile the function for these arguments.
    """
    return compile_source(
        kernel, signature, architecture, lineinfo=lineinfo, launch_bounds=launch_bounds, also=also
    ).texts[0]


def compile_source(
    kernel: Any,
    signature: Any,
    architecture: tuple[int, int],
    *,
    lineinfo: bool = True,
    launch_bounds: int | tuple[int, ...] | None = None,
    fill_locals: bool = True,
    watch_locals: bool = False,
    also: Iterable[tuple[int, int]] = (),
) -> Source:
    """Compile a kernel and everything that it links to PTX.

    Numba fills local arrays with zeros, which CUDA does not promise; without `fill_locals` a read before a write can
    be told. With `watch_locals` as well, no local array is kept in registers.

    Raises
    ------
    EmulatorError
        Of kind bad-launch, if Numba cannot compile the function for these arguments; misaligned or
        read-only, if it refuses a field of a packed record or a store to a read-only array.
    """
    function = getattr(kernel, "py_func", kernel)
    options = options_of(kernel)
    options["lineinfo"] = lineinfo and not options["debug"]
    options["launch_bounds"] = launch_bounds if launch_bounds is not None else options["launch_bounds"]
    hashed = fingerprint(kernel, tuple(signature.args), options)
    decided = str(fill_locals), str(watch_locals), _compiler()

    def key_of(architecture: tuple[int, int]) -> str | None:
        return None if hashed is None else cache.key("ptx", hashed, str(architecture), *decided)

    key = key_of(architecture)
    kept = None if key is None else Source.load(cache.read(key))
    if kept is not None:
        return kept
    architectures = [architecture] if key is None else list(dict.fromkeys([architecture, *also]))
    try:
        with nullcontext() if fill_locals else unfilled(watch_locals):
            sources = _compile(kernel, function, signature, architectures, options)
    except EmulatorError:
        raise
    except Exception as error:  # of Numba, and of its faults
        raise _not_compiled(function, signature, error) from error
    for found, source in zip(architectures, sources, strict=True):
        if (key := key_of(found)) is not None:
            cache.write(key, source.dump())
    return sources[0]


def options_of(kernel: Any) -> dict[str, Any]:
    """Options of `@cuda.jit` that the compiler takes, with Numba's defaults."""
    from numba.cuda.core import config

    chosen_options = getattr(kernel, "targetoptions", {})
    found = {name: chosen_options.get(name) for name in ("debug", "opt", "fastmath", "launch_bounds")}
    found["debug"] = bool(config.CUDA_DEBUGINFO_DEFAULT if found["debug"] is None else found["debug"])
    found["opt"] = bool(config.OPT != 0 if found["opt"] is None else found["opt"])
    found["fastmath"] = found["fastmath"] or False
    return found


def _compile(
    kernel: Any, function: Any, signature: Any, architectures: list[tuple[int, int]], options: dict[str, Any]
) -> list[Source]:
    """A Source for each architecture, all from one library of LLVM code."""
    from numba.cuda import compiler

    sources = []
    with compiling_for(architectures[0], debug=options["debug"]) as raised:
        library, _ = compiler._compile_pyfunc_with_fixup(
            function, signature, device=False, abi="numba", cc=architectures[0], **options
        )
        links = getattr(kernel, "targetoptions", {}).get("link") or ()
        linked = [*library._linking_files, *([links] if isinstance(links, str) else links)]
        sites = _sites(raised) if options["debug"] else {}
        for architecture in architectures:
            texts = library.get_asm_strs(cc=architecture)
            texts = _kernel_first(texts) + external_ptx(linked, "\n".join(texts), architecture)
            sources.append(Source(tuple(texts), sites, bool(library.use_cooperative)))
    return sources


def _kernel_first(texts: list[str]) -> list[str]:
    """With debugging information Numba makes a text of each function."""
    return sorted(texts, key=lambda text: ".entry" not in text)


def _sites(raised: Raised) -> dict[int, RaiseSite]:
    sites = {}
    for code, (exception, arguments, location) in raised.items():
        kind = exception or RuntimeError  # a bare raise
        _, file, line = location or ("", "", 0)
        message = ", ".join(map(str, arguments or ()))
        sites[code] = RaiseSite(kind.__module__, kind.__qualname__, message, str(file), int(line))
    return sites


def _not_compiled(function: Any, signature: Any, error: Any) -> EmulatorError:
    file, line = place_of(error, function.__code__.co_filename)
    location = Location(kernel=function.__name__, source_file=file, source_line=line)
    types = ", ".join(map(str, signature.args))
    for kind, sign in (("misaligned", "is not aligned"), ("read-only", "Cannot modify readonly array")):
        if sign in str(error):
            reason = next(line for line in str(error).splitlines() if sign in line).strip()
            return EmulatorError(kind, f"Numba refuses it: {reason}", location)
    return EmulatorError("bad-launch", f"{function.__name__} does not compile for ({types}): {error}", location)


@functools.cache
def _compiler() -> str:
    """Versions of what decides the PTX besides the kernel."""
    from importlib.metadata import PackageNotFoundError, version

    found = []
    for package in ("numba", "numba-cuda", "numpy", "nvidia-cuda-nvcc", "nvidia-cuda-nvrtc", "nvidia-cuda-nvcc-cu12"):
        try:
            found.append(f"{package} {version(package)}")
        except PackageNotFoundError:
            continue
    return ", ".join([*found, f"Python {sys.version}"])
