"""float16 and bfloat16: computed in float32, rounded once, by every function."""

import inspect
import subprocess
import sys

import ml_dtypes
import numpy as np
import pytest

import gpuconv
from gpuconv.core.dtypes import half_types
from gpuconv.testing import assert_close
from gpuconv.testing.operations import valid_calls
from tests import reference
from tests.devices import DEVICES

BFLOAT16 = np.dtype(ml_dtypes.bfloat16)
TYPES = [np.dtype(np.float16), BFLOAT16]
CALLS = valid_calls()
STATISTICS = ("mean", "var", "running_mean", "running_var")
KEEP_SINGLE = ("batch_norm_statistics", "group_norm_statistics")

pytestmark = pytest.mark.filterwarnings("error")


@pytest.fixture(params=TYPES, ids=str)
def dtype(request):
    return request.param


def _rounded(name, arguments, dtype):
    """(the arguments with 16-bit arrays, the same values in float32)."""
    half = {key: _of_type(key, a, dtype) for key, a in arguments.items()}
    return half, {key: _widened(a, dtype) for key, a in half.items()}


def _widened(a, dtype):
    if isinstance(a, (list, tuple)):
        return type(a)(_widened(one, dtype) for one in a)
    return a.astype(np.float32) if _is(a, dtype) else a


def _of_type(name, a, dtype):
    if isinstance(a, (list, tuple)):
        return type(a)(_of_type(name, one, dtype) for one in a)
    return a.astype(dtype) if _is(a, np.float32) and name not in STATISTICS else a


def _is(a, dtype):
    return isinstance(a, np.ndarray) and a.dtype == dtype


def _bits(results):
    return [a.tobytes() for a in (results if isinstance(results, tuple) else (results,))]


def _expected(results, dtype):
    """What float32 gives, each floating result rounded once."""
    several = results if isinstance(results, tuple) else (results,)
    return tuple(a.astype(dtype) if a.dtype == np.float32 else a for a in several)


@pytest.mark.parametrize("name", CALLS)
def test_every_function_is_float32s_result_rounded_once(name, dtype):
    half, single = _rounded(name, CALLS[name], dtype)
    originals = {key: a.copy() for key, a in half.items() if isinstance(a, np.ndarray) and key not in STATISTICS}
    found, expected = getattr(gpuconv, name)(**half), getattr(gpuconv, name)(**single)
    assert _bits(found) == _bits(expected if name in KEEP_SINGLE else _expected(expected, dtype))
    for key, a in originals.items():
        assert half[key].tobytes() == a.tobytes(), f"{key} was changed"


@pytest.mark.parametrize("name", [n for n in CALLS if "out" in inspect.signature(getattr(gpuconv, n)).parameters])
def test_out_is_filled_and_returned(name, dtype):
    half, _ = _rounded(name, CALLS[name], dtype)
    expected = getattr(gpuconv, name)(**half)
    first = expected[0] if isinstance(expected, tuple) else expected
    out = np.empty_like(first)
    found = getattr(gpuconv, name)(**half, out=out)
    assert (found[0] if isinstance(found, tuple) else found) is out
    assert _bits(found) == _bits(expected)


@pytest.mark.parametrize("device", DEVICES)
def test_convolution_against_the_oracle(device, on, dtype):
    rng = np.random.default_rng(0)
    x, w, b, dy = (
        rng.standard_normal(shape).astype(dtype) for shape in ((2, 3, 9, 8), (4, 3, 3, 3), (4,), (2, 4, 5, 4))
    )
    options = {"stride": (2, 2), "padding": ((1, 1), (1, 1))}
    written_out = {**options, "dilation": (1, 1), "groups": 1}
    X, W, B, DY = map(gpuconv.to_device, (x, w, b, dy))
    y, dx = gpuconv.conv2d(X, W, B, **options), gpuconv.conv2d_input_grad(DY, W, x.shape, **options)
    dw = gpuconv.conv2d_weight_grad(X, DY, w.shape, **options)
    assert y.dtype == dx.dtype == dw.dtype == dtype
    x, w, b, dy = (a.astype(np.float64) for a in (x, w, b, dy))
    assert_close(y, reference.conv2d(x, w, b, **written_out), terms=27)
    assert_close(dx, reference.conv2d_input_grad(dy, w, x.shape, **written_out), terms=36)
    assert_close(dw, reference.conv2d_weight_grad(x, dy, w.shape, **written_out), terms=40)


def test_types_are_not_mixed():
    x, w = np.ones((1, 1, 4, 4), np.float16), np.ones((1, 1, 3, 3), np.float32)
    with pytest.raises(TypeError, match="conv2d: w has dtype float32, expected float16 like x"):
        gpuconv.conv2d(x, w)
    with pytest.raises(TypeError, match="conv2d: w has dtype float16, expected float32 like x"):
        gpuconv.conv2d(x.astype(np.float32), w.astype(np.float16))
    with pytest.raises(TypeError, match="add: b has dtype bfloat16, expected float16 like a"):
        gpuconv.add(x, x.astype(BFLOAT16))
    with pytest.raises(TypeError, match="relu: out has dtype float32, expected float16"):
        gpuconv.relu(x, out=np.empty_like(x, dtype=np.float32))


