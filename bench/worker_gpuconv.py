"""Benchmark operations in gpuconv, on the CPU or on a GPU."""

import numpy as np

try:
    from .worker_data import LEARNING_RATE, EventClock, HostClock, arrays, batch, network
except ImportError:  # run by path
    from worker_data import LEARNING_RATE, EventClock, HostClock, arrays, batch, network


class GpuconvOperations:
    """Benchmark operations in gpuconv; each method returns a function to time."""

    def __init__(self, threads, device="cpu"):
        import numba

        import gpuconv

        numba.set_num_threads(threads)
        gpuconv.use_device(device)
        self.g = gpuconv
        self.version = gpuconv.__version__
        self.clock, self.unrecorded = HostClock(), set()
        if device == "cuda":
            import cupy

            self.clock = EventClock(cupy.cuda.Event, cupy.cuda.get_elapsed_time, self._graph)

    def _graph(self, run, calls):
        """Capture calls in a CUDA graph; None for training, which reads its losses back."""
        if run in self.unrecorded:
            return None

        def step():
            for _ in range(calls):
                result = run()
            return result

        replay = self.g.cuda_graph(step)
        replay()  # runs the step; the next call records it
        return replay

    def result(self, y):
        """Copy a result to the host, as a dtype that .npy files support."""
        y = self.g.to_host(y) if hasattr(y, "dtype") else np.asarray(y)
        return y.astype(np.float32) if y.dtype.itemsize == 2 else y

    def _arrays(self, *shapes, dtype="float32"):
        return [self.g.to_device(a) for a in arrays(shapes, dtype)]

    def conv_forward(self, x_shape, w_shape, y_shape, dtype, **options):
        x, w, b = self._arrays(x_shape, w_shape, w_shape[:1], dtype=dtype)
        return lambda: self.g.conv2d(x, w, b, **options)

    def conv_input_grad(self, x_shape, w_shape, y_shape, dtype, **options):
        dy, w = self._arrays(y_shape, w_shape, dtype=dtype)
        return lambda: self.g.conv2d_input_grad(dy, w, tuple(x_shape), **options)

    def conv_weight_grad(self, x_shape, w_shape, y_shape, dtype, **options):
        x, dy = self._arrays(x_shape, y_shape, dtype=dtype)
        return lambda: self.g.conv2d_weight_grad(x, dy, tuple(w_shape), **options)

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

    def train(self, name, weights, x_shape, classes, steps):
        images, labels = map(self.g.to_device, batch(x_shape, classes))
        model, loss = network(name, classes), self.g.nn.CrossEntropyLoss()
        model.load_state_dict(np.load(weights))
        optimizer = self.g.SGD(model.parameters(), lr=LEARNING_RATE, momentum=0.9)

        def step():
            value = loss(model(images), labels)
            optimizer.zero_grad()
            model.backward(loss.backward(), input_grad=False)
            optimizer.step()
            return value

        def run():
            return [float(self.g.to_host(value)) for value in [step() for _ in range(steps)]]

        self.unrecorded.add(run)
        return run
