"""What convolutions may choose: every algorithm, or those alone whose outputs are sums of what they see."""

import os

from ..core.options import one_of

PRECISIONS = ("exact", "fast")

chosen = os.environ.get("GPUCONV_PRECISION") or "fast"
"""What "auto" means, a value of PRECISIONS once it was checked; `automatic` says what a convolution does with it."""


class precision:  # noqa: N801  used like a function
    """Choose the algorithms that `algorithm="auto"` may take, from now on or within a `with` block.

    Parameters
    ----------
    name : {"exact", "fast"}
        "exact" keeps to the direct forms: each output is a sum of the products it is defined by, and its error is that
        of such a sum. "fast", the default, lets convolutions take Winograd's algorithm, whose error is two to four
        times as large on ordinary data, or the FFT, whose error is a share of the image's root mean square, where they
        are quicker (docs/concepts.md has the measurements).

    Raises
    ------
    TypeError, ValueError
        If there is no precision of that name.

    Notes
    -----
    The environment variable GPUCONV_PRECISION is what a process begins with. The choice is the whole process's. An
    algorithm that is asked for by name is taken, whatever the precision.

    Examples
    --------
    >>> x, w = np.ones((4, 64, 32, 32), np.float32), np.ones((64, 64, 3, 3), np.float32)
    >>> with gpuconv.precision("exact"):
    ...     y = gpuconv.conv2d(x, w)
    """

    def __init__(self, name: str) -> None:
        global chosen  # noqa: PLW0603
        one_of("precision", "name", name, PRECISIONS)
        self._name, self._before = name, chosen
        chosen = name

    def __enter__(self) -> "precision":
        global chosen  # noqa: PLW0603
        chosen = self._name
        return self

    def __exit__(self, *exc: object) -> None:
        global chosen  # noqa: PLW0603
        chosen = self._before


def automatic(algorithm: str) -> str:
    """The algorithm's name for kernels: "exact" for "auto" where that is the precision."""
    if chosen == "fast":
        return algorithm
    if chosen not in PRECISIONS:
        raise ValueError(f"GPUCONV_PRECISION is {chosen!r}, expected one of {', '.join(map(repr, PRECISIONS))}")
    return "exact" if algorithm == "auto" else algorithm
