"""Softmax and its logarithm as layers."""

from ..core.shapes import integer
from ..loss.softmax import log_softmax, log_softmax_grad, softmax, softmax_grad
from .activation import Activation


class _AlongAxis(Activation):
    """A function of each row along an axis, which torch calls dim and NumPy axis."""

    def __init__(self, dim: int = -1, *, axis: int | None = None) -> None:
        name, value = ("dim", dim) if axis is None else ("axis", axis)
        super().__init__(axis=integer(type(self).__name__, name, value, at_least=-(2**31)))

    def extra_repr(self) -> str:
        """Return the axis."""
        return f"dim={self.options['axis']}"


class Softmax(_AlongAxis):
    """exp(x_i) / sum_j exp(x_j) along an axis.

    Parameters
    ----------
    dim : int
        The axis.
    axis : int, optional
        NumPy's name for it.

    Examples
    --------
    >>> nn.Softmax(1)(np.array([[0.0, 0.0], [1.0, 3.0]])).round(4)
    array([[0.5   , 0.5   ],
           [0.1192, 0.8808]])
    """

    function, gradient = softmax, softmax_grad


class LogSoftmax(_AlongAxis):
    """The logarithm of softmax along an axis; parameters as for `Softmax`.

    Examples
    --------
    >>> nn.LogSoftmax(1)(np.array([[0.0, 0.0]])).round(4)
    array([[-0.6931, -0.6931]])
    """

    function, gradient = log_softmax, log_softmax_grad
