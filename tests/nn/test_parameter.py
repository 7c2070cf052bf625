"""Arrays of a module's state are in C order, however they came, and so files keep them."""

import inspect

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

import gpuconv
from gpuconv import nn
from gpuconv.nn import init
from gpuconv.nn.parameter import Buffer
from gpuconv.training import lenet

OPTIONS = {"sparse": {"sparsity": 0.5}}
SHAPES = {"eye": (3, 5), "sparse": (3, 5), "dirac": (4, 2, 3, 3)}
INITIALIZERS = [name for name in init.__all__ if inspect.isfunction(getattr(init, name)) and name != "calculate_gain"]


def fortran(shape, *, seed=None, dtype=np.float32):
    return np.asfortranarray(init.normal(shape, seed=seed, dtype=dtype))


def reversed_axes(shape, *, seed=None, dtype=np.float32):
    return init.normal(shape, seed=seed, dtype=dtype)[::-1]


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.float16])
@pytest.mark.parametrize("name", INITIALIZERS)
def test_every_initializer_gives_c_order(name, dtype):
    for shape in (SHAPES.get(name, (4, 6, 3, 3)), SHAPES.get(name, (8, 4))[:2], SHAPES.get(name, (2, 9))[:2]):
        if name == "dirac" and len(shape) < 3:
            continue
        values = getattr(init, name)(shape, **OPTIONS.get(name, {}), seed=0, dtype=dtype)
        assert values.shape == shape
        assert values.flags.c_contiguous


LAYERS = [
    (lambda draw: nn.Conv2d(4, 8, 3, init=draw, seed=0), (1, 4, 5, 5)),
    (lambda draw: nn.Conv1d(4, 8, 3, init=draw, seed=0), (1, 4, 5)),
    (lambda draw: nn.ConvTranspose2d(4, 8, 3, init=draw, seed=0), (1, 4, 5, 5)),
    (lambda draw: nn.Linear(6, 3, init=draw, seed=0), (2, 6)),
]


@pytest.mark.parametrize("draw", [init.orthogonal, fortran, reversed_axes])
@pytest.mark.parametrize(("layer", "shape"), LAYERS)
def test_weights_of_any_order_are_trained_and_saved(layer, shape, draw, tmp_path):
    module, x = layer(draw), np.ones(shape, np.float32)
    weight = module.weight.data.copy()
    assert np.array_equal(weight, draw(weight.shape, seed=np.random.default_rng(0)))
    save_file(module.state_dict(), tmp_path / "file")
    assert np.array_equal(load_file(tmp_path / "file")["weight"], weight)
    module.backward(np.ones_like(module(x)))
    gpuconv.SGD(module.parameters(), 0.5).step()
    assert np.array_equal(module.weight.data, weight - np.float32(0.5) * module.weight.grad)


@pytest.mark.parametrize("kind", [nn.Parameter, Buffer])
def test_an_array_that_is_set_is_in_c_order(kind):
    plain, strided = np.zeros((2, 3)), np.arange(12.0).reshape(3, 4)[:, ::2]
    kept = kind(plain)
    assert kept.data is plain
    for a in (plain.T, strided, strided[::-1], np.broadcast_to(np.ones(3), (2, 3)), np.float64(3) * np.ones(())):
        kept.data = a
        assert kept.data.flags.c_contiguous
        assert kept.data.shape == a.shape
        assert np.array_equal(kept.data, a)


@pytest.mark.parametrize("value", [None, [1.0, 2.0], 3.0, "weights"])
def test_what_is_no_array_is_refused(value):
    with pytest.raises(TypeError, match=f"Parameter: data is a {type(value).__name__}, expected a NumPy or CuPy array"):
        nn.Parameter(value)


def test_a_state_is_loaded_in_c_order():
    model = nn.Sequential(nn.Conv2d(2, 4, 3, seed=0), nn.BatchNorm2d(4))
    state = {name: np.array(a + 1, order="F") for name, a in model.state_dict().items()}
    assert not state["0.weight"].flags.c_contiguous
    model.load_state_dict(state)
    for name, a in model.state_dict().items():
        assert a.flags.c_contiguous
        assert np.array_equal(a, state[name])
        assert a.shape == state[name].shape


@pytest.mark.parametrize("make", [gpuconv.Adam, lambda p: gpuconv.SGD(p, 0.1, 0.9), gpuconv.RMSprop, gpuconv.Adagrad])
def test_optimizers_keep_c_order(make):
    parameter = nn.Parameter(np.asfortranarray(np.ones((3, 4))))
    optimizer = make([parameter])
    parameter.grad = np.asfortranarray(np.arange(12.0).reshape(3, 4))
    optimizer.step()
    state = optimizer.state_dict()
    for name, a in state["state"][0].items():
        if name in optimizer.buffers:
            assert a.flags.c_contiguous
            state["state"][0][name] = np.asfortranarray(a)
    again = make([nn.Parameter(parameter.data.copy())])
    again.load_state_dict(state)
    again.parameters[0].grad = parameter.grad
    optimizer.step()
    again.step()
    assert np.array_equal(parameter.data, again.parameters[0].data)


@pytest.mark.parametrize("make", [gpuconv.Adam, lambda p: gpuconv.SGD(p, 0.1, 0.9)])
def test_a_state_of_another_order_is_refused_before_a_step(make):
    parameter = nn.Parameter(np.ones((3, 4)))
    optimizer = make([parameter])
    parameter.grad = np.ones((3, 4))
    optimizer.step()
    name = next(name for name in optimizer.buffers if name in optimizer.state[0])
    optimizer.state[0][name] = np.zeros((4, 3)).T
    initial = parameter.data.copy()
    with pytest.raises(ValueError, match=rf"{name} of parameters\[0\] has strides .*, expected a C-contiguous array"):
        optimizer.step()
    assert np.array_equal(parameter.data, initial)


BAD_ENTRIES = [
    (None, "is a NoneType, expected a NumPy or CuPy array"),
    ([0.0] * 3, "is a list, expected a NumPy or CuPy array"),
    (np.zeros(3, complex), "has dtype complex128, expected real numbers"),
    (np.array(["a", "b", "c"]), "has dtype <U1, expected real numbers"),
    (np.array([None] * 3), "has dtype object, expected real numbers"),
]


@pytest.mark.parametrize(("value", "message"), BAD_ENTRIES)
def test_an_entry_that_is_no_real_array_changes_nothing(value, message):
    layer = nn.Linear(2, 3, seed=0)
    initial = {name: a.copy() for name, a in layer.state_dict().items()}
    with pytest.raises(TypeError, match=f"load_state_dict: bias {message}"):
        layer.load_state_dict({"weight": np.zeros((3, 2)), "bias": value})
    assert all(np.array_equal(a, initial[name]) for name, a in layer.state_dict().items())


@pytest.mark.parametrize("state", [None, [], 3, "path"])
def test_a_state_that_is_no_mapping_is_named(state):
    parameters = list(lenet((1, 8, 8), 10, seed=0).parameters())
    schedule = gpuconv.optim.lr_scheduler.StepLR(gpuconv.SGD(parameters), 3)
    plateau = gpuconv.optim.lr_scheduler.ReduceLROnPlateau(schedule.optimizer)
    for loads in (nn.Linear(2, 3), gpuconv.Adam(parameters), schedule, plateau):
        with pytest.raises(TypeError, match=f"state is a {type(state).__name__}, expected a mapping"):
            loads.load_state_dict(state)
