"""Launchers on CUDA: blocks reduce ranges of a set in a fixed order, then a thread writes each element, or four.

Elements that share a mean and a variance are a set: a channel in batch normalization, a sample's group of channels in
group normalization. Reductions see x as (A, B, L) with the B sets x[:, b, :]. Passes that write see x as (N, C, L) and
statistics as (M, G): element (n, c) belongs to the set (n if M > 1 else 0, c // (C / G)).

No atomics: the same bits every time. Bytes: x once for the statistics, dy and x once for the gradient's sums; a pass
that writes reads its operands and writes the result once.
"""

from .elementwise import input_grad, normalize
from .gradient_sums import gradient_sums, set_means
from .statistics import inverse_deviations, moments, move_running


def sample_gradients(dy, x, mean, inverse, weight, dx, dweight, dbias):
    """Gradients of group normalization in one pass over samples; whether they are computed: not here."""
    return False


__all__ = [
    "gradient_sums",
    "input_grad",
    "inverse_deviations",
    "moments",
    "move_running",
    "normalize",
    "sample_gradients",
    "set_means",
]
