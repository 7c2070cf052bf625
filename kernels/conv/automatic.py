"""Names that leave the choice of an algorithm to a target, by the shape alone."""

AUTOMATIC = ("auto", "exact")
"""Any of them, or any but Winograd's and the FFT: those whose outputs are sums of the products they are defined by."""

INEXACT = ("winograd", "fft")
"""What "exact" leaves out; "tf32" is in no automatic choice."""
