"""Comparison of a loss and its gradient with the oracle, for every reduction."""

import numpy as np

import gpuconv
from gpuconv.testing import assert_close

REDUCTIONS = ("mean", "sum", "none")


def _reduced(losses, reduction, divisor):
    if reduction == "none":
        return losses
    return losses.sum() / (divisor if reduction == "mean" else 1)


def assert_loss_agrees(name, x, target, options, losses, gradient, *, divisor=None, rowwise=False):
    """Compare gpuconv's loss of that name, and its gradient, with the oracle's term by term.

    Parameters
    ----------
    name : str
    x, target : array
    options : dict
        Keyword arguments; arrays are moved to the device.
    losses, gradient : array
        The oracle's loss of each term, and its derivative.
    divisor : float, optional
        What the mean divides by; default: the number of terms.
    rowwise : bool
        A term is a row of classes.
    """
    rng = np.random.default_rng(1)
    divisor = losses.size if divisor is None else divisor
    on_device = {key: gpuconv.to_device(v) if isinstance(v, np.ndarray) else v for key, v in options.items()}
    xd, td = gpuconv.to_device(x), gpuconv.to_device(target)
    for reduction in REDUCTIONS:
        loss = getattr(gpuconv, name)(xd, td, reduction=reduction, **on_device)
        assert loss.shape == (losses.shape if reduction == "none" else ())
        assert loss.dtype == x.dtype
        assert_close(loss, _reduced(losses, reduction, divisor), terms=x.size)
        dloss = np.asarray(rng.standard_normal(loss.shape), x.dtype)
        dx = getattr(gpuconv, f"{name}_grad")(xd, td, dloss=gpuconv.to_device(dloss), reduction=reduction, **on_device)
        grad_loss = np.expand_dims(dloss, 1) if rowwise and reduction == "none" else dloss
        expected = gradient * grad_loss / (divisor if reduction == "mean" else 1)
        assert_close(dx, expected, terms=x.shape[1] if rowwise else 4)
