"""Pooling: the comparison that decides a window's maximum, compiled by both targets."""

from ..core.scalar_math import inlined


@inlined
def is_new_maximum(value, best):
    """Whether a value takes a maximum's place: larger, or the first NaN. Without branches, which data would mislead."""
    return (best == best) & (not value <= best)  # noqa: PLR0124
