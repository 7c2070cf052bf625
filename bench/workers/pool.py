"""Pooling in both libraries: windows, and adaptive pooling to a size."""


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

    def adaptive_max_pool(self, x_shape, size):
        (x,) = self._arrays(x_shape)
        return lambda: self.g.adaptive_max_pool2d(x, size)[0]

    def adaptive_max_pool_grad(self, x_shape, size):
        (x,) = self._arrays(x_shape)
        y, indices = self.g.adaptive_max_pool2d(x, size)
        return lambda: self.g.adaptive_max_pool2d_input_grad(y, indices, x.shape)

    def adaptive_avg_pool(self, x_shape, size):
        (x,) = self._arrays(x_shape)
        return lambda: self.g.adaptive_avg_pool2d(x, size)

    def adaptive_avg_pool_grad(self, x_shape, size):
        (x,) = self._arrays(x_shape)
        y = self.g.adaptive_avg_pool2d(x, size)
        return lambda: self.g.adaptive_avg_pool2d_input_grad(y, x.shape)


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

    def adaptive_max_pool(self, x_shape, size):
        (x,) = self._tensors(x_shape)
        return lambda: self.f.adaptive_max_pool2d(x, size, return_indices=True)[0]

    def adaptive_max_pool_grad(self, x_shape, size):
        (x,) = self._tensors(x_shape)
        y, indices = self.f.adaptive_max_pool2d(x, size, return_indices=True)
        return lambda: self.t.ops.aten.adaptive_max_pool2d_backward(y, x, indices)

    def adaptive_avg_pool(self, x_shape, size):
        (x,) = self._tensors(x_shape)
        return lambda: self.f.adaptive_avg_pool2d(x, size)

    def adaptive_avg_pool_grad(self, x_shape, size):
        (x,) = self._tensors(x_shape)
        y = self.f.adaptive_avg_pool2d(x, size)
        return lambda: self.t.ops.aten._adaptive_avg_pool2d_backward(y, x)
