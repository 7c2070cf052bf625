"""A table of a model's layers: shapes, parameters, FLOPs and bytes."""

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

import numpy as np

from ..core.device import to_device
from ..core.shapes import any_shape
from ..core.typing import Array
from .checks import require_module
from .containers import Residual, Sequential
from .conv_layer import ConvLayer
from .conv_transpose import ConvTranspose1d, ConvTranspose2d, ConvTranspose3d
from .linear import Flatten, Identity, Linear
from .module import Module
from .normalization import BatchNorm1d, BatchNorm2d, BatchNorm3d, GroupNorm
from .pooling import AvgPool1d, AvgPool2d, AvgPool3d, MaxPool1d, MaxPool2d, MaxPool3d

_TRANSPOSED = (ConvTranspose1d, ConvTranspose2d, ConvTranspose3d)
_NORMALIZATIONS = (BatchNorm1d, BatchNorm2d, BatchNorm3d, GroupNorm)
_WINDOWS = (MaxPool1d, MaxPool2d, MaxPool3d, AvgPool1d, AvgPool2d, AvgPool3d)
_VIEWS = (Flatten, Identity)
_HEAD = ("name", "layer", "output shape", "parameters", "FLOPs", "bytes")


class LayerSummary(NamedTuple):
    """One layer of a `Summary`."""

    name: str
    """Path in the model."""
    layer: str
    """Class."""
    input_shape: tuple[int, ...]
    output_shape: tuple[int, ...]
    parameters: int
    """Elements of the parameters."""
    flops: int
    """Floating-point operations of a forward pass, a multiplication and an addition counted separately."""
    bytes: int
    """Input, output and parameters, each once."""


class Summary(NamedTuple):
    """What `summary` returns: a row for each layer, in the order of a forward pass; its `str` is a table."""

    layers: tuple[LayerSummary, ...]
    input_shape: tuple[int, ...]
    parameters: int
    """Elements of all the model's parameters."""

    @property
    def output_shape(self) -> tuple[int, ...]:
        """Shape of the model's result."""
        return self.layers[-1].output_shape if self.layers else self.input_shape

    @property
    def flops(self) -> int:
        """Floating-point operations of a forward pass."""
        return sum(layer.flops for layer in self.layers)

    @property
    def bytes(self) -> int:
        """Bytes that the layers of a forward pass read and write."""
        return sum(layer.bytes for layer in self.layers)

    def __str__(self) -> str:
        """Lay the rows out as a table, with the totals in its last line."""
        totals = ("total", "", str(self.output_shape), f"{self.parameters:,}", _short(self.flops), _short(self.bytes))
        rows = [_HEAD, *map(_cells, self.layers), totals]
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        lines = [
            "  ".join([*map(str.ljust, row[:3], widths), *map(str.rjust, row[3:], widths[3:])]).rstrip() for row in rows
        ]
        rule = "-" * max(map(len, lines))
        return "\n".join([f"input {self.input_shape}", rule, lines[0], rule, *lines[1:-1], rule, lines[-1]])

    def __repr__(self) -> str:
        """Show the table."""
        return str(self)


def summary(model: Module, input_shape: Sequence[int], *, dtype: Any = None) -> Summary:
    """List a model's layers with their shapes, parameters, FLOPs and bytes.

    Parameters
    ----------
    model : Module
        Left as it was, in what it keeps for the backward pass too.
    input_shape : sequence of int
        Shape of a batch, (N, C, H, W). One sample of zeros is computed in evaluation; N only scales the figures.
    dtype : dtype, optional
        Of the input; default: that of the model's first parameter, else float32.

    Returns
    -------
    Summary
        Containers have no row, except the addition of a `Residual`.

    Raises
    ------
    TypeError
        If model is no module, or input_shape no shape.
    ValueError
        If the model refuses an input of that shape.

    Notes
    -----
    FLOPs are those of the textbook algorithm: 2 C R S for each output of a convolution, a comparison or an addition for
    each element of a pooling window, one operation for each element of other layers.

    Examples
    --------
    >>> from gpuconv import nn
    >>> model = nn.Sequential(nn.Conv2d(3, 8, 3, 1, 1), nn.ReLU(), nn.Flatten(), nn.Linear(512, 10))
    >>> print(nn.summary(model, (1, 3, 8, 8)))
    input (1, 3, 8, 8)
    --------------------------------------------------------
    name   layer    output shape  parameters   FLOPs   bytes
    --------------------------------------------------------
    0      Conv2d   (1, 8, 8, 8)         224  28.2 k  3.71 k
    1      ReLU     (1, 8, 8, 8)           0   512     4.1 k
    2      Flatten  (1, 512)               0     0       0
    3      Linear   (1, 10)            5,130  10.2 k  22.6 k
    --------------------------------------------------------
    total           (1, 10)            5,354  38.9 k  30.4 k
    """
    require_module("summary", "model", model)
    shape = any_shape("summary", "input_shape", input_shape)
    parameters = list(model.parameters())
    kind = dtype if dtype is not None else parameters[0].data.dtype if parameters else np.float32
    rows: list[LayerSummary] = []
    with _recorded(model, lambda *row: rows.append(_row(*row, samples=shape[0] if shape else 1))):
        model.eval()
        sample = to_device(np.zeros((1, *shape[1:]) if shape else (), kind))
        try:
            model(sample)
        except ValueError as error:
            described = f"input_shape is {shape}, a batch's; the model refuses one sample of it"
            raise ValueError(f"summary: {described}: {error}") from error
    return Summary(tuple(rows), shape, sum(parameter.data.size for parameter in parameters))


