"""Records the launches of every operation: kernel, threads and types of the arguments.

Nothing is executed and no GPU is needed. The static gate (`bench/sass.py`) and the tests compile these kernels.
"""

import importlib
import pkgutil
from typing import NamedTuple
from unittest import mock

import numpy as np

# One set of options for each kernel of the optimizers: what else they take are values at run time.
OPTIMIZERS = [
    ("SGD", {"lr": 0.1}),
    ("SGD", {"lr": 0.1, "momentum": 0.9}),
    ("Adam", {}),
    ("RMSprop", {}),
    ("Adagrad", {}),
]


class Instance(NamedTuple):
    """A kernel as the operations launch it: compiled once for each signature, whatever the shape."""

    name: str
    kernel: object
    signature: object
    """Numba signature."""
    threads: int
    """Threads of a block."""
    dtype: str
    first: tuple = (7, 5)
    """Lowest architecture that it can be compiled for."""


def record(work):
    """The launches (kernel, blocks, threads, arguments) of some work on NumPy arrays; none is executed."""
    from gpuconv.core.device import numpy_arrays_on
    from gpuconv.kernels.cuda import launch

    launches = []
    with (
        numpy_arrays_on("cuda"),
        mock.patch.object(launch, "run", lambda *arguments: launches.append(arguments)),
        # Indices that no kernel wrote are still indices.
        mock.patch("gpuconv.core.arrays.empty", lambda shape, dtype, like: np.zeros(shape, dtype)),
    ):
        work()
    return launches


def every_instance(dtypes=("float32", "float64")):
    """An Instance of every kernel and signature that the operations launch, and the identities of the kernels seen."""
    found, seen = [], set()
    for dtype in dtypes:
        found += instances_of(lambda dtype=dtype: every_operation(np.dtype(dtype)), dtype)
        seen |= {id(instance.kernel) for instance in found}
    return found, seen


def instances_of(work, dtype):
    """An Instance of every kernel and signature that some work on NumPy arrays of a type launches."""
    found = {}
    for kernel, _, threads, arguments in record(work):
        signature, name = _signature(arguments), kernel.py_func.__name__
        found[name, signature] = Instance(name, kernel, signature, threads, dtype)
    return list(found.values())


def convolution_tiles():
    """An Instance of every float32 tile of the implicit GEMMs, also of those that no operation here launches."""
    from numba import float32, int32, types, uint32, void

    from gpuconv.kernels.conv.cuda import implicit_gemm, implicit_gemm_wgrad
    from gpuconv.kernels.cuda import tile_config

    array = types.Array(float32, 1, "C", aligned=True)
    pointers = (array, array, array, int32, int32, float32, array, int32, array)
    fprop = void(*pointers, *[int32] * 30, *[uint32] * 4)
    wgrad = void(array, array, array, *[int32] * 21, *[uint32] * 8)
    for ragged in (False, True):
        made = [(tile, implicit_gemm.fprop_kernel, fprop) for tile in tile_config.TILES[4]]
        made += [(tile, implicit_gemm_wgrad.wgrad_kernel, wgrad) for tile in tile_config.WGRAD_TILES[4]]
        for tile, factory, signature in made:
            kernel = factory(tile, float32, ragged)
            yield Instance(kernel.py_func.__name__, kernel, signature, tile.threads, "float32")


def tensor_cores():
    """An Instance of every kernel of the tensor cores: 16-bit types and tf32, both tiles, packing and reductions."""
    from gpuconv.core.dtypes import half_types
    from gpuconv.kernels.conv.cuda.tensor_core import FIRST_CAPABILITY

    for dtype in (*half_types(), np.dtype(np.float32)):
        options = {"algorithm": "tf32"} if dtype == np.float32 else {}
        for instance in instances_of(lambda dtype=dtype, options=options: _passes(dtype, options), dtype.name):
            yield instance._replace(first=FIRST_CAPABILITY)


def _passes(dtype, options):
    """Every pass of a convolution that is large enough for large tiles, and of a small one."""
    import gpuconv

    for x_shape, w_shape in (((4, 64, 64, 64), (128, 64, 3, 3)), ((1, 8, 5, 5), (8, 8, 3, 3))):
        x, w = np.zeros(x_shape, dtype), np.zeros(w_shape, dtype)
        y = gpuconv.conv2d(x, w, padding=1, **options)
        gpuconv.conv2d_weight_grad(x, y, w_shape, padding=1, **options)


def every_operation(dtype):
    """Call every operation and every gradient, with the options that launch kernels of their own."""
    import gpuconv
    from gpuconv.testing.operations import operation_checks

    for check in operation_checks():
        inputs = [np.zeros(shape, dtype) for shape in check.shapes]
        check.backward(np.zeros(check.forward(*inputs).shape, dtype), *inputs)
    _, mask = gpuconv.max_pool2d(np.zeros((1, 1, 4, 4), dtype), 2)
    gpuconv.pool_indices(mask, (1, 1, 4, 4), 2)
    x, target = np.zeros((3, 4), dtype), np.zeros(3, int)
    for weight in (None, np.ones(4, dtype)):
        gpuconv.cross_entropy(x, target, weight=weight)
        gpuconv.cross_entropy_grad(x, target, weight=weight)
    parameter = gpuconv.nn.Parameter(x.copy())
    for name, options in OPTIMIZERS:
        parameter.grad = x
        getattr(gpuconv, name)([parameter], **options).step()
    for norm_type in (2, np.inf):
        gpuconv.clip_grad_norm(parameter, 1, norm_type)
    gpuconv.clip_grad_value(parameter, 1)


def every_kernel():
    """{identity: name} of every CUDA kernel: of the runtime and of each operation."""
    from numba.cuda.dispatcher import CUDADispatcher

    import gpuconv.kernels

    kernels = {}
    for info in pkgutil.walk_packages(gpuconv.kernels.__path__, "gpuconv.kernels."):
        if "cuda" not in info.name.split("."):
            continue
        module = importlib.import_module(info.name)
        values = [v for v in vars(module).values() if not isinstance(v, dict)]
        values += [w for v in vars(module).values() if isinstance(v, dict) for w in v.values()]
        for value in values:
            if isinstance(value, CUDADispatcher) and not value.targetoptions.get("device"):
                kernels[id(value)] = f"{value.py_func.__module__}.{value.py_func.__qualname__}"
    return kernels


def _signature(arguments):
    from numba import types

    return types.void(*map(_type, arguments))


def _type(a):
    from numba import types

    if hasattr(a, "_numba_type_"):
        return a._numba_type_
    if isinstance(a, np.ndarray):
        return types.Array(getattr(types, a.dtype.name), 1, "C", aligned=True)
    return getattr(types, np.dtype(type(a)).name)
