"""Time the convolution algorithms of a model's shapes on this machine, and use the quickest from then on."""

import copy
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from ..conv import tuned
from ..conv.tuned import Problem
from ..core.device import array_module, device, kernels_for, to_device
from ..core.options import one_of
from ..core.progress import shown
from ..core.shapes import any_shape
from . import file
from .timing import Choice, measure

if TYPE_CHECKING:
    from ..nn import Module

__all__ = ["Choice", "forget", "tune"]


def tune(
    model: "Module", input_shape: Sequence[int], *, dtype: str = "float32", again: bool = False, progress: bool = True
) -> list[Choice]:
    """Time the convolution algorithms of a model's shapes, once, and let `algorithm="auto"` take the quickest.

    Without this call "auto" is a pure function of shape, dtype and target. After it, what was measured decides for the
    model's problems in this process. The measurements are kept in a file, by version, device and number of threads: a
    script calls `tune` at its start, measures in its first run and reads the file in later ones.

    Parameters
    ----------
    model : Module
        A copy is run and differentiated once; the model itself stays as it is.
    input_shape : sequence of int
        Of a batch as the model will be given it, (N, C, H, W).
    dtype : {"float32", "float64", "float16"}
        Of the batch.
    again : bool
        Measure what the file has, too.
    progress : bool
        Show a progress bar if rich is installed (`gpuconv[train]`) and the output is a terminal.

    Returns
    -------
    list of Choice
        The algorithm, its time and that of the automatic choice, for each pass of each convolution.

    Raises
    ------
    TypeError
        If model is no Module.
    ValueError
        If the shape or the dtype is of no use, or the device is the emulator, whose times tell nothing.

    Notes
    -----
    An algorithm replaces the automatic choice if it takes at most 95 % of its time, in the quickest of five rounds.
    Algorithms differ in the last bits of their results, so a tuned script gives the same bits as long as the file
    stays. Under `gpuconv.precision("exact")` direct forms alone are taken. `gpuconv.tuning.forget()` restores "auto".

    Examples
    --------
    >>> model = gpuconv.nn.Sequential(gpuconv.nn.Conv2d(3, 8, 3), gpuconv.nn.ReLU())
    >>> choices = gpuconv.tune(model, (16, 3, 32, 32))  # doctest: +SKIP
    """
    from ..nn import Module

    if not isinstance(model, Module):
        raise TypeError(f"tune: model is {type(model).__name__}, expected a gpuconv.nn.Module")
    shape = any_shape("tune", "input_shape", input_shape)
    one_of("tune", "dtype", dtype, ("float32", "float64", "float16"))
    if device() == "emulator":
        raise ValueError("tune: the device is the emulator, whose times tell nothing; expected the CPU or a GPU")
    like = to_device(np.zeros(1, dtype))
    problems = _problems(model, shape, dtype)
    known = {choice.problem: choice for choice in file.read(like) if choice.is_supported(kernels_for(like), like)}
    new = [problem for problem in problems if again or problem not in known]
    tuned.forget(new)
    measured = [measure(problem) for problem in (shown(new, "timing algorithms") if progress else new)]
    if measured:
        file.add(measured, like)
    known.update((choice.problem, choice) for choice in measured)
    found = [known[problem] for problem in problems]
    tuned.choose({choice.problem: choice.algorithm for choice in found if choice.algorithm != "auto"})
    return found


def forget() -> None:
    """Take what "auto" means by itself again, for every problem; the file of measurements stays."""
    tuned.forget()


def _problems(model: "Module", shape: Sequence[int], dtype: str) -> list[Problem]:
    """The convolution passes of a training step, met by a copy of the model."""
    model = copy.deepcopy(model).train()
    with tuned.recording() as found:
        y = model(to_device(np.random.default_rng(0).standard_normal(shape).astype(dtype)))
        model.backward(array_module(y).ones_like(y))
    return list(found)
