"""Fully connected layers in both libraries: three passes."""


class GpuconvLinear:
    """Linear layers of gpuconv; each method returns a function to time."""

    def linear(self, x_shape, units):
        x, w, b = self._arrays(x_shape, (units, x_shape[1]), (units,))
        return lambda: self.g.linear(x, w, b)

    def linear_input_grad(self, x_shape, units):
        dy, w = self._arrays((x_shape[0], units), (units, x_shape[1]))
        return lambda: self.g.linear_input_grad(dy, w)

    def linear_weight_grad(self, x_shape, units):
        x, dy = self._arrays(x_shape, (x_shape[0], units))
        return lambda: self.g.linear_weight_grad(x, dy)


class TorchLinear:
    """Linear layers of PyTorch; its gradients are matrix products."""

    def linear(self, x_shape, units):
        x, w, b = self._tensors(x_shape, (units, x_shape[1]), (units,))
        return lambda: self.f.linear(x, w, b)

    def linear_input_grad(self, x_shape, units):
        dy, w = self._tensors((x_shape[0], units), (units, x_shape[1]))
        return lambda: dy @ w

    def linear_weight_grad(self, x_shape, units):
        x, dy = self._tensors(x_shape, (x_shape[0], units))
        return lambda: dy.t() @ x
