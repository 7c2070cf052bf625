"""Large batches, taken apart where a kernel copies x: the same numbers as those of whole ones."""

import numpy as np
import pytest

from gpuconv.conv.shape import conv_shape
from gpuconv.kernels.conv.cpu import batches, filter_vectorized, filter_vectorized_wgrad, zones
from gpuconv.kernels.core.scalar import RELU

SHAPE = conv_shape("test", (7, 3, 6, 5), (18, 3, 3, 3), padding=1)
IMAGE = 3 * 8 * 7
"""Elements of a copied image."""
FLOAT32 = np.dtype(np.float32)


@pytest.fixture(autouse=True)
def copies_cost_nothing(monkeypatch):
    """So that x is copied with its padding, which zones of taps would leave out."""
    monkeypatch.setattr(zones, "COPIED_ELEMENT", -(1 << 20))
    zones.reading.cache_clear()
    yield
    zones.reading.cache_clear()


@pytest.fixture
def drawn():
    rng = np.random.default_rng(0)
    shapes = SHAPE.x_shape, SHAPE.w_shape, SHAPE.y_shape
    return [rng.integers(-3, 4, shape).astype(np.float32) for shape in shapes]


def _limited(monkeypatch, images):
    """Allow copies of so many images."""
    monkeypatch.setattr(batches, "COPIED_ELEMENTS", images * IMAGE)


def _forward(x, w, y):
    found = np.full_like(y, np.nan)
    plan = batches.correlation_plan(filter_vectorized.fprop_plan, SHAPE, FLOAT32)
    plan.launch(x, w, np.arange(18, dtype=np.float32), RELU, np.float32(0), plan.no_pre_activation, found)
    return found, plan


def _input_grad(x, w, dy):
    found = np.full_like(x, np.nan)
    plan = batches.correlation_plan(filter_vectorized.dgrad_plan, SHAPE, FLOAT32)
    plan.launch(dy, w, plan.no_bias, RELU, np.float32(0), x, found)
    return found, plan


def _weight_grad(x, w, dy):
    found = np.full_like(w, np.nan)
    plan = batches.gradient_plan(filter_vectorized_wgrad.wgrad_plan, SHAPE, FLOAT32)
    plan.launch(x, dy, found)
    return found, plan


@pytest.mark.parametrize("images", [1, 3, 6])
@pytest.mark.parametrize("compute", [_forward, _input_grad, _weight_grad])
def test_parts_of_a_batch_give_what_the_whole_gives(compute, images, drawn, monkeypatch):
    """Of small integers, whose sums are exact in any order."""
    expected, whole = compute(*drawn)
    assert not hasattr(whole, "parts")
    _limited(monkeypatch, images if compute is not _input_grad else 6 * images)
    found, plan = compute(*drawn)
    assert len(plan.parts) == -(-7 // images)
    assert max(part.scratch for _, part in plan.parts) <= batches.COPIED_ELEMENTS
    np.testing.assert_array_equal(found, expected)


def test_no_copy_no_parts(monkeypatch):
    """A convolution without padding reads x itself."""
    _limited(monkeypatch, 0)
    shape = conv_shape("test", (7, 3, 6, 5), (18, 3, 3, 3))
    assert not hasattr(batches.correlation_plan(filter_vectorized.fprop_plan, shape, FLOAT32), "parts")
