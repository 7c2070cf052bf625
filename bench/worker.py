"""One library in a process of its own: it makes arrays, runs one operation, and says how long each run took.

Two OpenMP pools in one process starve each other and falsify every figure, so the library measured and its peer never
share one. This file is run by its path, in whatever environment the peer lives in: it imports numpy and the library
named on its command line, nothing else. It reads one JSON request a line and answers each with one line.
"""

import json
import os
import sys
import time

import numpy as np

RATE = 0.01
"""Of training. At 0.05 PyTorch's 20 losses of a ResNet-8 in float32 are 8e-4 from its own in float64: rounding grows
from step to step, and the comparison would be one of chances. In float64 the two libraries agree to 4e-16 at either."""


def arrays(shapes, seed=0):
    """The same standard normal float32 arrays in every process."""
    rng = np.random.default_rng(seed)
    return [rng.standard_normal(shape, dtype=np.float32) for shape in shapes]


def batch(x_shape, classes):
    """Images of noise and labels to be learned by heart."""
    rng = np.random.default_rng(0)
    return rng.standard_normal(x_shape, dtype=np.float32), rng.integers(0, classes, x_shape[0])


def network(name, classes, seed=None):
    """The network of that name as gpuconv has it; its state has the keys of the peer's."""
    from gpuconv.training.networks import lenet, resnet8

    make, image_shape = {"LeNet-5": (lenet, (1, 28, 28)), "ResNet-8": (resnet8, (3, 32, 32))}[name]
    return make(image_shape, classes, seed=seed)


class GpuconvOperations:
    """The operations as gpuconv runs them."""

    def __init__(self, threads):
        import numba

        import gpuconv

        numba.set_num_threads(threads)
        self.g = gpuconv
        self.version = gpuconv.__version__

    def conv_forward(self, x_shape, w_shape, y_shape, **options):
        x, w, b = arrays((x_shape, w_shape, w_shape[:1]))
        return lambda: self.g.conv2d(x, w, b, **options)

    def conv_input_grad(self, x_shape, w_shape, y_shape, **options):
        dy, w = arrays((y_shape, w_shape))
        return lambda: self.g.conv2d_input_grad(dy, w, tuple(x_shape), **options)

    def conv_weight_grad(self, x_shape, w_shape, y_shape, **options):
        x, dy = arrays((x_shape, y_shape))
        return lambda: self.g.conv2d_weight_grad(x, dy, tuple(w_shape), **options)

    def max_pool(self, x_shape, kernel_size, stride):
        (x,) = arrays((x_shape,))
        return lambda: self.g.max_pool2d(x, kernel_size, stride=stride)[0]

    def max_pool_grad(self, x_shape, kernel_size, stride):
        (x,) = arrays((x_shape,))
        y, mask = self.g.max_pool2d(x, kernel_size, stride=stride)
        return lambda: self.g.max_pool2d_input_grad(y, mask, x.shape, kernel_size, stride=stride)

    def avg_pool(self, x_shape, kernel_size, stride):
        (x,) = arrays((x_shape,))
        return lambda: self.g.avg_pool2d(x, kernel_size, stride=stride)

    def avg_pool_grad(self, x_shape, kernel_size, stride):
        (x,) = arrays((x_shape,))
        y = self.g.avg_pool2d(x, kernel_size, stride=stride)
        return lambda: self.g.avg_pool2d_input_grad(y, x.shape, kernel_size, stride=stride)

    def relu(self, x_shape):
        (x,) = arrays((x_shape,))
        return lambda: self.g.relu(x)

    def relu_grad(self, x_shape):
        dy, x = arrays((x_shape, x_shape))
        return lambda: self.g.relu_grad(dy, x)

    def leaky_relu(self, x_shape):
        (x,) = arrays((x_shape,))
        return lambda: self.g.leaky_relu(x)

    def cross_entropy(self, x_shape):
        (x,) = arrays((x_shape,))
        target = np.arange(x_shape[0]) % x_shape[1]
        return lambda: self.g.cross_entropy(x, target)

    def cross_entropy_grad(self, x_shape):
        (x,) = arrays((x_shape,))
        target = np.arange(x_shape[0]) % x_shape[1]
        return lambda: self.g.cross_entropy_grad(x, target)

    def sgd(self, x_shape):
        return self._update(x_shape, self.g.SGD, momentum=0.9)

    def adam(self, x_shape):
        return self._update(x_shape, self.g.Adam)

    def _update(self, x_shape, optimizer, **options):
        w, dw = arrays((x_shape, x_shape))
        parameter = self.g.nn.Parameter(w)
        parameter.grad = dw
        optimizer = optimizer([parameter], lr=1e-9, **options)

        def step():
            optimizer.step()
            return parameter.data

        return step

    def train(self, name, weights, x_shape, classes, steps):
        images, labels = batch(x_shape, classes)
        model, loss = network(name, classes), self.g.nn.CrossEntropyLoss()
        model.load_state_dict(np.load(weights))
        optimizer = self.g.SGD(model.parameters(), lr=RATE, momentum=0.9)

        def step():
            value = loss(model(images), labels)
            optimizer.zero_grad()
            model.backward(loss.backward(), input_grad=False)
            optimizer.step()
            return value

        return lambda: [float(step()) for _ in range(steps)]


