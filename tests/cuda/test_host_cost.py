"""The measure of host cost, and the short way through the checks of arguments that it led to."""

import sys
import types
from unittest import mock

import numpy as np
import pytest

import gpuconv
from gpuconv.bench import host_cost
from gpuconv.core import arrays
from gpuconv.core.call import Call
from gpuconv.kernels.cuda import multi_tensor


@pytest.mark.parametrize(("name", "call"), host_cost.cases(), ids=[name for name, _ in host_cost.cases()])
def test_a_call_is_measured_and_its_launches_counted(name, call):
    cost = host_cost.measure(name, call, calls=2, rounds=1)
    assert cost.launches == {"cross_entropy": 2}.get(name, 1)
    assert cost.microseconds > 0


def test_a_table_of_arrays_is_made_once_and_again_when_one_has_moved(monkeypatch):
    made, table, places = [], multi_tensor.TensorTable.table, {}
    monkeypatch.setattr(multi_tensor.TensorTable, "table", lambda self: made.append(table(self)) or made[-1])
    w, dw, longer = (np.zeros(size, np.float32) for size in (8, 8, 12))
    address = mock.patch.object(multi_tensor, "address", lambda a: places.get(id(a), host_cost.ADDRESS))
    with host_cost._no_gpu(), address:
        uploaded = [multi_tensor.TensorTable([(w, dw)]).on_device() for _ in range(3)]
        multi_tensor.TensorTable([(longer, dw)]).on_device()
        places[id(dw)] = host_cost.ADDRESS + 4  # no 128-bit accesses there
        multi_tensor.TensorTable([(w, dw)]).on_device()
    assert all(one is uploaded[0] for one in uploaded)
    assert [list(one[:5]) for one in made] == [
        [0, size, vectors, host_cost.ADDRESS, host_cost.ADDRESS + moved]
        for size, vectors, moved in ((8, 1, 0), (12, 1, 0), (8, 0, 4))
    ]


@pytest.fixture
def two_gpus(monkeypatch):
    """Stand-ins for CuPy arrays of a shape on one of two GPUs; they hold no memory of their own."""

    class FakeArray:
        dtype, flags, ndim = np.dtype(np.float32), types.SimpleNamespace(c_contiguous=True), 1

        def __init__(self, size, gpu):
            self.shape, self.size, self.device = (size,), size, types.SimpleNamespace(id=gpu)

    monkeypatch.setitem(sys.modules, "cupy", types.SimpleNamespace(ndarray=FakeArray))
    return FakeArray


def test_arrays_of_two_gpus_are_refused(two_gpus):
    with pytest.raises(TypeError, match="relu: x is a CuPy array on GPU 0, out is a CuPy array on GPU 1"):
        arrays.check_arrays("relu", {"x": two_gpus(3, 0), "out": two_gpus(3, 1)})


def test_an_array_past_32_bit_indices_is_refused(two_gpus):
    arrays.check_arrays("relu", {"x": two_gpus(2**31 - 1, 0)})
    with pytest.raises(ValueError, match="relu: x has 2147483648 elements, expected fewer than"):
        arrays.check_arrays("relu", {"x": two_gpus(2**31, 0)})


def test_the_short_way_leaves_arrays_as_they_are():
    x = np.zeros((2, 3), np.float32)
    with gpuconv.use_device("emulator"):
        checked = Call("relu", ("out",), x=x, out=None)
        assert checked.arrays[0] is x
        assert checked.arrays[1] is None
        assert Call("relu", x=x.T).arrays[0].flags.c_contiguous
