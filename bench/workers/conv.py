"""Convolution: its three passes in both libraries."""


class GpuconvConv:
    """Convolutions of gpuconv; each method returns a function to time."""

    def conv_forward(self, x_shape, w_shape, y_shape, dtype, **options):
        x, w, b = self._arrays(x_shape, w_shape, w_shape[:1], dtype=dtype)
        return lambda: self.g.conv2d(x, w, b, **options)

    def conv_input_grad(self, x_shape, w_shape, y_shape, dtype, **options):
        dy, w = self._arrays(y_shape, w_shape, dtype=dtype)
        return lambda: self.g.conv2d_input_grad(dy, w, tuple(x_shape), **options)

    def conv_weight_grad(self, x_shape, w_shape, y_shape, dtype, **options):
        x, dy = self._arrays(x_shape, y_shape, dtype=dtype)
        return lambda: self.g.conv2d_weight_grad(x, dy, tuple(w_shape), **options)


class TorchConv:
    """Convolutions of PyTorch; padding that differs between two sides is a copy of its own, as in a model."""

    def conv_forward(self, x_shape, w_shape, y_shape, dtype, algorithm, padding, **options):
        self._choose(algorithm)
        x, w, b = self._tensors(x_shape, w_shape, w_shape[:1], dtype=dtype)
        around, inside = _sides(padding)
        if around is None:
            return lambda: self.f.conv2d(x, w, b, padding=inside, **options)
        return lambda: self.f.conv2d(self.f.pad(x, around), w, b, **options)

    def conv_input_grad(self, x_shape, w_shape, y_shape, dtype, algorithm, padding, **options):
        self._choose(algorithm)
        dy, w = self._tensors(y_shape, w_shape, dtype=dtype)
        around, inside = _sides(padding)
        x = self._empty(x_shape, dy.dtype)
        if around is None:
            return lambda: self._conv_backward(dy, x, w, [True, False, False], inside, **options)[0]
        x, less = self.f.pad(x, around), [-side for side in around]
        return lambda: self.f.pad(self._conv_backward(dy, x, w, [True, False, False], inside, **options)[0], less)

    def conv_weight_grad(self, x_shape, w_shape, y_shape, dtype, algorithm, padding, **options):
        """Gradient of the weights, of an input that the forward pass has padded."""
        self._choose(algorithm)
        x, dy = self._tensors(x_shape, y_shape, dtype=dtype)
        w = self._empty(w_shape, dy.dtype)
        around, inside = _sides(padding)
        x = x if around is None else self.f.pad(x, around)
        return lambda: self._conv_backward(dy, x, w, [False, True, False], inside, **options)[1]

    def _choose(self, algorithm):
        """Allow TF32 if requested; cuDNN offers no other choice."""
        self.t.backends.cudnn.allow_tf32 = algorithm == "tf32"

    def _conv_backward(self, dy, x, w, mask, padding, stride, dilation, groups):
        backward = self.t.ops.aten.convolution_backward
        return backward(dy, x, w, None, _pair(stride), padding, _pair(dilation), False, [0, 0], groups, mask)


def _pair(value):
    return [value] * 2 if isinstance(value, int) else value


def _sides(padding):
    """(left, right, top, bottom) for `pad` or None, and the padding that is left for the convolution."""
    (top, bottom), (left, right) = [[side] * 2 if isinstance(side, int) else side for side in _pair(padding)]
    if (top, left) == (bottom, right):
        return None, [top, left]
    return [left, right, top, bottom], [0, 0]
