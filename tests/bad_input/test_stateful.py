"""Sequences of calls, each on results of those before: what comes out goes in again, anywhere.

GPUCONV_FUZZ=10000 takes as many steps in all; the suite takes a few hundred.
"""

import inspect
import os

import numpy as np
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, initialize, invariant, multiple, rule

import gpuconv
from gpuconv.testing.operations import valid_calls
from tests.arrays import numbers

CALLS = valid_calls()
STEPS = 20
RUNS = max(1, int(os.environ.get("GPUCONV_FUZZ", "300")) // STEPS)
IN_PLACE = ("out", "running_mean", "running_var")
REFUSED = (ValueError, TypeError, MemoryError, gpuconv.DeviceError)


class Session(RuleBasedStateMachine):
    """A user who tries things out at the prompt."""

    arrays = Bundle("arrays")

    def __init__(self):
        super().__init__()
        self.known = []  # (array, what it held): nothing but in-place arguments may change

    @initialize(target=arrays, shape=st.sampled_from([(2, 4, 6, 6), (4,), (2, 4), (4, 4, 3, 3)]))
    def begin(self, shape):
        """Something to start from."""
        return self._keep(numbers(*shape))

    @rule(target=arrays, name=st.sampled_from(sorted(CALLS)), drawn=st.data())
    def call(self, name, drawn):
        """A function on its own arguments, one or two of which are arrays from before."""
        options = list(inspect.signature(getattr(gpuconv, name)).parameters)
        arguments = dict(CALLS[name])
        for option in drawn.draw(st.lists(st.sampled_from(options), max_size=2, unique=True)):
            arguments[option] = drawn.draw(st.sampled_from([a for a, _ in self.known]))
        arguments = {
            key: a.copy() if key in IN_PLACE and isinstance(a, np.ndarray) else a for key, a in arguments.items()
        }
        with np.errstate(all="ignore"):
            try:
                results = getattr(gpuconv, name)(**arguments)
            except REFUSED as error:
                assert str(error).startswith(f"{name}: ") or isinstance(error, MemoryError), error
                return multiple()
        results = results if isinstance(results, tuple) else (results,)
        return multiple(*(self._keep(a) for a in results if a.nbytes < 1 << 20))

    def _keep(self, a):
        if not any(a is known for known, _ in self.known):
            self.known.append((a, a.copy()))
        return a

    @invariant()
    def nothing_has_changed(self):
        """Of all arrays so far, whatever was called on them."""
        for a, original in self.known:
            assert a.tobytes() == original.tobytes()


TestSession = Session.TestCase
TestSession.settings = settings(
    max_examples=RUNS, stateful_step_count=STEPS, deadline=None, suppress_health_check=list(HealthCheck),
    derandomize=RUNS < 50,
)  # fmt: skip
