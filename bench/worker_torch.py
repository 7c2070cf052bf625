"""Benchmark operations in PyTorch, in eager mode without autograd, on the CPU or with cuDNN."""

import numpy as np

try:
    from .worker_data import LEARNING_RATE, EventClock, HostClock, arrays, batch
except ImportError:  # run by path, where gpuconv is not installed
    from worker_data import LEARNING_RATE, EventClock, HostClock, arrays, batch


class TorchOperations:
    """Benchmark operations in PyTorch; each method returns a function to time."""

    def __init__(self, threads, device="cpu"):
        import torch

        torch.set_num_threads(threads)
        torch.set_grad_enabled(False)
        self.t, self.f = torch, torch.nn.functional
        self.version, self.device = torch.__version__, device
        self.clock, self.unrecorded = HostClock(), set()
        if device == "cuda":
            torch.backends.cudnn.benchmark = True  # let cuDNN search its algorithms, as users do
            torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = False  # float32 against float32
            event = lambda: torch.cuda.Event(enable_timing=True)  # noqa: E731
            self.clock = EventClock(event, lambda a, b: a.elapsed_time(b), self._graph)

    def _graph(self, run, calls):
        """Capture calls in a CUDA graph; None for operations that read values back or keep state on the host."""
        if run in self.unrecorded:
            return None
        graph = self.t.cuda.CUDAGraph()
        with self.t.cuda.graph(graph):
            for _ in range(calls):
                run()
        return graph.replay

    def result(self, y):
        """Copy a result to the host."""
        return y.float().cpu().numpy() if hasattr(y, "cpu") else np.asarray(y)

    def _tensors(self, *shapes, dtype="float32"):
        return [self.t.from_numpy(a).to(self.device, getattr(self.t, dtype)) for a in arrays(shapes)]

    def conv_forward(self, x_shape, w_shape, y_shape, dtype, algorithm, **options):
        self._choose(algorithm)
        x, w, b = self._tensors(x_shape, w_shape, w_shape[:1], dtype=dtype)
        return lambda: self.f.conv2d(x, w, b, **options)

    def _choose(self, algorithm):
        """Allow TF32 if requested; cuDNN offers no other choice."""
        self.t.backends.cudnn.allow_tf32 = algorithm == "tf32"

    def _conv_backward(self, dy, x, w, mask, stride, padding, groups):
        return self.t.ops.aten.convolution_backward(
            dy, x, w, None, [stride] * 2, [padding] * 2, [1, 1], False, [0, 0], groups, mask
        )

    def conv_input_grad(self, x_shape, w_shape, y_shape, dtype, algorithm, **options):
        self._choose(algorithm)
        dy, w = self._tensors(y_shape, w_shape, dtype=dtype)
        x = self.t.empty(x_shape, device=self.device, dtype=dy.dtype)
        return lambda: self._conv_backward(dy, x, w, [True, False, False], **options)[0]

    def conv_weight_grad(self, x_shape, w_shape, y_shape, dtype, algorithm, **options):
        self._choose(algorithm)
        x, dy = self._tensors(x_shape, y_shape, dtype=dtype)
        w = self.t.empty(w_shape, device=self.device, dtype=dy.dtype)
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
        return self._update(x_shape, self.t.optim.SGD, momentum=0.9)

    def adam(self, x_shape):
        run = self._update(x_shape, self.t.optim.Adam)
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
        images, labels = (self.t.from_numpy(a).to(self.device) for a in batch(x_shape, classes))
        model, loss = {"LeNet-5": self._lenet, "ResNet-8": self._resnet}[name](classes), self.t.nn.CrossEntropyLoss()
        model.to(self.device).load_state_dict({name: self.t.from_numpy(a) for name, a in np.load(weights).items()})
        optimizer = self.t.optim.SGD(model.parameters(), lr=LEARNING_RATE, momentum=0.9)

        @self.t.enable_grad()
        def step():
            value = loss(model(images), labels)
            optimizer.zero_grad()
            value.backward()
            optimizer.step()
            return value.detach()

        def run():
            return [float(value) for value in [step() for _ in range(steps)]]

        self.unrecorded.add(run)
        return run
