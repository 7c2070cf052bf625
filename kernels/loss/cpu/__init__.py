"""Launchers on the CPU: losses, softmax and cross-entropy."""

from .cross_entropy import (
    cross_entropy,
    cross_entropy_grad,
    cross_entropy_of_probabilities,
    cross_entropy_of_probabilities_grad,
    nll,
    nll_grad,
    ratio_of_sums,
)
from .losses import bce_each, bce_grad, pairwise_each, pairwise_grad, pairwise_sum, sum_of
from .softmax import log_softmax, log_softmax_grad, softmax, softmax_grad

__all__ = [
    "bce_each",
    "bce_grad",
    "cross_entropy",
    "cross_entropy_grad",
    "cross_entropy_of_probabilities",
    "cross_entropy_of_probabilities_grad",
    "log_softmax",
    "log_softmax_grad",
    "nll",
    "nll_grad",
    "pairwise_each",
    "pairwise_grad",
    "pairwise_sum",
    "ratio_of_sums",
    "softmax",
    "softmax_grad",
    "sum_of",
]
