"""Activations, cross-entropy and optimizer steps in both libraries."""

import numpy as np


class GpuconvElementwise:
    """Elementwise operations of gpuconv; each method returns a function to time."""

    def relu(self, x_shape):
        (x,) = self._arrays(x_shape)
        return lambda: self.g.relu(x)

    def relu_grad(self, x_shape):
        dy, x = self._arrays(x_shape, x_shape)
        return lambda: self.g.relu_grad(dy, x)

    def leaky_relu(self, x_shape):
        (x,) = self._arrays(x_shape)
        return lambda: self.g.leaky_relu(x)

    def cross_entropy(self, x_shape):
        (x,) = self._arrays(x_shape)
        target = self.g.to_device(np.arange(x_shape[0]) % x_shape[1])
        return lambda: self.g.cross_entropy(x, target)

    def cross_entropy_grad(self, x_shape):
        (x,) = self._arrays(x_shape)
        target = self.g.to_device(np.arange(x_shape[0]) % x_shape[1])
        return lambda: self.g.cross_entropy_grad(x, target)

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

    def relu(self, x_shape):
        (x,) = self._tensors(x_shape)
        return lambda: self.f.relu(x)

    def relu_grad(self, x_shape):
        dy, x = self._tensors(x_shape, x_shape)
        return lambda: self.t.ops.aten.threshold_backward(dy, x, 0)

    def leaky_relu(self, x_shape):
        (x,) = self._tensors(x_shape)
        return lambda: self.f.leaky_relu(x)

    def cross_entropy(self, x_shape):
        (x,) = self._tensors(x_shape)
        target = self.t.arange(x_shape[0], device=self.device) % x_shape[1]
        return lambda: self.f.cross_entropy(x, target)

    def cross_entropy_grad(self, x_shape):
        """Gradient with respect to the logits, as in a training step."""
        (x,) = self._tensors(x_shape)
        target = self.t.arange(x_shape[0], device=self.device) % x_shape[1]

        def run():
            with self.t.enable_grad():
                leaf = x.requires_grad_()
                return self.t.autograd.grad(self.f.cross_entropy(leaf, target), leaf)[0]

        return run

    def sgd(self, x_shape):
        return self._update(x_shape, self.t.optim.SGD, momentum=0.9, fused=True)

    def adam(self, x_shape):
        run = self._update(x_shape, self.t.optim.Adam, fused=True)
        self.unrecorded.add(run)
        return run

    def _update(self, x_shape, optimizer, **options):
        w, dw = self._tensors(x_shape, x_shape)
        w.grad = dw
        optimizer = optimizer([w], lr=1e-9, **options)

        def step():
            optimizer.step()
            return w

        return step
