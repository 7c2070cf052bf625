"""The gradient of every operation against finite differences and float64: what `gpuconv check` runs.

float64 is checked against finite differences of the forward function; the smaller types against the float64 gradient.
"""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from ...core.device import to_device, use_device
from ...core.dtypes import half_types
from ..gradients import DIFFERENCE_TOLERANCE, GradientError, check_gradients, relative_error, tolerance
from .catalogue import operation_checks
from .operation import OperationCheck
from .sums import summed


class CheckResult(NamedTuple):
    """One row of the table."""

    name: str
    dtype: str
    error: float
    tolerance: float

    @property
    def passed(self) -> bool:
        """Whether the error is within the tolerance; NaN is not."""
        return self.error <= self.tolerance


def check_operations(device: str = "auto") -> list[CheckResult]:
    """Check the gradients of every operation on a device.

    Parameters
    ----------
    device : {"auto", "cpu", "cuda", "emulator"}

    Returns
    -------
    list of CheckResult
        One for each operation and type: float64, float32 and float16, and bfloat16 where ml_dtypes is installed. A
        wrong gradient is a row with its error, not an exception.

    Raises
    ------
    DeviceError
        If the device is not available.
    """
    with use_device(device):
        return [row for check in operation_checks() for row in (_differences(check), *_against_double(check))]


def _differences(check: OperationCheck) -> CheckResult:
    try:
        report = check_gradients(check.forward, check.backward, *check.inputs(np.float64))
    except GradientError:
        return CheckResult(check.name, "float64", float("inf"), DIFFERENCE_TOLERANCE)
    return CheckResult(check.name, "float64", report.error, report.tolerance)


def _against_double(check: OperationCheck) -> Iterator[CheckResult]:
    """Compare the gradients of each smaller type with those of the same values in float64."""
    for dtype in (np.dtype(np.float32), *half_types()):
        inputs = check.inputs(dtype)
        dy = np.random.default_rng(2).standard_normal(check.forward(*inputs).shape).astype(dtype)
        doubles = [a.astype(np.float64) for a in inputs]
        found = check.backward(to_device(dy), *inputs)
        expected = check.backward(to_device(dy.astype(np.float64)), *doubles)
        allowed, error = tolerance(dtype, check.terms), 0.0
        for position, (a, double) in enumerate(zip(found, expected, strict=True)):
            if a is not None and double is not None:
                terms, magnitude = summed(check.argument(position), a, dy) or (check.terms, None)
                one = relative_error(a, double, magnitude) * (allowed / tolerance(dtype, terms))
                error = max(error, one)
        yield CheckResult(check.name, dtype.name, error, allowed)
