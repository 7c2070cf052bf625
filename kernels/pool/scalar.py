"""Pooling: the comparison that decides a window's maximum, compiled by both targets."""

from ..core.scalar_math import inlined


@inlined
def is_new_maximum(value, best):
    """Whether a value replaces the maximum so far: it is larger, or the first NaN. Branch-free."""
    return (best == best) & (not value <= best)  # noqa: PLR0124
