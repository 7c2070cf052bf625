"""Launches of the passes by the FFT.

Images with an outlier or with a result that is not finite have a flag on the device, which no host reads, and a last
kernel computes their outputs directly (guard.py, redo.py). Sums are added in a fixed order: results are the same bits
every time, as long as the library's transforms are.
"""

from ....core.scalar import IDENTITY
from ....cuda.launch import empty_like_on
from ...fft import passes
from ...fft.tiles import axes_of, layout, spectrum_size
from ...outliers import fft_limit
from ..guard import flag_outliers
from . import redo, spectra

WORKSPACE_BYTES = 32 << 20
"""Of spectra at a time, of three frames at least; not tuned: Winograd's."""

MAX_ELEMENTS = 1 << 31
"""Elements of an array have to be fewer."""


def unsupported(shape, operation, dtype):
    """Why these kernels do not support a problem: frames too large for 32-bit indices."""
    f = layout(shape, operation, max(dtype.itemsize, 4), WORKSPACE_BYTES)
    spectra_of_a_block = f.blocks.groups * max(
        f.blocks.u * f.blocks.terms, f.blocks.v * f.blocks.terms, f.blocks.u * f.blocks.v
    )
    elements = 2 * spectra_of_a_block * spectrum_size(f)
    largest = max(max(axis.size + axis.taps, axis.windows) for axis in axes_of(shape, operation))
    if max(elements, largest) >= MAX_ELEMENTS:
        return f"{max(elements, largest)} elements of frames, expected fewer than 2^31"
    return None


def fprop(shape, x, w, b, activation, slope, y, workspace=WORKSPACE_BYTES):
    """Launch the forward pass, with so many bytes of spectra at a time."""
    flags = flag_outliers(x, fft_limit(shape.h * shape.w))
    passes.correlate(spectra, shape, "fprop", x, w, b, activation, slope, None, y, flags, workspace)
    redo.fprop(shape, flags, x, w, b, activation, slope, y)


def dgrad(shape, dy, w, pre_activation, activation, slope, dx, workspace=WORKSPACE_BYTES):
    """Launch the input gradient; as `fprop`."""
    activation = IDENTITY if pre_activation is None else activation
    flags = flag_outliers(dy, fft_limit(shape.p * shape.q))
    passes.correlate(spectra, shape, "dgrad", dy, w, None, activation, slope, pre_activation, dx, flags, workspace)
    redo.dgrad(shape, flags, dy, w, pre_activation, activation, slope, dx)


def wgrad(shape, x, dy, dw, workspace=WORKSPACE_BYTES):
    """Launch the weight gradient; as `fprop`, a group's being computed directly where one of its sums is not finite."""
    flags = empty_like_on(x, shape.groups, "int32")
    flags.fill(0)
    passes.wgrad(spectra, shape, x, dy, None, dw, flags, workspace)
    redo.wgrad(shape, flags, x, dy, dw)
