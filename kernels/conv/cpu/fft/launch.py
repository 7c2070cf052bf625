"""Plans of the passes by the FFT, and what kernels/conv/fft/passes.py takes from a target.

The error of an output is that of its image's norm, whether the output sees the bright part of the image or not. Images
with an outlier or with a result that is not finite are computed directly (guard.py).
"""

from functools import partial

import numpy as np

from ....cpu import parallel
from ....cpu.plan import cached
from ...fft import passes
from ...outliers import fft_limit
from .. import direct, direct_wgrad
from ..guard import compute_again, outliers
from . import spectra

WORKSPACE_BYTES = 32 << 20
"""Of spectra at a time, of three frames at least. (Xeon with AVX-512, 2026-11)"""


@cached
def fprop_plan(shape, dtype):
    """The plan of a forward pass."""
    return FftPlan(shape, "fprop", dtype, shape.k, direct.fprop_plan)


@cached
def dgrad_plan(shape, dtype):
    """The plan of an input gradient."""
    return FftPlan(shape, "dgrad", dtype, shape.c, direct.dgrad_plan)


@cached
def wgrad_plan(shape, dtype):
    """The plan of a weight gradient."""
    return FftWgradPlan(shape, dtype)


class FftPlan:
    """The plan of a forward pass or an input gradient, called as correlation.CorrelationPlan is."""

    def __init__(self, shape, operation, dtype, filters, direct_plan, workspace=WORKSPACE_BYTES):
        parallel.start_pool()
        self.problem, self.workspace = (shape, operation), workspace
        self.no_bias, self.no_pre_activation = np.zeros(filters, dtype), np.empty((0, 0, 0, 0), dtype)
        self.direct = partial(_direct_plan, direct_plan, shape, dtype)

    def launch(self, x, w, bias, activation, slope, pre_activation, y):
        """Compute the images by the FFT, then some of them again."""
        redo = outliers(x, fft_limit(x[0, 0].size))
        if not redo.all():
            arguments = bias, activation, slope, pre_activation, y, redo
            passes.correlate(spectra, *self.problem, x, w, *arguments, self.workspace)
        compute_again(redo, self.direct, x, w, bias, activation, slope, pre_activation, y)


class FftWgradPlan:
    """The plan of a weight gradient, computed again by another where it is not finite."""

    def __init__(self, shape, dtype, workspace=WORKSPACE_BYTES):
        parallel.start_pool()
        self.shape, self.workspace, self.none = shape, workspace, np.empty(0, dtype)
        self.direct = partial(_direct_plan, direct_wgrad.wgrad_plan, shape, dtype, shape.n)

    def launch(self, x, dy, dw):
        """Compute dw by the FFT, and directly if need be."""
        redo = np.zeros(self.shape.groups, bool)
        passes.wgrad(spectra, self.shape, x, dy, self.none, dw, redo, self.workspace)
        if redo.any():
            self.direct().launch(x, dy, dw)


@cached
def _direct_plan(make_plan, shape, dtype, images):
    """The direct algorithm's plan for some images of a problem."""
    return make_plan(shape._replace(n=images), dtype)
