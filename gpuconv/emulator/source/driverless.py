"""Numba's compiler without a driver: for the emulated architecture, line numbers everywhere, signatures kept for later.

numba-cuda asks the driver what to compile for wherever a device function is called or a signature is declared. During a
compilation for the emulator it is told; and device functions compile separately from any that were compiled for a GPU.
"""

import contextlib
import functools
import itertools
import types as python_types
import warnings
from collections import OrderedDict
from collections.abc import Iterator
from typing import Any

from .places import with_files, with_place, with_scope

Raised = dict[int, tuple[Any, Any, Any]]
"""Code of a raise statement -> exception class, its arguments, and (function, file, line)."""

_RAISED: Raised = {}
_CODES = itertools.count(1)


@contextlib.contextmanager
def compiling_for(architecture: tuple[int, int], *, debug: bool) -> Iterator[Raised]:
    """Compile for an architecture inside; yields the exceptions that compiled code can raise, by their codes."""
    import numba.cuda.compiler as compiler_module
    import numba.cuda.dispatcher as dispatcher_module
    from numba.core.errors import NumbaWarning
    from numba.cuda.core.callconv import MinimalCallConv, _MinimalCallHelper
    from numba.cuda.core.compiler_lock import global_compiler_lock
    from numba.cuda.debuginfo import DIBuilder
    from numba.cuda.lowering import Lower

    dispatcher_class = dispatcher_module.CUDADispatcher
    device = python_types.SimpleNamespace(compute_capability=architecture)
    saved: dict[Any, tuple[Any, Any]] = {}
    compile_device = getattr(dispatcher_class.compile_device, "__wrapped__", dispatcher_class.compile_device)
    call_template = dispatcher_class.get_call_template

    def compile_apart(self: Any, args: Any, return_type: Any = None) -> Any:
        if self not in saved:
            saved[self] = self.overloads, self.targetoptions
            self.overloads = OrderedDict()
            own_debug = bool(self.targetoptions.get("debug"))
            self.targetoptions = {**self.targetoptions, "lineinfo": not (debug or own_debug)}
        return compile_device(self, args, return_type)

    def template_of_declared(self: Any, args: Any, kws: Any) -> Any:
        overloads = saved[self][0] if self in saved else self.overloads
        for declared in [o for o in overloads.values() if isinstance(o, Declared)]:
            compile_apart(self, declared.arguments, declared.return_type)
        return call_template(self, args, kws)

    replaced = [
        (compiler_module, "get_current_device", lambda: device),
        (dispatcher_module, "get_current_device", lambda: device),
        (dispatcher_class, "compile_device", compile_apart),
        (dispatcher_class, "get_call_template", template_of_declared),
        (_MinimalCallHelper, "_add_exception", _add_exception),
        (MinimalCallConv, "return_user_exc", with_place(MinimalCallConv.return_user_exc)),
        (Lower, "lower_inst", with_files(Lower.lower_inst)),
        (DIBuilder, "_di_location", with_scope(DIBuilder._di_location)),
    ]
    with global_compiler_lock, contextlib.ExitStack() as stack:
        for owner, name, value in replaced:
            stack.callback(setattr, owner, name, getattr(owner, name))
            setattr(owner, name, value)
        stack.enter_context(warnings.catch_warnings())
        warnings.simplefilter("ignore", NumbaWarning)  # they were given where the kernel was defined
        try:
            yield _RAISED
        finally:
            for dispatcher, (overloads, options) in saved.items():
                dispatcher.overloads, dispatcher.targetoptions = overloads, options


def _add_exception(self: Any, exception: Any, arguments: Any, location: Any) -> int:
    """A code for a raise statement, unique in the process: numba-cuda counts from 1 in every device function."""
    code = next(_CODES)
    self.exceptions[code] = _RAISED[code] = exception, arguments, location
    return code


class Declared:
    """Stands for the compiled code of a declared signature on a machine without a driver."""

    objectmode = False

    def __init__(self, arguments: Any, return_type: Any) -> None:
        self.arguments, self.return_type = arguments, return_type

    def __getattr__(self, name: str) -> Any:
        """Whatever needs the code needs a driver: raises numba-cuda's error."""
        from numba import cuda

        if name.startswith("__"):
            raise AttributeError(name)
        cuda.current_context()
        raise AttributeError(name)


def declared_of(kernel: Any) -> list[Any]:
    """Argument types that a kernel was declared for, in order; none if it compiles for whatever it is called with."""
    return [] if getattr(kernel, "_can_compile", True) else [list(arguments) for arguments in kernel.overloads]


def keep_declared_signatures() -> None:
    """Let `@cuda.jit("void(float32[:])")` pass without a driver: the emulator compiles at launch.

    With a driver, and for launches, nothing changes.
    """
    try:
        from numba.cuda.core.sigutils import normalize_signature
        from numba.cuda.dispatcher import CUDADispatcher
        from numba.cuda.launchconfig import current_launch_config
    except ImportError:  # a version that compiles at once
        return
    if getattr(CUDADispatcher.compile, "keeps_declared", False):
        return
    compile_kernel, compile_device = CUDADispatcher.compile, CUDADispatcher.compile_device

    @functools.wraps(compile_kernel)
    def compile(self: Any, signature: Any) -> Any:
        if current_launch_config() is not None or _has_driver():
            return compile_kernel(self, signature)
        return _keep(self, *normalize_signature(signature))

    @functools.wraps(compile_device)
    def compile_device_later(self: Any, args: Any, *return_type: Any) -> Any:
        if not return_type or _has_driver():  # a declaration names the type of the result, or None
            return compile_device(self, args, *return_type)
        return _keep(self, tuple(args), return_type[0])

    compile.keeps_declared = True  # type: ignore[attr-defined]
    CUDADispatcher.compile, CUDADispatcher.compile_device = compile, compile_device_later


def _keep(dispatcher: Any, arguments: Any, return_type: Any) -> None:
    dispatcher.overloads[tuple(arguments)] = Declared(tuple(arguments), return_type)


@functools.cache
def _has_driver() -> bool:
    from numba import cuda

    return bool(cuda.is_available())
