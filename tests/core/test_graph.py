"""Steps that are recorded and played: the same numbers as when they are called, whatever changes between them."""

import contextlib
import sys
import types

import numpy as np
import pytest

import gpuconv
from gpuconv import nn
from gpuconv.core.device import missing_for_cuda, missing_for_emulator, to_device, to_host, use_device
from gpuconv.optim import lr_scheduler

NO_EMULATOR, NO_GPU = missing_for_emulator(), f"no GPU: {missing_for_cuda()}"
DEVICES = [
    "cpu",
    pytest.param("emulator", marks=pytest.mark.skipif(bool(NO_EMULATOR), reason=str(NO_EMULATOR))),
    pytest.param("cuda", marks=[pytest.mark.gpu, pytest.mark.skipif(bool(missing_for_cuda()), reason=NO_GPU)]),
]
STEPS = 4


def _batches(labels=3):
    rng = np.random.default_rng(0)
    return [(rng.standard_normal((4, 2, 6, 6), np.float32), rng.integers(0, labels, 4)) for _ in range(STEPS)]


def _trained(optimizer, graphed):
    """Losses and weights of some steps of a network with every kind of host work in it."""
    layers = nn.Conv2d(2, 3, 3, seed=0), nn.BatchNorm2d(3), nn.ReLU(), nn.Dropout(0.3, seed=1), nn.MaxPool2d(2)
    model = nn.Sequential(*layers, nn.Flatten(), nn.Linear(12, 3, seed=2))
    loss, made = nn.CrossEntropyLoss(), optimizer(model.parameters())
    schedule = lr_scheduler.StepLR(made, 1, gamma=0.5)

    def step(x, labels):
        value = loss(model(x), labels)
        made.zero_grad()
        model.backward(loss.backward(), input_grad=False)
        gpuconv.clip_grad_norm(model.parameters(), 0.5)
        made.step()
        return value

    play, losses = gpuconv.cuda_graph(step) if graphed else step, []
    for x, labels in _batches():
        losses.append(float(to_host(play(to_device(x), to_device(labels)))))
        schedule.step()
    state = {name: to_host(a) for name, a in model.state_dict().items() if "num_batches" not in name}
    return losses, state


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize(
    "optimizer",
    [
        lambda parameters: gpuconv.SGD(parameters, lr=0.1, momentum=0.9),
        lambda parameters: gpuconv.Adam(parameters, lr=0.1),
    ],
    ids=["SGD", "Adam"],
)
def test_a_played_step_computes_what_the_step_computes(optimizer, device):
    with use_device(device):
        losses, state = _trained(optimizer, graphed=False)
        played_losses, played_state = _trained(optimizer, graphed=True)
    assert played_losses == losses
    assert len(set(losses)) == STEPS
    for name, a in state.items():
        np.testing.assert_array_equal(played_state[name], a, err_msg=name)


@pytest.fixture
def on_emulator():
    if reason := missing_for_emulator():
        pytest.skip(reason)
    with use_device("emulator"):
        yield


def test_python_runs_twice_and_then_only_kernels_do(on_emulator):
    calls = []

    def step(x):
        calls.append(None)
        return gpuconv.relu(x)

    play = gpuconv.cuda_graph(step)
    results = [play(np.full((2, 3), i - 2, np.float32)).copy() for i in range(5)]
    assert len(calls) == 2
    assert [r.max() for r in results] == [0, 0, 0, 1, 2]


def test_a_label_out_of_range_makes_the_loss_nan_and_touches_nothing_else(on_emulator):
    play = gpuconv.cuda_graph(lambda x, t: (gpuconv.cross_entropy(x, t), gpuconv.cross_entropy_grad(x, t)))
    x, labels = np.ones((3, 4), np.float32), np.array([0, 3, -100])
    for _ in range(2):
        value, dx = play(x, labels)
        assert np.isfinite(value)
        assert np.isfinite(dx).all()
    for wrong in (4, -1, 2**40):
        value, dx = play(x, np.array([0, wrong, 1]))
        assert np.isnan(value)
        assert np.isnan(dx).all()  # all are divided by the weight of all


def test_nll_of_a_label_out_of_range_is_nan(on_emulator):
    x = np.full((3, 4), -1, np.float32)

    def step(labels):
        return gpuconv.nll_loss(x, labels), gpuconv.nll_loss_grad(x, labels, reduction="sum")

    play = gpuconv.cuda_graph(step)
    for labels in ([0, 1, 2], [0, 1, 2], [0, 1, 4]):
        value, dx = play(np.array(labels))
    assert np.isnan(value)
    np.testing.assert_array_equal(np.isnan(dx).any(axis=1), [False, False, True])


