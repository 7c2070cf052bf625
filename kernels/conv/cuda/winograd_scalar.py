"""Winograd's F(2, 3): two outputs of three taps with four multiplications, y = A^T [(G g) . (B^T d)].

Each function multiplies by one of the matrices; in two dimensions it is applied to rows and then to columns.
"""

from ...core.scalar_math import HALF, inlined


@inlined
def winograd_input(d0, d1, d2, d3):
    """B^T d of four neighbouring inputs."""
    return d0 - d2, d1 + d2, d2 - d1, d1 - d3


@inlined
def winograd_filter(g0, g1, g2):
    """G g of three taps."""
    outer = g0 + g2
    return g0, HALF * (outer + g1), HALF * (outer - g1), g2


@inlined
def winograd_output(m0, m1, m2, m3):
    """A^T m of four products: two outputs."""
    return m0 + m1 + m2, m1 - m2 - m3
