"""Activations, dropout, sums, concatenation and optimizer steps in both libraries."""

import numpy as np

GRADIENTS_OF_RESULT = ("sigmoid", "tanh")
"""Activations whose gradient PyTorch computes from the result that the forward pass has kept."""


class GpuconvElementwise:
    """Elementwise operations of gpuconv; each method returns a function to time."""

    def activation(self, of, x_shape):
        (x,) = self._arrays(x_shape)
        function = getattr(self.g, of)
        return lambda: function(x)

    def activation_grad(self, of, x_shape):
        dy, x = self._arrays(x_shape, x_shape)
        function = getattr(self.g, f"{of}_grad")
        return lambda: function(dy, x)

    def dropout(self, x_shape):
        x = self.g.to_device(np.ones(x_shape, np.float32))
        return summarized(lambda: self.g.dropout(x, 0.5, seed=1))

    def dropout_grad(self, x_shape):
        dy = self.g.to_device(np.ones(x_shape, np.float32))
        return summarized(lambda: self.g.dropout_grad(dy, 0.5, seed=1))

    def add(self, x_shape):
        a, b = self._arrays(x_shape, x_shape)
        return lambda: self.g.add(a, b)

    def concatenate(self, x_shape):
        a, b = self._arrays(x_shape, x_shape)
        return lambda: self.g.concatenate([a, b], 1)

    def sgd(self, x_shape):
        return self._update(x_shape, self.g.SGD, momentum=0.9)

    def adam(self, x_shape):
        return self._update(x_shape, self.g.Adam)

    def _update(self, x_shape, optimizer, **options):
        w, dw = self._arrays(x_shape, x_shape)
        parameter = self.g.nn.Parameter(w)
        parameter.grad = dw
        optimizer = optimizer([parameter], lr=1e-9, **options)

        def step():
            optimizer.step()
            return parameter.data

        return step


class TorchElementwise:
    """Elementwise operations of PyTorch."""

    def activation(self, of, x_shape):
        (x,) = self._tensors(x_shape)
        function = getattr(self.f, of)
        return lambda: function(x)

    def activation_grad(self, of, x_shape):
        dy, x = self._tensors(x_shape, x_shape)
        kept = getattr(self.t, of)(x) if of in GRADIENTS_OF_RESULT else x
        if of == "relu":
            return lambda: self.t.ops.aten.threshold_backward(dy, kept, 0)
        backward = getattr(self.t.ops.aten, f"{of}_backward")
        return lambda: backward(dy, kept)

    def dropout(self, x_shape):
        x = self._laid_out(self.t.ones(x_shape, device=self.device))
        return summarized(lambda: self.f.dropout(x, 0.5))

    def dropout_grad(self, x_shape):
        """Gradient by the mask that the forward pass has kept, scaled."""
        dy = self._laid_out(self.t.ones(x_shape, device=self.device))
        mask = self.f.dropout(dy, 0.5)
        return summarized(lambda: dy * mask)

    def add(self, x_shape):
        a, b = self._tensors(x_shape, x_shape)
        return lambda: a + b

    def concatenate(self, x_shape):
        a, b = self._tensors(x_shape, x_shape)
        return lambda: self.t.cat([a, b], 1)

    def sgd(self, x_shape):
        return self._update(x_shape, self.t.optim.SGD, momentum=0.9, fused=True)

    def adam(self, x_shape):
        return self._unrecorded(self._update(x_shape, self.t.optim.Adam, fused=True))

    def _update(self, x_shape, optimizer, **options):
        w, dw = self._tensors(x_shape, x_shape)
        w.grad = dw
        optimizer = optimizer([w], lr=1e-9, **options)

        def step():
            optimizer.step()
            return w

        return step


def summarized(run):
    """Compare the extremes and the mean of what a function draws at random, for which libraries differ."""
    run.summary = lambda y: np.array([y.min(), y.mean(), y.max()])
    return run
