"""Launchers on the CPU: normalization and its gradients; a thread takes whole channels or rows.

Elements that share a mean and a variance are a set: a channel in batch normalization, a sample's group of channels in
group normalization. Reductions see x as (A, B, L) with the B sets x[:, b, :]. Passes that write see x as (N, C, L) and
statistics as (M, G): element (n, c) belongs to the set (n if M > 1 else 0, c // (C / G)).

Sums are taken in float64 and in a fixed order: accurate, and the same bits for any number of threads. Bytes a call:
every array once; some ten operations an element.
"""

from .elementwise import input_grad, normalize
from .gradient_sums import gradient_sums, set_means
from .sample_gradients import sample_gradients
from .statistics import inverse_deviations, moments, move_running

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