@contextmanager
def _recorded(model: Module, record: Callable[[str, Module, Array, Array], None]) -> Iterator[None]:
    """Within the block, forward passes report (path, module, input, output); afterwards all modules are as before."""
    saved = [(module, dict(vars(module))) for module in model.modules()]

    def watched(path: str, module: Module) -> Callable[[Array], Array]:
        forward = module.forward

        def call(x: Array) -> Array:
            y = forward(x)
            record(path, module, x, y)
            return y

        return call

    try:
        for path, module in list(model.named_modules()):
            if isinstance(module, Residual) or not any(True for _ in module.children()):
                if not isinstance(module, Sequential):
                    vars(module)["forward"] = watched(path, module)
        yield
    finally:
        for module, attributes in saved:
            vars(module).clear()
            vars(module).update(attributes)


def _row(path: str, module: Module, x: Array, y: Array, *, samples: int) -> LayerSummary:
    """The figures of one layer, scaled from one sample to a batch."""
    parameters = [value for value in vars(module).values() if hasattr(value, "grad")]
    elements = sum(parameter.data.size for parameter in parameters)
    moved = samples * _activation_bytes(module, x, y) + sum(parameter.data.nbytes for parameter in parameters)
    input_shape, output_shape = ((samples * a.shape[0], *a.shape[1:]) if a.shape else () for a in (x, y))
    return LayerSummary(
        path, type(module).__name__, input_shape, output_shape, elements, samples * _flops(module, x, y), moved
    )


def _activation_bytes(module: Module, x: Array, y: Array) -> int:
    """Bytes of the activations that a layer reads and writes."""
    if isinstance(module, _VIEWS):
        return 0
    return 3 * y.nbytes if isinstance(module, Residual) else x.nbytes + y.nbytes


def _flops(module: Module, x: Array, y: Array) -> int:
    """Floating-point operations of a layer's forward pass."""
    if isinstance(module, _VIEWS):
        return 0
    if isinstance(module, Residual):
        return y.size
    if isinstance(module, (ConvLayer, Linear)):
        positions = x.size if isinstance(module, _TRANSPOSED) else y.size
        taps = math.prod(module.weight.data.shape[1:])
        return 2 * positions * taps + (y.size if module.bias is not None else 0)
    if isinstance(module, _NORMALIZATIONS):
        return 2 * y.size
    if isinstance(module, _WINDOWS):
        kernel = module.kernel_size
        return y.size * (kernel**module.rank if isinstance(kernel, int) else math.prod(kernel))
    return max(x.size, y.size)


def _cells(row: LayerSummary) -> tuple[str, ...]:
    shape = str(row.output_shape)
    return row.name, row.layer, shape, f"{row.parameters:,}", _short(row.flops), _short(row.bytes)


def _short(number: int) -> str:
    """A number with three digits and a prefix: 118 M."""
    value, prefixes = float(number), iter(("", " k", " M", " G", " T", " P"))
    prefix = next(prefixes)
    while value >= 999.5:
        value, prefix = value / 1000, next(prefixes)
    return f"{value:.3g}{prefix}" if prefix else f"{number}  "
