"""What the layers of convolution share, transposed or not."""

from collections.abc import Callable, Sequence
from typing import Any, ClassVar, NamedTuple

from ..core.shapes import Padding, Size, positive, several, sides_of
from ..core.typing import Array
from .linear import Weighted


class Passes(NamedTuple):
    """The functions of an operation, and over how many axes it goes."""

    rank: int
    forward: Callable[..., Array]
    input_grad: Callable[..., Array]
    weight_grad: Callable[..., Array]
    bias_grad: Callable[..., Array]


class ConvLayer(Weighted):
    """What a convolution and a transposed one share: options, checks, and `repr`."""

    passes: ClassVar[Passes]

    def _set_options(
        self,
        channels: tuple[int, int],
        kernel_size: Size,
        stride: Size,
        padding: Padding,
        dilation: Size,
        groups: int,
        padding_mode: str,
    ) -> None:
        """Check the options and keep them, sizes as tuples."""
        op, rank = type(self).__name__, self.passes.rank
        self.in_channels = positive(op, "in_channels", channels[0])
        self.out_channels = positive(op, "out_channels", channels[1])
        self.groups = positive(op, "groups", groups)
        if self.in_channels % groups or self.out_channels % groups:
            raise ValueError(
                f"{op}: groups is {groups}, expected a divisor of in_channels={self.in_channels} and "
                f"out_channels={self.out_channels}"
            )
        self.kernel_size = several(op, "kernel_size", kernel_size, rank)
        self.stride = several(op, "stride", stride, rank)
        self.dilation = several(op, "dilation", dilation, rank)
        sides_of(op, padding, self.kernel_size, self.stride, self.dilation)
        self.padding = _as_tuples(padding, rank)
        self.padding_mode = padding_mode

    def _options(self) -> dict[str, Any]:
        """Options of the functions; equal sizes as one, of which a call looks up its plan faster."""
        stride, padding, dilation = as_one(self.stride), as_one(self.padding), as_one(self.dilation)
        return {"stride": stride, "padding": padding, "dilation": dilation, "groups": self.groups}

    def extra_repr(self) -> str:
        """Return channels and sizes, and the options that are not the defaults."""
        ones, zeros = (1,) * self.passes.rank, (0,) * self.passes.rank
        shown = [f"{self.in_channels}, {self.out_channels}, kernel_size={self.kernel_size}, stride={self.stride}"]
        options = (("padding", zeros), ("dilation", ones), ("output_padding", zeros), ("groups", 1))
        shown += [
            f"{name}={getattr(self, name)}" for name, default in options if getattr(self, name, default) != default
        ]
        shown += ["bias=False"] * (self.bias is None)
        shown += [f"padding_mode={self.padding_mode}"] * (self.padding_mode != "zeros")
        return ", ".join(shown)

    def _gradients(self, x: Array, dy: Array, input_grad: bool, options: dict[str, Any]) -> Array | None:
        """Compute the gradients, equations (13) and (20)."""
        w = self.weight.data
        self.weight.accumulate(self.passes.weight_grad(x, dy, w.shape, **options))
        if self.bias is not None:
            self.bias.accumulate(self.passes.bias_grad(dy))
        return self.passes.input_grad(dy, w, x.shape, **options) if input_grad else None


def as_one(sizes: Any) -> Any:
    """An int for a tuple of equal ints; everything else as it is."""
    first = sizes[0]
    return first if type(first) is int and sizes == (first,) * len(sizes) else sizes


def _as_tuples(padding: Any, rank: int) -> Any:
    """The padding with one size for each axis, lists as tuples; a name stays."""
    if isinstance(padding, str):
        return padding
    if not isinstance(padding, Sequence):
        return (int(padding),) * rank
    return tuple(tuple(sides) if isinstance(sides, Sequence) else sides for sides in padding)
