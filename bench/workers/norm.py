"""Batch, group and layer normalization in both libraries."""

import math


class GpuconvNorm:
    """Normalization of gpuconv; each method returns a function to time. Layer normalization is one group of (N, C)."""

    def batch_norm(self, x_shape, training):
        x, weight, bias, mean = self._arrays(x_shape, *[x_shape[1:2]] * 3)
        variance, function = weight**2 + 1, self._batch_norm(x_shape)
        return lambda: function(x, mean, variance, weight, bias, training)

    def batch_norm_grad(self, x_shape):
        dy, x, weight = self._arrays(x_shape, x_shape, x_shape[1:2])
        mean, variance = self.g.batch_norm_statistics(x)
        function = self._batch_norm(x_shape, "_grad")
        return lambda: function(dy, x, mean, variance, weight, training=True)[0]

    def _batch_norm(self, x_shape, suffix=""):
        return getattr(self.g, f"batch_norm{1 if len(x_shape) == 2 else 2}d{suffix}")

    def group_norm(self, x_shape, groups):
        x, weight, bias = self._arrays(x_shape, *[x_shape[1:2]] * 2)
        return lambda: self.g.group_norm(x, groups, weight, bias)

    def group_norm_grad(self, x_shape, groups):
        dy, x, weight = self._arrays(x_shape, x_shape, x_shape[1:2])
        mean, variance = self.g.group_norm_statistics(x, groups)
        return lambda: self.g.group_norm_grad(dy, x, groups, mean, variance, weight)[0]

    def layer_norm(self, x_shape):
        return self.group_norm(x_shape, 1)

    def layer_norm_grad(self, x_shape):
        return self.group_norm_grad(x_shape, 1)


class TorchNorm:
    """Normalization of PyTorch; gradients of the input, the weight and the bias, as gpuconv's."""

    EPS, ALL = 1e-5, (True, True, True)

    def batch_norm(self, x_shape, training):
        x, weight, bias, mean = self._tensors(x_shape, *[x_shape[1:2]] * 3)
        variance = weight**2 + 1
        return lambda: self.f.batch_norm(x, mean, variance, weight, bias, training)

    def batch_norm_grad(self, x_shape):
        dy, x, weight = self._tensors(x_shape, x_shape, x_shape[1:2])
        aten = self.t.ops.aten
        _, mean, scale = aten.native_batch_norm(x, weight, weight, None, None, True, 0.1, self.EPS)
        backward = aten.native_batch_norm_backward
        return lambda: backward(dy, x, weight, None, None, mean, scale, True, self.EPS, self.ALL)[0]

    def group_norm(self, x_shape, groups):
        x, weight, bias = self._tensors(x_shape, *[x_shape[1:2]] * 2)
        return lambda: self.f.group_norm(x, groups, weight, bias)

    def group_norm_grad(self, x_shape, groups):
        dy, x, weight = self._tensors(x_shape, x_shape, x_shape[1:2])
        aten, sizes = self.t.ops.aten, (*x_shape[:2], math.prod(x_shape[2:]), groups)
        _, mean, scale = aten.native_group_norm(x, weight, weight, *sizes, self.EPS)
        return lambda: aten.native_group_norm_backward(dy, x, mean, scale, weight, *sizes, self.ALL)[0]

    def layer_norm(self, x_shape):
        x, weight, bias = self._tensors(x_shape, *[x_shape[1:2]] * 2)
        return lambda: self.f.layer_norm(x, x_shape[1:], weight, bias)

    def layer_norm_grad(self, x_shape):
        dy, x, weight = self._tensors(x_shape, x_shape, x_shape[1:2])
        aten, size = self.t.ops.aten, x_shape[1:]
        _, mean, scale = aten.native_layer_norm(x, size, weight, weight, self.EPS)
        return lambda: aten.native_layer_norm_backward(dy, x, size, mean, scale, weight, weight, self.ALL)[0]
