"""Softmax, log-softmax and cross-entropy in both libraries, with the classes on any axis."""

import math

import numpy as np


def targets(x_shape):
    """Class indices of a loss: all axes but the classes'."""
    shape = (x_shape[0], *x_shape[2:])
    return (np.arange(math.prod(shape)) % x_shape[1]).reshape(shape)


class GpuconvLoss:
    """Losses of gpuconv; each method returns a function to time."""

    def softmax(self, of, x_shape, axis):
        (x,) = self._arrays(x_shape)
        function = getattr(self.g, of)
        return lambda: function(x, axis)

    def softmax_grad(self, of, x_shape, axis):
        dy, x = self._arrays(x_shape, x_shape)
        function = getattr(self.g, f"{of}_grad")
        return lambda: function(dy, x, axis)

    def cross_entropy(self, x_shape):
        (x,) = self._arrays(x_shape)
        target = self.g.to_device(targets(x_shape))
        return lambda: self.g.cross_entropy(x, target)

    def cross_entropy_grad(self, x_shape):
        (x,) = self._arrays(x_shape)
        target = self.g.to_device(targets(x_shape))
        return lambda: self.g.cross_entropy_grad(x, target)


class TorchLoss:
    """Losses of PyTorch; gradients take what its forward pass keeps."""

    def softmax(self, of, x_shape, axis):
        (x,) = self._tensors(x_shape)
        function = getattr(self.f, of)
        return lambda: function(x, axis)

    def softmax_grad(self, of, x_shape, axis):
        dy, x = self._tensors(x_shape, x_shape)
        y = getattr(self.f, of)(x, axis)
        backward = getattr(self.t.ops.aten, f"_{of}_backward_data")
        return lambda: backward(dy, y, axis, x.dtype)

    def cross_entropy(self, x_shape):
        (x,) = self._tensors(x_shape)
        target = self.t.from_numpy(targets(x_shape)).to(self.device)
        return lambda: self.f.cross_entropy(x, target)

    def cross_entropy_grad(self, x_shape):
        """Gradient with respect to the logits: of the negative log-likelihood, then of log-softmax."""
        (x,) = self._tensors(x_shape)
        target = self.t.from_numpy(targets(x_shape)).to(self.device)
        y, aten, name = self.f.log_softmax(x, 1), self.t.ops.aten, "nll_loss2d" if x.ndim == 4 else "nll_loss"
        options = None, 1, -100  # weight, mean, ignored class
        loss, total = getattr(aten, f"{name}_forward")(y, target, *options)
        one, backward = self.t.ones_like(loss), getattr(aten, f"{name}_backward")
        return lambda: aten._log_softmax_backward_data(backward(one, y, target, *options, total), y, 1, x.dtype)
