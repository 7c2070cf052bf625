"""Element-wise activations and their gradients."""

import numpy as np
import pytest

import gpuconv
from gpuconv.testing import assert_close, check_gradients
from tests import reference
from tests.devices import EMULATED, on_every_device

SHAPES = [(), (7,), (3, 4, 5), (0, 3)] if EMULATED else [(), (1,), (7,), (3, 4, 5), (0, 3), (2, 3_000)]
DTYPES = pytest.mark.parametrize("dtype", [np.float32, np.float64])

# Name, options, and how the oracle takes them.
CASES = {
    "relu": ("relu", {}, ()),
    "leaky_relu": ("leaky_relu", {}, (0.01,)),
    "leaky_relu, slope 0": ("leaky_relu", {"negative_slope": 0}, (0.0,)),
    "leaky_relu, slope -0.3": ("leaky_relu", {"negative_slope": -0.3}, (-0.3,)),
    "leaky_relu, slope 2": ("leaky_relu", {"negative_slope": 2}, (2.0,)),
    "relu6": ("relu6", {}, ()),
    "hardtanh": ("hardtanh", {}, (-1.0, 1.0)),
    "hardtanh, -2 to 0.5": ("hardtanh", {"min_val": -2, "max_val": 0.5}, (-2.0, 0.5)),
    "hardsigmoid": ("hardsigmoid", {}, ()),
    "hardswish": ("hardswish", {}, ()),
    "sigmoid": ("sigmoid", {}, ()),
    "tanh": ("tanh", {}, ()),
    "elu": ("elu", {}, (1.0,)),
    "elu, alpha 0.3": ("elu", {"alpha": 0.3}, (0.3,)),
    "selu": ("selu", {}, ()),
    "softplus": ("softplus", {}, (1.0, 20.0)),
    "softplus, beta 3, threshold 1": ("softplus", {"beta": 3, "threshold": 1}, (3.0, 1.0)),
    "softplus, no threshold": ("softplus", {"threshold": 1e30}, (1.0, 1e30)),
    "silu": ("silu", {}, ()),
    "mish": ("mish", {}, ()),
    "gelu": ("gelu", {}, ()),
    "gelu, tanh": ("gelu", {"approximate": "tanh"}, ()),
}
every_activation = pytest.mark.parametrize("case", CASES)


def _of(case):
    """The function, its gradient and the oracle's two, for one case."""
    name, options, parameters = CASES[case]
    oracle = f"{name}_tanh" if options.get("approximate") == "tanh" else name

    def forward(x):
        return getattr(gpuconv, name)(x, **options)

    def backward(dy, x):
        return getattr(gpuconv, f"{name}_grad")(dy, x, **options)

    def expected(x):
        return getattr(reference, oracle)(x, *(x.dtype.type(p) for p in parameters))

    def expected_grad(dy, x):
        return getattr(reference, f"{oracle}_grad")(dy, x, *(x.dtype.type(p) for p in parameters))

    return forward, backward, expected, expected_grad


@on_every_device
@every_activation
@DTYPES
def test_activations_agree_with_the_oracle(case, dtype, device, on):
    forward, backward, expected, expected_grad = _of(case)
    rng = np.random.default_rng(0)
    for shape in SHAPES:
        x, dy = (np.asarray(rng.standard_normal(shape), dtype) for _ in range(2))
        x = np.asarray(4 * x)
        xd, dyd = gpuconv.to_device(x), gpuconv.to_device(dy)
        assert_close(forward(xd), expected(x))
        assert_close(backward(dyd, xd), expected_grad(dy, x))


@on_every_device
@every_activation
def test_each_number_is_right_to_its_last_digits(case, device, on):
    """Not only the large ones: the smallest results too are off by some units in the last place at most."""
    forward, _, expected, _ = _of(case)
    sizes = np.geomspace(1e-30, 60, 40 if EMULATED else 400)
    x = np.concatenate([-sizes, sizes]).astype(np.float32)
    y, right = gpuconv.to_host(forward(gpuconv.to_device(x))).astype(np.float64), expected(x)
    normal = np.abs(right) > np.finfo(np.float32).tiny
    # An exponential's relative error is its argument's absolute one, and these arguments are products.
    units = 256 if case in ("softplus, beta 3, threshold 1", "gelu, tanh") else 4
    assert (np.abs(y - right) <= units * np.finfo(np.float32).eps * np.abs(right))[normal].all()


