"""What was worked out once is looked up, and never for an argument that only looks the same."""

import numpy as np
import pytest

import gpuconv
from gpuconv.core.memoize import remembered
from gpuconv.core.shapes import conv_geometry


def test_asked_twice_worked_out_once():
    asked = []
    double = remembered(lambda x, *, by=2: asked.append((x, by)) or (x, by))
    assert double((1, 2), by=3) == double((1, 2), by=3) == ((1, 2), 3)
    assert asked == [((1, 2), 3)]
    double([1], by=3)
    double([1], by=3)
    assert len(asked) == 3, "a list cannot be looked up"


@pytest.mark.parametrize("stride", [True, (True, 1), 1.0, (1.0, 1)])
def test_equal_is_not_the_same(stride):
    shapes = (1, 1, 4, 4), (1, 1, 3, 3)
    assert conv_geometry("conv2d", *shapes, stride=1) == conv_geometry("conv2d", *shapes, stride=(1, 1))
    with pytest.raises(TypeError, match=r"conv2d: stride.* is (True|1\.0), expected an integer"):
        conv_geometry("conv2d", *shapes, stride=stride)


def test_errors_are_raised_every_time():
    x, w = np.zeros((1, 1, 4, 4)), np.zeros((1, 1, 3, 3))
    for _ in range(2):
        with pytest.raises(ValueError, match="stride"):
            gpuconv.conv2d(x, w, stride=0)
