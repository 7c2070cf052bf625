"""The catalogue of operations: for each public function, calls that work, wrong arguments, gradients and peer.

`OPERATIONS` serves `gpuconv check`, the comparison with PyTorch (`gpuconv.testing.torch_peer`), `gpuconv.warmup`, and
the tests on the CPU, on the emulator and of wrong input. A new operation is one entry here.
"""

from .catalogue import OPERATIONS, operation_checks, valid_calls
from .check import CheckResult, check_operations
from .operation import Gradient, Operation, OperationCall, OperationCheck, Sample
from .wrong import WRONG_OPTIONS, wrong_options

__all__ = [
    "OPERATIONS",
    "WRONG_OPTIONS",
    "CheckResult",
    "Gradient",
    "Operation",
    "OperationCall",
    "OperationCheck",
    "Sample",
    "check_operations",
    "operation_checks",
    "valid_calls",
    "wrong_options",
]