@on_every_device
@every_activation
@DTYPES
def test_special_values(case, dtype, device, on):
    """Zeros, infinities, NaN, corners, and numbers whose exponential, square or cube overflows."""
    forward, backward, expected, expected_grad = _of(case)
    big = float(np.finfo(dtype).max) / 4
    x = np.array([0, -0.0, np.nan, 3, -3, 6, 1, -1, 90, -90, 720, -720, 1e20, -1e20, big, -big, 1e-40, -1e-40], dtype)
    x = np.concatenate([x, np.array([np.inf, -np.inf], dtype)])
    dy = np.full(x.shape, 3, dtype)
    xd, dyd = gpuconv.to_device(x), gpuconv.to_device(dy)
    with np.errstate(over="ignore", invalid="ignore"):
        for actual, right in ((forward(xd), expected(x)), (backward(dyd, xd), expected_grad(dy, x))):
            assert_close(gpuconv.to_host(actual)[None], right.astype(dtype)[None])


@on_every_device
def test_special_values_of_relu_to_the_bit(device, on):
    special = np.array([0.0, -0.0, np.inf, -np.inf, np.nan, 1e-45, -1e-45, 3.4e38, -3.4e38], np.float32)
    x = gpuconv.to_device(special)
    dy = gpuconv.to_device(np.full(special.shape, 3, np.float32))
    expected = np.array([0, 0, np.inf, 0, np.nan, 1e-45, 0, 3.4e38, 0], np.float32)
    assert np.array_equal(gpuconv.to_host(gpuconv.relu(x)), expected, equal_nan=True)
    assert np.array_equal(gpuconv.to_host(gpuconv.relu_grad(dy, x)), [0, 0, 3, 0, 3, 3, 0, 3, 0])
    assert np.array_equal(gpuconv.to_host(gpuconv.leaky_relu_grad(dy, x, 2)), [6, 6, 3, 6, 6, 3, 6, 3, 6])


@on_every_device
@every_activation
def test_finite_differences(case, device, on):
    forward, backward, *_ = _of(case)
    x = gpuconv.to_device(np.random.default_rng(0).standard_normal((6, 5)))
    assert check_gradients(forward, lambda dy, x: (backward(dy, x),), x).directions == 4


@on_every_device
@DTYPES
@pytest.mark.parametrize(
    ("x_shape", "weight_shape"),
    [((2, 3, 4, 5), (3,)), ((2, 3), (3,)), ((4, 3, 2), (1,)), ((5,), ()), ((), (1,)), ((0, 3, 2), (3,))],
)
def test_prelu(x_shape, weight_shape, dtype, device, on):
    rng = np.random.default_rng(0)
    x, dy, weight = (np.asarray(rng.standard_normal(s), dtype) for s in (x_shape, x_shape, weight_shape))
    xd, dyd, wd = map(gpuconv.to_device, (x, dy, weight))
    slopes = weight.reshape(-1, *(1,) * (x.ndim - 2)) if weight.size > 1 else weight.reshape(())
    assert_close(gpuconv.prelu(xd, wd), reference.leaky_relu(x, slopes))
    assert_close(gpuconv.prelu_grad(dyd, xd, wd), reference.leaky_relu_grad(dy, x, slopes))
    dweight = gpuconv.prelu_weight_grad(dyd, xd, weight_shape)
    assert dweight.shape == weight_shape
    expected = reference.prelu_weight_grad(dy, x, weight.size).reshape(weight_shape)
    assert_close(dweight, expected, terms=x.size, magnitude=np.ones(1))


@on_every_device
def test_in_place(device, on):
    x = np.random.default_rng(1).standard_normal(1000).astype(np.float32)
    a = gpuconv.to_device(x.copy())
    assert gpuconv.relu(a, out=a) is a
    assert np.array_equal(gpuconv.to_host(a), np.maximum(x, 0))


def test_an_output_that_overlaps_the_input_in_part_is_refused():
    memory = np.zeros(10, np.float32)
    with pytest.raises(ValueError, match="gelu: out overlaps an input in part, expected the input itself or memory of"):
        gpuconv.gelu(memory[:9], out=memory[1:])


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda x: gpuconv.gelu(x, "erf"), ValueError, "gelu: approximate is 'erf', expected one of 'none', 'tanh'"),
        (lambda x: gpuconv.hardtanh(x, 2, 1), ValueError, "hardtanh: min_val is 2.0, expected at most max_val=1.0"),
        (lambda x: gpuconv.elu(x, "1"), TypeError, "elu: alpha is '1', expected a number"),
        (lambda x: gpuconv.silu_grad(x[0], x), ValueError, r"silu_grad: dy has shape \(3,\), expected \(2, 3\)"),
        (lambda x: gpuconv.prelu(x, x[0, :2]), ValueError, r"prelu: weight has 2 slopes, expected 1 or 3, x being of"),
        (
            lambda x: gpuconv.prelu(x, x),
            ValueError,
            r"prelu: weight has shape \(2, 3\), expected one dimension",
        ),
        (lambda x: gpuconv.mish(x.astype(int)), TypeError, "mish: x has dtype int64, expected float32, float64"),
    ],
)
def test_wrong_arguments_are_named(call, error, message):
    with pytest.raises(error, match=message):
        call(np.zeros((2, 3), np.float32))