def test_statistics_stay_in_float32(dtype):
    x, short = np.ones((4, 2, 3, 3), dtype), np.zeros(2, dtype)
    with pytest.raises(TypeError, match=f"running_mean has dtype {dtype}, expected float32 beside x, which is {dtype}"):
        gpuconv.batch_norm2d(x, short, short)


def test_what_is_too_large_is_infinite_without_a_warning():
    x = np.full((2, 3), 60000, np.float16)
    assert np.all(np.isposinf(gpuconv.add(x, x)))
    assert gpuconv.mse_loss(x, -x, reduction="sum") == np.inf


def test_sums_are_not_taken_in_16_bits(dtype):
    dy = np.ones((3, 1, 64, 64), dtype)
    assert gpuconv.conv2d_bias_grad(dy) == 12288  # with 8 bits of mantissa a sum of ones stops at 256


def test_what_is_handed_through_is_not_copied(dtype):
    x = np.ones((2, 3), dtype)
    assert gpuconv.dropout(x, training=False, seed=0) is x


def test_initializers_round_once(dtype):
    drawn = gpuconv.nn.init.kaiming_normal((8, 4, 3, 3), seed=0, dtype=dtype)
    double = gpuconv.nn.init.kaiming_normal((8, 4, 3, 3), seed=0, dtype=np.float64)
    assert drawn.dtype == dtype
    assert drawn.tobytes() == double.astype(dtype).tobytes()


@pytest.mark.parametrize("name", ["SGD", "Adam", "AdamW", "RMSprop", "Adagrad"])
def test_optimizers_keep_their_state_in_float32_and_round_the_parameter(name, dtype):
    rng = np.random.default_rng(0)
    half = gpuconv.nn.Parameter(rng.standard_normal(50).astype(dtype))
    single = gpuconv.nn.Parameter(half.data.astype(np.float32))
    options = {"momentum": 0.9} if name == "SGD" else {}
    optimizers = [getattr(gpuconv, name)([p], lr=0.05, **options) for p in (half, single)]
    for _ in range(5):
        half.grad = rng.standard_normal(50).astype(dtype)
        single.grad = half.grad.astype(np.float32)
        for optimizer in optimizers:
            optimizer.step()
        single.data[...] = single.data.astype(dtype)
        assert half.data.tobytes() == single.data.astype(dtype).tobytes()
    kept = [a for a in optimizers[0].state[0].values() if isinstance(a, np.ndarray)]
    assert kept
    assert all(a.dtype == np.float32 for a in kept)
    again = getattr(gpuconv, name)([gpuconv.nn.Parameter(half.data.copy())], lr=0.05, **options)
    again.load_state_dict(optimizers[0].state_dict())
    again.parameters[0].grad = half.grad
    again.step()
    optimizers[0].step()
    assert again.parameters[0].data.tobytes() == half.data.tobytes()


def test_a_gradient_of_another_type_is_refused(dtype):
    parameter = gpuconv.nn.Parameter(np.ones(3, dtype))
    parameter.grad = np.ones(3, np.float32)
    with pytest.raises(TypeError, match=f"grad has dtype float32, expected {dtype} like data"):
        gpuconv.SGD([parameter], lr=0.1).step()


def test_clipping(dtype):
    parameter = gpuconv.nn.Parameter(np.zeros(2, dtype))
    parameter.grad = np.array([300, -400], dtype)
    norm = gpuconv.clip_grad_norm([parameter], 5.0)
    assert norm.dtype == np.float32
    assert norm == 500
    assert_close(parameter.grad, np.array([3.0, -4.0]))
    gpuconv.clip_grad_value([parameter], 2.0)
    assert parameter.grad.tolist() == [2, -2]


def test_a_network_trains(dtype):
    rng = np.random.default_rng(0)
    net = gpuconv.nn.Sequential(
        gpuconv.nn.Conv2d(1, 4, 3, seed=0, dtype=dtype),
        gpuconv.nn.BatchNorm2d(4, dtype=dtype),
        gpuconv.nn.ReLU(),
        gpuconv.nn.MaxPool2d(2),
        gpuconv.nn.Flatten(),
        gpuconv.nn.Linear(36, 2, seed=1, dtype=dtype),
    )
    x, labels = rng.standard_normal((16, 1, 8, 8)).astype(dtype), rng.integers(0, 2, 16)
    optimizer, losses = gpuconv.SGD(net.parameters(), lr=0.1), []
    for _ in range(30):
        y = net(x)
        assert y.dtype == dtype
        losses.append(float(gpuconv.cross_entropy(y, labels)))
        net.zero_grad()
        net.backward(gpuconv.cross_entropy_grad(y, labels))
        optimizer.step()
    assert losses[-1] < losses[0] / 4


def test_nobody_needs_ml_dtypes():
    code = (
        "import sys, gpuconv, numpy as np\ngpuconv.relu(np.ones(3, np.float16))\nassert 'ml_dtypes' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
    assert half_types() == tuple(TYPES)
