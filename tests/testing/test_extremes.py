"""Every operation on very large and very small numbers: float32 against float64, where that has a value in range."""

import numpy as np
import pytest

from gpuconv.testing.operations.catalogue import OPERATIONS
from gpuconv.testing.operations.operation import OperationCall

HIGHEST, LOWEST = 3e38, 1e-36
"""Values that float32 holds with all digits."""
NAMES = [name for name in OPERATIONS if "conv" not in name and not name.endswith(("_pool1d", "_pool3d", "unpool3d"))]


def _results(operation, sample, arrays, dtype):
    """Everything that the operation and its gradients return."""
    call = OperationCall(operation, sample.named([a.astype(dtype) for a in arrays], dtype))
    found = list(call.results())
    if operation.differentiable:
        dy = np.random.default_rng(1).standard_normal(found[0].shape).astype(dtype)
        found += [a for several in call.backward(dy).values() for a in several]
    return [np.asarray(a) for a in found if np.asarray(a).dtype.kind == "f"]


@pytest.mark.filterwarnings("ignore:overflow", "ignore:invalid", "ignore:divide")
@pytest.mark.parametrize("size", [1e-24, 1e19, 1e37])
@pytest.mark.parametrize("name", NAMES)
def test_extreme_numbers_have_the_values_of_float64(name, size):
    operation = OPERATIONS[name]
    all_scaled = "loss" in name or name in ("add", "concatenate")
    for sample in operation.samples[:3]:
        rng = np.random.default_rng(0)
        shapes = sample.shapes_in_order()
        sizes = [size if i == 0 or all_scaled else 1 for i in range(len(shapes))]
        arrays = [(s * rng.standard_normal(shape)).astype(np.float32) for s, shape in zip(sizes, shapes, strict=True)]
        found, right = (_results(operation, sample, arrays, dtype) for dtype in (np.float32, np.float64))
        for a, b in zip(found, right, strict=True):
            in_range = (np.abs(b) < HIGHEST) & ((np.abs(b) > LOWEST) | (b == 0))
            scale = np.max(np.abs(b), where=in_range, initial=0)
            assert (np.abs(a - b)[in_range] <= 1e-5 * scale).all(), sample.title
