"""Pooling in both libraries."""


class GpuconvPool:
    """Pooling of gpuconv; each method returns a function to time."""

    def max_pool(self, x_shape, kernel_size, stride):
        (x,) = self._arrays(x_shape)
        return lambda: self.g.max_pool2d(x, kernel_size, stride=stride)[0]

    def max_pool_grad(self, x_shape, kernel_size, stride):
        (x,) = self._arrays(x_shape)
        y, mask = self.g.max_pool2d(x, kernel_size, stride=stride)
        return lambda: self.g.max_pool2d_input_grad(y, mask, x.shape, kernel_size, stride=stride)

    def avg_pool(self, x_shape, kernel_size, stride):
        (x,) = self._arrays(x_shape)
        return lambda: self.g.avg_pool2d(x, kernel_size, stride=stride)

    def avg_pool_grad(self, x_shape, kernel_size, stride):
        (x,) = self._arrays(x_shape)
        y = self.g.avg_pool2d(x, kernel_size, stride=stride)
        return lambda: self.g.avg_pool2d_input_grad(y, x.shape, kernel_size, stride=stride)


class TorchPool:
    """Pooling of PyTorch."""

    def max_pool(self, x_shape, kernel_size, stride):
        (x,) = self._tensors(x_shape)
        return lambda: self.f.max_pool2d(x, kernel_size, stride, return_indices=True)[0]

    def max_pool_grad(self, x_shape, kernel_size, stride):
        (x,) = self._tensors(x_shape)
        y, indices = self.f.max_pool2d(x, kernel_size, stride, return_indices=True)
        backward = self.t.ops.aten.max_pool2d_with_indices_backward
        return lambda: backward(y, x, [kernel_size] * 2, [stride] * 2, [0, 0], [1, 1], False, indices)

    def avg_pool(self, x_shape, kernel_size, stride):
        (x,) = self._tensors(x_shape)
        return lambda: self.f.avg_pool2d(x, kernel_size, stride)

    def avg_pool_grad(self, x_shape, kernel_size, stride):
        (x,) = self._tensors(x_shape)
        y = self.f.avg_pool2d(x, kernel_size, stride)
        backward = self.t.ops.aten.avg_pool2d_backward
        return lambda: backward(y, x, [kernel_size] * 2, [stride] * 2, [0, 0], False, True, None)
