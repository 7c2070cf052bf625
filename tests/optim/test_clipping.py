"""Clipping of gradients, by norm and by value."""

import math

import numpy as np
import pytest

import gpuconv
from gpuconv import nn
from gpuconv.kernels.cpu import parallel
from gpuconv.testing import assert_close
from tests import reference
from tests.devices import on_every_device


def _parameters(gradients):
    parameters = [nn.Parameter(gpuconv.to_device(np.zeros_like(g))) for g in gradients]
    for parameter, g in zip(parameters, gradients, strict=True):
        parameter.grad = gpuconv.to_device(g.copy())
    return [*parameters, nn.Parameter(gpuconv.to_device(np.zeros(2)))]  # the last without a gradient


@on_every_device
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("p", [2.0, 1, math.inf, 3, 0.5])
def test_norms_agree_with_the_oracle(p, dtype, device, on):
    rng = np.random.default_rng(0)
    gradients = [np.asarray(rng.standard_normal(shape), dtype) for shape in ((), (3, 0), (2, 3, 5), (9000,))]
    if device == "emulator":
        gradients = [*gradients[:3], gradients[3][:300]]
    parameters = _parameters(gradients)
    clipped, expected = reference.clip_grad_norm(gradients, 0.7, p)
    norm = gpuconv.clip_grad_norm(parameters, 0.7, p)
    assert norm.shape == ()
    assert norm.dtype == dtype
    terms = sum(g.size for g in gradients)
    assert_close(norm, expected, terms=terms)
    for parameter, g in zip(parameters, clipped, strict=False):
        assert_close(parameter.grad, g, terms=terms)


@on_every_device
def test_small_gradients_keep_their_bits_and_bad_norms_spread(device, on):
    g = np.array([3, -4], np.float32)
    parameters = _parameters([g])
    assert gpuconv.clip_grad_norm(parameters, 6) == 5
    assert np.array_equal(gpuconv.to_host(parameters[0].grad), g)
    assert gpuconv.clip_grad_norm(parameters[1:], 6) == 0
    for value, p in ((np.nan, 2), (np.nan, math.inf), (np.inf, 2)):
        parameters = _parameters([g, np.array([value, 1], np.float32)])
        with pytest.raises(FloatingPointError, match="clip_grad_norm: the norm of the gradients is"):
            gpuconv.clip_grad_norm(parameters, 6, p, error_if_nonfinite=True)
        assert np.array_equal(gpuconv.to_host(parameters[0].grad), g)
        gpuconv.clip_grad_norm(parameters, 6, p)
        expected = [np.nan, np.nan] if np.isnan(value) else [0, 0]
        assert np.array_equal(gpuconv.to_host(parameters[0].grad), expected, equal_nan=True)


@on_every_device
def test_values(device, on):
    parameters = _parameters([np.array([[3, -4, 0.5], [np.nan, np.inf, -np.inf]], np.float32)])
    assert gpuconv.clip_grad_value(parameters, 2) is None
    expected = [[2, -2, 0.5], [np.nan, 2, -2]]
    assert np.array_equal(gpuconv.to_host(parameters[0].grad), expected, equal_nan=True)
    gpuconv.clip_grad_value(parameters[0], 0)
    assert gpuconv.to_host(parameters[0].grad)[0].tolist() == [0, 0, 0]


@pytest.mark.parametrize("p", [2.0, math.inf])
def test_norms_are_the_same_bits_on_any_number_of_threads(p, threads):
    g = np.random.default_rng(0).standard_normal(300_000).astype(np.float32)
    with parallel.share_everything():
        shared = gpuconv.clip_grad_norm(_parameters([g]), 1.0, p)
    threads(1)
    assert gpuconv.clip_grad_norm(_parameters([g]), 1.0, p) == shared


READ_ONLY = np.ones((2, 3))
READ_ONLY.flags.writeable = False


@pytest.mark.parametrize(
    ("gradient", "call", "error", "message"),
    [
        (np.ones(2), lambda p: gpuconv.clip_grad_norm(p, -1), ValueError, "max_norm is -1, expected at least 0"),
        (np.ones(2), lambda p: gpuconv.clip_grad_norm(p, 1, 0), ValueError, "norm_type is 0, expected a number above"),
        (np.ones(2), lambda p: gpuconv.clip_grad_norm(p, "1"), TypeError, "max_norm is '1', expected a number"),
        (np.ones(2), lambda p: gpuconv.clip_grad_value(p, math.nan), ValueError, "clip_value is nan, expected"),
        (np.ones(2), lambda p: gpuconv.clip_grad_value([p], 1), TypeError, r"parameters\[0\] is a list, expected"),
        (np.ones((2, 3)).T, lambda p: gpuconv.clip_grad_value(p, 1), ValueError, r"parameters\[0\] has strides"),
        (READ_ONLY, lambda p: gpuconv.clip_grad_norm(p, 1), ValueError, r"gradient of parameters\[0\] is read-only"),
        (np.ones(2, int), lambda p: gpuconv.clip_grad_norm(p, 1), TypeError, "dtype int64, expected float32"),
    ],
)
def test_wrong_arguments_are_named(gradient, call, error, message):
    parameter = nn.Parameter(np.zeros(gradient.shape))
    parameter.grad = gradient
    with pytest.raises(error, match=message):
        call([parameter])


@on_every_device
@pytest.mark.parametrize("p", [2.0, 1, math.inf, 3, 0.5, 8])
@pytest.mark.parametrize(
    ("dtype", "size"), [(np.float32, 1e19), (np.float32, 1e-24), (np.float64, 1e200), (np.float64, 1e-200)]
)
def test_powers_of_extreme_gradients_neither_overflow_nor_vanish(dtype, size, p, device, on):
    gradients = [(size * np.linspace(-0.5, 1, n)).astype(dtype) for n in (70, 9)]
    parameters = _parameters(gradients)
    clipped, norm = reference.clip_grad_norm([g / size for g in gradients], 1 / size, p, margin=1e-6 / size)
    assert_close(gpuconv.clip_grad_norm(parameters, 1, p), norm * size, terms=79)
    for parameter, g in zip(parameters, clipped, strict=False):
        assert_close(parameter.grad, g * size, terms=79)


@on_every_device
def test_a_norm_too_large_for_its_type_still_clips(device, on):
    parameters = _parameters([np.full(64, 1e38, np.float32)])
    assert gpuconv.clip_grad_norm(parameters, 1e10) == np.inf
    assert_close(parameters[0].grad, np.full(64, 1e10 / 8), terms=64)


def test_extreme_gradients_on_the_emulated_device(emulated):
    gradients = [np.full(64, 1e19, np.float32), np.full(3, 1e-24, np.float32)]
    parameters = _parameters(gradients)
    assert_close(gpuconv.clip_grad_norm(parameters, 1), 8e19, terms=64)
    assert_close(parameters[0].grad, np.full(64, 0.125), terms=64)
    assert_close(gpuconv.clip_grad_norm(_parameters(gradients[1:]), 1) * 1e24, math.sqrt(3), terms=3)
    assert np.isnan(gpuconv.clip_grad_norm(_parameters([np.array([1, np.nan], np.float32)]), 1))
