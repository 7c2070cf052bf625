"""Training steps in both libraries: forward, loss, backward, update."""

import numpy as np

from .networks import gpuconv_network, torch_network
from .shared import numpy_type


def batch(x_shape, y_shape, classes):
    """A batch of random images and their labels."""
    rng = np.random.default_rng(0)
    return rng.standard_normal(x_shape, dtype=np.float32), rng.integers(0, classes, y_shape)


class GpuconvTrain:
    """Training with gpuconv; with a 16-bit dtype parameters, images and activations have it."""

    def train(self, name, weights, x_shape, y_shape, classes, steps, lr, dtype):
        images, labels = batch(x_shape, y_shape, classes)
        images, labels = self.g.to_device(images.astype(numpy_type(dtype))), self.g.to_device(labels)
        model, loss = gpuconv_network(name, classes, dtype=dtype), self.g.nn.CrossEntropyLoss()
        model.load_state_dict(np.load(weights))
        optimizer = self.g.SGD(model.parameters(), lr=lr, momentum=0.9)

        def step():
            value = loss(model(images), labels)
            optimizer.zero_grad()
            model.backward(loss.backward(), input_grad=False)
            optimizer.step()
            return value

        def run():
            return [float(self.g.to_host(value)) for value in [step() for _ in range(steps)]]

        return self._unrecorded(run)


class TorchTrain:
    """Training with PyTorch; with a 16-bit dtype under autocast, as its users do."""

    def train(self, name, weights, x_shape, y_shape, classes, steps, lr, dtype):
        images, labels = (
            self._laid_out(self.t.from_numpy(a).to(self.device)) for a in batch(x_shape, y_shape, classes)
        )
        model, loss = torch_network(name, classes), self.t.nn.CrossEntropyLoss()
        model.load_state_dict({name: self.t.from_numpy(a) for name, a in np.load(weights).items()})
        model.to(self.device, memory_format=self.format)
        optimizer = self.t.optim.SGD(model.parameters(), lr=lr, momentum=0.9, fused=True)

        @self.t.enable_grad()
        def step():
            with self.t.autocast(self.device, getattr(self.t, dtype), enabled=dtype != "float32"):
                value = loss(model(images), labels)
            optimizer.zero_grad()
            value.backward()
            optimizer.step()
            return value.detach()

        def run():
            return [float(value) for value in [step() for _ in range(steps)]]

        return self._unrecorded(run)