def test_what_cannot_be_recorded_is_refused_and_nothing_is_left_behind(on_emulator):
    norm = nn.BatchNorm2d(2, momentum=None)
    play = gpuconv.cuda_graph(norm)
    x = np.ones((2, 2, 3, 3), np.float32)
    play(x)
    with pytest.raises(RuntimeError, match="BatchNorm2d: momentum None reads the number of batches"):
        play(x)
    assert gpuconv.relu(x).max() == 1  # launched, not recorded

    parameter = nn.Parameter(x.copy())
    parameter.grad = x.copy()
    play = gpuconv.cuda_graph(lambda: gpuconv.clip_grad_norm(parameter, 1, error_if_nonfinite=True))
    play()
    with pytest.raises(RuntimeError, match="clip_grad_norm: error_if_nonfinite reads the norm"):
        play()


def test_wrong_arguments_are_refused(on_emulator):
    with pytest.raises(TypeError, match="cuda_graph: step is 3, expected a function of arrays"):
        gpuconv.cuda_graph(3)
    play, x = gpuconv.cuda_graph(gpuconv.relu), np.ones((2, 3), np.float32)
    play(x)
    with pytest.raises(TypeError, match="cuda_graph: argument 0 is list, expected a NumPy or CuPy array"):
        play([1.0])
    with pytest.raises(ValueError, match=r"argument 0 has shape \(2, 4\), float32, expected shape \(2, 3\), float32"):
        play(np.ones((2, 4), np.float32))
    with pytest.raises(ValueError, match="cuda_graph: 2 arrays, expected 1 as in the first call"):
        play(x, x)


class _FakeCuPy:
    """Stands for CuPy: tells what was asked of it, in order."""

    def __init__(self, fails=False):
        self.said, self.fails = [], fails
        cuda = types.SimpleNamespace(Stream=self._stream, MemoryPool=self._pool, using_allocator=self._allocator)
        self.module = types.SimpleNamespace(ndarray=_FakeArray, cuda=cuda)

    def _pool(self):
        return types.SimpleNamespace(malloc="the pool's")

    @contextlib.contextmanager
    def _allocator(self, malloc):
        self.said.append(f"memory is {malloc}")
        yield
        self.said.append("memory as before")

    def _stream(self, non_blocking):
        said, fails = self.said, self.fails

        class Stream(contextlib.nullcontext):
            def begin_capture(self):
                said.append("begin")

            def end_capture(self):
                said.append("end")
                if fails:
                    raise ValueError("operation not permitted when stream is capturing")
                return types.SimpleNamespace(launch=lambda: said.append("launch"))

        return Stream()


class _FakeArray:
    """Stands for a CuPy array; memory is all it has."""

    shape, dtype = (3,), np.dtype(np.float32)

    class device(contextlib.nullcontext):  # noqa: N801
        id = 0

    device = device()

    def copy(self):
        return _FakeArray()

    def __setitem__(self, key, value):
        self.value = value


def test_a_step_of_cupy_arrays_becomes_graphs_around_the_hosts_work(monkeypatch):
    cupy = _FakeCuPy()
    monkeypatch.setitem(sys.modules, "cupy", cupy.module)

    def step(x):
        cupy.said.append("step")
        gpuconv.core.graph.host_callback(lambda: cupy.said.append("work"))

    play = gpuconv.cuda_graph(step)
    play(_FakeArray())
    assert cupy.said == ["step", "work"]
    cupy.said.clear()
    play(_FakeArray())
    recorded = ["memory is the pool's", "begin", "step", "end", "begin", "end", "memory as before"]
    assert cupy.said == [*recorded, "launch", "work", "launch"]
    cupy.said.clear()
    play(_FakeArray())
    assert cupy.said == ["launch", "work", "launch"]


def test_what_the_driver_refuses_is_explained(monkeypatch):
    monkeypatch.setitem(sys.modules, "cupy", _FakeCuPy(fails=True).module)
    play = gpuconv.cuda_graph(lambda x: None)
    play(_FakeArray())
    with pytest.raises(RuntimeError, match=r"cannot be recorded \(operation not permitted .*may not read values back"):
        play(_FakeArray())
    assert not gpuconv.core.graph.recording()
