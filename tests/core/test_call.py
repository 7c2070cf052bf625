"""One call: what its arrays may be, what is computed in, where results go."""

import threading

import numpy as np
import pytest

import gpuconv
from gpuconv.core.call import Call

X, W = np.ones((2, 3), np.float32), np.ones((3,), np.float32)


def test_arrays_come_back_in_their_order_and_none_stays_none():
    call = Call("op", ("b",), x=X, w=W, b=None)
    assert all(a is b for a, b in zip(call.arrays, (X, W, None), strict=True))
    assert call.dtype == call.compute_dtype == np.float32
    assert call.kernels.name == "cpu"


def test_an_array_in_another_order_is_copied_once():
    call = Call("op", x=np.asfortranarray(np.arange(6.0).reshape(2, 3)))
    assert call.arrays[0].flags.c_contiguous
    assert call.arrays[0].tolist() == [[0, 1, 2], [3, 4, 5]]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"x": None}, "op: x is None, expected a NumPy or CuPy array"),
        ({"x": [1.0]}, "op: x is a list, expected a NumPy or CuPy array"),
        ({"x": X.astype(int)}, r"op: x has dtype int64, expected float32, .*; convert it with x.astype\(np.float32\)"),
        ({"x": X.astype(float), "w": W}, r"w has dtype float32, expected float64 like x; .* x.astype\(np.float32\)"),
        ({"x": X, "w": W.astype(float)}, r"w has dtype float64, expected float32 like x; .* w.astype\(np.float32\)"),
        ({"x": X.astype(np.float16), "w": W}, "w has dtype float32, expected float16 like x"),
    ],
)
def test_what_is_wrong_with_an_array_is_said(arguments, message):
    with pytest.raises(TypeError, match=message):
        Call("op", **arguments)


def test_16_bit_arrays_are_computed_in_float32_and_rounded_once():
    call = Call("op", x=X.astype(np.float16))
    assert (call.dtype, call.compute_dtype, call.arrays[0].dtype) == (np.float16, np.float32, np.float32)
    y = call.output((2,))
    y[:] = 1 + 2.0**-12
    assert call.finish(y).dtype == np.float16


def test_statistics_beside_16_bit_arrays_are_float32():
    half = X.astype(np.float16)
    assert Call("op", float32=("mean",), x=half, mean=W).arrays[1] is W
    with pytest.raises(TypeError, match="mean has dtype float16, expected float32 beside x, which is float16"):
        Call("op", float32=("mean",), x=half, mean=W.astype(np.float16))


def test_a_16_bit_out_is_filled_and_returned():
    out = np.empty(2, np.float16)
    call = Call("op", x=X.astype(np.float16))
    y = call.output((2,), out)
    y[:] = 3
    assert call.finish(y) is out
    assert out.tolist() == [3, 3]


@pytest.mark.parametrize(
    ("out", "error", "message"),
    [
        (np.empty(3, np.float32), ValueError, r"out has shape \(3,\), expected \(2,\)"),
        (np.empty(2), TypeError, "out has dtype float64, expected float32"),
        (np.empty((2, 2), np.float32)[:, 0], ValueError, "out has strides .* expected a C-contiguous array"),
        (X.reshape(-1)[:2], ValueError, "out overlaps an input, expected memory of its own"),
        ([0.0, 0.0], TypeError, "out is a list"),
    ],
)
def test_memory_for_a_result_is_checked(out, error, message):
    with pytest.raises(error, match=message):
        Call("op", x=X).output((2,), out)


def test_a_result_may_take_the_place_of_an_input_that_is_read_first_but_not_overlap_it():
    x = np.ones(4, np.float32)
    assert Call("op", x=x).output((4,), x, coinciding=(x,)) is x
    shifted = np.ones(5, np.float32)
    call = Call("op", x=shifted[:4])
    with pytest.raises(ValueError, match="out overlaps an input in part"):
        call.output((4,), shifted[1:], coinciding=call.arrays)


def test_a_plan_is_made_once_for_shapes_and_options():
    made = []

    def build(call, *options):
        made.append(options)
        return call.arrays[0].shape, options

    for shape, options in [((2, 3), (1,)), ((2, 3), (1,)), ((3, 2), (1,)), ((2, 3), (True,)), ((2, 3), ((1, 1),))]:
        assert Call("op", x=np.ones(shape, np.float32)).plan(build, *options) == (shape, options)
    assert made == [(1,), (1,), (True,), ((1, 1),)]


@pytest.mark.parametrize("option", [[1, 1], (1, True), (np.int64(1), 1), np.ones(2)])
def test_options_that_cannot_be_compared_safely_have_no_plan(option):
    made = []
    call = Call("op", x=X)
    for one in ((1, 1), option, option):
        call.plan(lambda call, option: made.append(option) or (option,), one)
    assert len(made) == 3


def test_a_call_whose_plan_is_known_still_checks_its_arrays():
    x, w = np.ones((1, 2, 4, 4), np.float32), np.ones((3, 2, 3, 3), np.float32)
    expected = gpuconv.conv2d(x, w, padding=1)
    for a in (np.asfortranarray(x), x[::-1], x.copy()):
        np.testing.assert_array_equal(gpuconv.conv2d(a, w, padding=1), expected)
    with pytest.raises(TypeError, match="expected float64 like x"):
        gpuconv.conv2d(x.astype(float), w, padding=1)
    with pytest.raises(TypeError, match="padding is True, expected an integer"):
        gpuconv.conv2d(x, w, padding=True)
    with pytest.raises(TypeError, match="negative_slope is '1', expected a number"):
        gpuconv.conv2d(x, w, padding=1, negative_slope="1")


def test_plans_are_right_from_many_threads():
    rng = np.random.default_rng(0)
    problems = [rng.standard_normal((n, 2, 5, 5), np.float32) for n in range(1, 9)]
    w = rng.standard_normal((3, 2, 3, 3), np.float32)
    expected = [gpuconv.conv2d(x, w, None, 1, 1) for x in problems]
    wrong = []

    def work(start):
        for i in range(40):
            k = (start + i) % len(problems)
            if not np.array_equal(gpuconv.conv2d(problems[k], w, None, 1, 1), expected[k]):
                wrong.append(k)

    threads = [threading.Thread(target=work, args=(start,)) for start in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong
