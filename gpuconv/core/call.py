"""One call of a public function: what every function has to decide about its arguments, decided once.

A function of arrays reads

    if out is None and (y := run_known(_plan, (x, w), options)) is not None:
        return y
    call = Call("name", x=x, w=w)
    plan = call.plan(_plan, *options)
    with call.device:
        y = call.output(plan.result_shape, out)
        plan.launch(*call.arrays, y)
    return call.finish(y)

What follows from shapes, dtypes and options alone is a plan, made by the first such call; `run_known` (plan.py) is the
short way for a later one.
"""

import contextlib
import math
from collections.abc import Callable, Sequence
from typing import Any, TypeVar, cast

import numpy as np

from . import arrays, blocks
from . import device as devices
from .arrays import INDEX_LIMIT
from .device import Array, Target, array_module, is_cupy, kernels_for
from .dtypes import FLOAT32, is_half, rounded, store
from .options import number
from .plan import Plan, find_plan, keep_plan

P = TypeVar("P")
_no_gpu: contextlib.AbstractContextManager[Any] = contextlib.nullcontext()


class Call:
    """The arrays of one call, checked, C-contiguous and in the type that is computed in.

    float16 and bfloat16 arrays are converted to float32, and `finish` rounds the result once; `native` leaves them to
    kernels that multiply 16-bit numbers, where the target has any.

    Parameters
    ----------
    op : str
        Name of the public function, for error messages.
    optional : sequence of str
        Names of the arrays that may be None.
    float32 : sequence of str
        Names of statistics, which are float32 beside 16-bit arrays.
    native : bool or str
        Leave 16-bit arrays as they are where the target, or the one of that name, has kernels for them.
    convert : bool
        Without, `arrays` are the caller's until `convert`: those of a call that may go in blocks (blocks.py).
    **operands : array or None
        By the name of the argument; the first decides dtype, device and target.

    Attributes
    ----------
    arrays : tuple
        The arrays in the order of the arguments; None stays None.
    kernels : Target
        `call.kernels.conv` are the launchers of convolution for these arrays.
    dtype : dtype
        Of the caller's arrays, and of what `finish` returns.
    compute_dtype : dtype
        Of `arrays` and of what kernels write.
    device : context manager
        Makes the arrays' GPU the current one; nothing to do on the CPU.

    Raises
    ------
    TypeError
        If one is no NumPy or CuPy array, is not floating, or two differ in dtype or device.
    ValueError
        If one is too large for 32-bit indices on CUDA.
    """

    __slots__ = (
        "_as_kernels_take_them",
        "_converted",
        "_shapes",
        "arrays",
        "compute_dtype",
        "device",
        "dtype",
        "kernels",
        "leading",
        "like",
        "op",
    )

    def __init__(
        self,
        op: str,
        optional: Sequence[str] = (),
        *,
        float32: Sequence[str] = (),
        native: bool | str = False,
        convert: bool = True,
        **operands: Array | None,
    ) -> None:
        self.op = op
        self._converted: list[tuple[Array, Array]] = []
        self.arrays: tuple[Any, ...] = tuple(operands.values())
        self.like: Any = self.arrays[0]
        self.leading = next(iter(operands))
        shapes = arrays.plain_shapes(operands, optional)
        self._as_kernels_take_them = shapes is not None
        if shapes is None:
            self._check(optional, float32, native, operands)
            if convert:
                self.convert()
            return
        self._shapes = shapes
        self.dtype = self.compute_dtype = self.like.dtype
        if type(self.like) is np.ndarray:
            self.kernels: Target = devices.numpy_target or kernels_for(self.like)
            self.device = _no_gpu
        else:
            self.kernels, self.device = kernels_for(self.like), self.like.device

    def _check(
        self, optional: Sequence[str], float32: Sequence[str], native: bool | str, operands: dict[str, Any]
    ) -> None:
        """Every check of arrays that are not all contiguous and of one wide type."""
        arrays.check_arrays(self.op, operands, optional, float32)
        self.like = self.arrays[0]
        self.kernels = kernels_for(self.like)
        self.dtype = self.compute_dtype = self.like.dtype
        self.device = self.like.device if is_cupy(self.like) else _no_gpu
        self._shapes = tuple([None if a is None else a.shape for a in self.arrays])
        native = native in {True, self.kernels.name} and self.dtype.name in self.kernels.runtime.HALF
        if is_half(self.dtype) and not native:
            self.compute_dtype = FLOAT32

    def convert(self, kept: int = 0) -> None:
        """Make the arrays C-contiguous, and 16-bit ones float32 unless kernels take them; the first `kept` stay."""
        if self._as_kernels_take_them:
            return
        others = [None if a is None else self.converted(a) for a in self.arrays[kept:]]
        self.arrays = (*self.arrays[:kept], *others)

    def keeps(self, *operands: Array) -> bool:
        """Whether kernels take bfloat16 operands beside float32 ones: C-contiguous, on the CPU."""
        narrow = self.kernels.name == "cpu" and self.dtype.name == "bfloat16"
        return narrow and all(a.flags.c_contiguous for a in operands)

    def converted(self, a: Array) -> Array:
        """An array, or a block of one, as kernels take it."""
        if self.takes(a):
            return a
        dtype = FLOAT32 if self._is_narrow(a) else a.dtype
        if self.kernels.name != "cpu":
            return array_module(a).ascontiguousarray(a, dtype=dtype)  # type: ignore[no-any-return]
        new = arrays.empty(a.shape, dtype, a)
        store(a, new)
        return new

    def takes(self, a: Array) -> bool:
        """Whether kernels take an array as it is."""
        return bool(a.flags.c_contiguous) and not self._is_narrow(a)

    def _is_narrow(self, a: Array) -> bool:
        """Whether an array is 16-bit and computed in float32."""
        return self.compute_dtype is not self.dtype and is_half(a.dtype)

    def needs_blocks(
        self, *result_shapes: Sequence[int], limit: int = 0, also: Sequence[Any] = (), temporary: int = 0
    ) -> bool:
        """Whether converted copies of the arrays and of 16-bit results would take more than `limit` bytes.

        Parameters
        ----------
        *result_shapes : sequence of int
        limit : int
            Default: blocks.LIMIT_BYTES.
        also : sequence
            Further arrays that the call converts; what is no array takes nothing.
        temporary : int
            Elements of working memory that grow with the arrays.
        """
        if self._as_kernels_take_them and not also and not temporary:
            return False
        wide = self.compute_dtype is not self.dtype
        total: int = temporary + (sum(map(math.prod, result_shapes)) if wide else 0)
        for a in (*self.arrays, *also):
            if hasattr(a, "flags") and not self.takes(a):
                total += a.size
        itemsize: int = max(self.compute_dtype.itemsize, 4)
        return total * itemsize > (limit or blocks.LIMIT_BYTES)

    def require_like(self, name: str, a: Array) -> None:
        """Check one more array: of the same dtype and device as the others."""
        arrays.require_array(self.op, name, a)
        arrays.same_device(self.op, **{self.leading: self.like, name: a})
        if a.dtype != self.dtype:
            raise TypeError(f"{self.op}: {name} has dtype {a.dtype}, expected {self.dtype} like {self.leading}")

    def floating(self, name: str, a: Array) -> Array:
        """One more array, checked and converted like the others."""
        self.require_like(name, a)
        return self.converted(a)

    def plan(self, build: Callable[..., P], *options: Any) -> P:
        """What follows from shapes, dtypes and options alone: made by `build(call, *options)` once, then looked up.

        An error is raised anew each time, and options that cannot be compared safely (lists, arrays) are not kept. A
        plan without a launcher declines 16-bit arrays: they are converted then, and the plan is float32's.
        """
        find = build, self.compute_dtype, self._shapes, options
        made: Any = find_plan(self.kernels.name, *find)
        if made is None:
            made = build(self, *options)
            if isinstance(made, Plan) and self.kernels.name == "cpu":
                results = made.result_shape, made.further_shapes, self.compute_dtype, made.second_dtype
                made = made._replace(allocate=arrays.results_allocator(*results))
            keep_plan(self.kernels.name, *find, made)
        return cast(P, made) if getattr(made, "launch", build) is not None else self._float32_plan(build, *options)

    def _float32_plan(self, build: Callable[..., P], *options: Any) -> P:
        """The plan of 16-bit arrays that are converted after all."""
        self.compute_dtype = FLOAT32
        return self.plan(build, *options)

    def scalar(self, name: str, value: Any) -> Any:
        """A number given as an option, in the type that is computed in: float32 where kernels take 16-bit arrays."""
        if type(value) is not float:
            value = number(self.op, name, value)
        dtype = self.compute_dtype
        return (dtype if dtype.itemsize > 2 else FLOAT32).type(value)

    def require_shape(self, name: str, a: Array | None, shape: Sequence[int], why: str) -> None:
        """Refuse an array of another shape; an optional one may be None."""
        if a is not None and a.shape != shape:
            arrays.shaped(self.op, name, a, shape, why)

    def output(
        self,
        shape: Sequence[int],
        out: Array | None = None,
        *,
        inputs: Sequence[Array | None] = (),
        coinciding: Sequence[Array] = (),
        dtype: Any = None,
    ) -> Array:
        """Memory for a result: new, not initialized, or `out` after it was checked.

        Parameters
        ----------
        shape : sequence of int
        out : array, optional
            The caller's memory: right shape, dtype and device, C-contiguous, writeable.
        inputs : sequence of array or None
            Further arrays that out must not overlap, besides those of the call.
        coinciding : sequence of array
            Arrays of the call that out may be: the kernel reads each element before it writes it.
        dtype : dtype, optional
            Default: the type that is computed in.

        Raises
        ------
        TypeError
            If out is of another kind, dtype or device.
        ValueError
            If out has another shape, is not contiguous or writeable, or overlaps an input; if the result is too large
            for 32-bit indices on CUDA.
        """
        if self.kernels.index_bits == 32 and math.prod(shape) >= INDEX_LIMIT:
            arrays.require_indexable(self.op, "the result", shape)
        if out is None:
            return arrays.empty(tuple(shape), dtype or self.compute_dtype, self.like)
        self.check_out(shape, out, dtype)
        if dtype is None and self.compute_dtype is not self.dtype:
            made = arrays.empty(tuple(shape), self.compute_dtype, self.like)
            self._converted.append((made, out))
            return made
        arrays.refuse_overlap(self.op, out, (*self.arrays, *inputs), coinciding)
        return out

    def check_out(self, shape: Sequence[int], out: Array | None, dtype: Any = None) -> None:
        """Check the caller's memory for a result, all but what it overlaps."""
        if out is not None:
            arrays.require_array(self.op, "out", out)
            arrays.same_device(self.op, **{"the input": self.like, "out": out})
            arrays.require_out(self.op, out, dtype or self.dtype)
            arrays.shaped(self.op, "out", out, shape, "the result's shape")

    def finish(self, result: Array) -> Array:
        """Return a result in the caller's type: 16-bit ones are rounded, to `out` where that was given."""
        if self.compute_dtype is self.dtype or result.dtype == self.dtype:
            return result
        for made, out in self._converted:
            if result is made:
                store(made, out)
                return out
        return rounded(result, self.dtype)