class TorchOperations:
    """The same as PyTorch runs them, in eager mode without gradients recorded."""

    def __init__(self, threads):
        import torch

        torch.set_num_threads(threads)
        torch.set_grad_enabled(False)
        self.t, self.f = torch, torch.nn.functional
        self.version = torch.__version__

    def _tensors(self, *shapes):
        return [self.t.from_numpy(a) for a in arrays(shapes)]

    def conv_forward(self, x_shape, w_shape, y_shape, **options):
        x, w, b = self._tensors(x_shape, w_shape, w_shape[:1])
        return lambda: self.f.conv2d(x, w, b, **options)

    def _conv_backward(self, dy, x, w, mask, stride, padding, groups):
        return self.t.ops.aten.convolution_backward(
            dy, x, w, None, [stride] * 2, [padding] * 2, [1, 1], False, [0, 0], groups, mask
        )

    def conv_input_grad(self, x_shape, w_shape, y_shape, **options):
        dy, w = self._tensors(y_shape, w_shape)
        x = self.t.empty(x_shape)
        return lambda: self._conv_backward(dy, x, w, [True, False, False], **options)[0]

    def conv_weight_grad(self, x_shape, w_shape, y_shape, **options):
        x, dy = self._tensors(x_shape, y_shape)
        w = self.t.empty(w_shape)
        return lambda: self._conv_backward(dy, x, w, [False, True, False], **options)[1]

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
        target = self.t.arange(x_shape[0]) % x_shape[1]
        return lambda: self.f.cross_entropy(x, target)

    def cross_entropy_grad(self, x_shape):
        """From the logits, as a training step has it: log-softmax, then both backward passes."""
        (x,) = self._tensors(x_shape)
        target = self.t.arange(x_shape[0]) % x_shape[1]

        def run():
            with self.t.enable_grad():
                leaf = x.requires_grad_()
                return self.t.autograd.grad(self.f.cross_entropy(leaf, target), leaf)[0]

        return run

    def sgd(self, x_shape):
        return self._update(x_shape, self.t.optim.SGD, momentum=0.9)

    def adam(self, x_shape):
        return self._update(x_shape, self.t.optim.Adam)

    def _update(self, x_shape, optimizer, **options):
        w, dw = self._tensors(x_shape, x_shape)
        w.grad = dw
        optimizer = optimizer([w], lr=1e-9, **options)

        def step():
            optimizer.step()
            return w

        return step

    def _lenet(self, classes):
        n = self.t.nn
        convolutions = [n.Conv2d(1, 6, 5, padding=2), n.ReLU(), n.MaxPool2d(2), n.Conv2d(6, 16, 5), n.ReLU()]
        linears = [n.Linear(400, 120), n.ReLU(), n.Linear(120, 84), n.ReLU(), n.Linear(84, classes)]
        return n.Sequential(*convolutions, n.MaxPool2d(2), n.Flatten(), *linears)

    def _resnet(self, classes):
        n = self.t.nn

        class Residual(n.Module):
            def __init__(self, body, shortcut):
                super().__init__()
                self.body, self.shortcut = body, shortcut

            def forward(self, x):
                return self.body(x) + (x if self.shortcut is None else self.shortcut(x))

        def norm(c, k, size, stride):
            return n.Conv2d(c, k, size, stride, size // 2, bias=False), n.BatchNorm2d(k)

        layers, c = [*norm(3, 16, 3, 1), n.ReLU()], 16
        for k, stride in ((16, 1), (32, 2), (64, 2)):
            body = n.Sequential(*norm(c, k, 3, stride), n.ReLU(), *norm(k, k, 3, 1))
            layers += [Residual(body, None if c == k else n.Sequential(*norm(c, k, 1, stride))), n.ReLU()]
            c = k
        return n.Sequential(*layers, n.AvgPool2d(8), n.Flatten(), n.Linear(c, classes))

    def train(self, name, weights, x_shape, classes, steps):
        images, labels = map(self.t.from_numpy, batch(x_shape, classes))
        model, loss = {"LeNet-5": self._lenet, "ResNet-8": self._resnet}[name](classes), self.t.nn.CrossEntropyLoss()
        model.load_state_dict({name: self.t.from_numpy(a) for name, a in np.load(weights).items()})
        optimizer = self.t.optim.SGD(model.parameters(), lr=RATE, momentum=0.9)

        @self.t.enable_grad()
        def step():
            value = loss(model(images), labels)
            optimizer.zero_grad()
            value.backward()
            optimizer.step()
            return value.detach()

        return lambda: [float(step()) for _ in range(steps)]


LIBRARIES = {"gpuconv": GpuconvOperations, "torch": TorchOperations}


def serve(library, threads):
    """Answer requests until the input ends."""
    operations = LIBRARIES[library](threads)
    run = None
    print(json.dumps({"library": library, "version": operations.version}), flush=True)
    for line in sys.stdin:
        request = json.loads(line)
        if "operation" in request:
            run = getattr(operations, request["operation"])(**request["arguments"])
            np.save(request["result"], np.asarray(run()))
            run()
            answer = {"done": True}
        else:
            run()  # wakes the threads, and brings back to the caches what the peer displaced
            seconds = []
            for _ in range(request["repeats"]):
                start = time.perf_counter()
                for _ in range(request["calls"]):
                    run()
                seconds.append((time.perf_counter() - start) / request["calls"])
            answer = {"seconds": seconds}
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    os.environ.setdefault("OMP_NUM_THREADS", sys.argv[2])
    os.environ.setdefault("NUMBA_NUM_THREADS", sys.argv[2])
    serve(sys.argv[1], int(sys.argv[2]))
