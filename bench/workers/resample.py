"""Upsampling and padding in both libraries."""

SIDES = (1, 1, 1, 1)
"""Padding of left, right, top and bottom."""


class GpuconvResample:
    """Resampling of gpuconv; each method returns a function to time."""

    def upsample(self, x_shape, mode):
        (x,) = self._arrays(x_shape)
        return lambda: self.g.upsample(x, scale_factor=2, mode=mode)

    def upsample_grad(self, x_shape, mode):
        (dy,) = self._arrays(doubled(x_shape))
        return lambda: self.g.upsample_input_grad(dy, tuple(x_shape), scale_factor=2, mode=mode)

    def pad(self, x_shape, mode):
        (x,) = self._arrays(x_shape)
        return lambda: self.g.pad(x, SIDES, mode)

    def pad_grad(self, x_shape, mode):
        (dy,) = self._arrays(padded(x_shape))
        return lambda: self.g.pad_input_grad(dy, tuple(x_shape), SIDES, mode)


class TorchResample:
    """Resampling of PyTorch."""

    def upsample(self, x_shape, mode):
        (x,) = self._tensors(x_shape)
        return lambda: self.f.interpolate(x, scale_factor=2, mode=mode)

    def upsample_grad(self, x_shape, mode):
        (dy,) = self._tensors(doubled(x_shape))
        backward = getattr(self.t.ops.aten, f"upsample_{mode}2d_backward")
        corners = [False] if mode == "bilinear" else []
        return lambda: backward(dy, dy.shape[2:], x_shape, *corners, 2.0, 2.0)

    def pad(self, x_shape, mode):
        (x,) = self._tensors(x_shape)
        return lambda: self.f.pad(x, SIDES, mode)

    def pad_grad(self, x_shape, mode):
        """Gradient as autograd computes it; only the circular one has no function of its own."""
        (dy,) = self._tensors(padded(x_shape))
        x = self._empty(x_shape, dy.dtype)
        aten = self.t.ops.aten
        if mode == "constant":
            return lambda: self.f.pad(dy, [-side for side in SIDES])
        if mode != "circular":
            backward = {"reflect": aten.reflection_pad2d_backward, "replicate": aten.replication_pad2d_backward}[mode]
            return lambda: backward(dy, x, SIDES)
        with self.t.enable_grad():
            y = self.f.pad(x.requires_grad_(), SIDES, mode)
        return self._unrecorded(lambda: self.t.autograd.grad(y, x, dy, retain_graph=True)[0])


def doubled(x_shape):
    """Shape of an image of twice the height and width."""
    return (*x_shape[:2], 2 * x_shape[2], 2 * x_shape[3])


def padded(x_shape):
    """Shape of an image with SIDES around it."""
    return (*x_shape[:2], x_shape[2] + 2, x_shape[3] + 2)
