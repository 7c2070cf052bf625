"""What an optimizer may be given to optimize, and a guess at the mistake where it is something else."""

from collections.abc import Iterable
from typing import Any

from ..core.hints import described
from ..nn.checks import only
from ..nn.module import Module
from ..nn.parameter import Parameter


def checked_parameters(op: str, params: Iterable[Parameter]) -> list[Parameter]:
    """The parameters as a list, each once.

    Raises
    ------
    TypeError
        If params is a module, an array, or holds something else than parameters.
    ValueError
        If it is empty, or a parameter occurs twice.
    """
    if isinstance(params, Module):
        kind = type(params).__name__
        raise TypeError(f"{op}: params is a {kind}, expected its parameters: {op}(model.parameters(), ...)")
    if isinstance(params, Parameter):
        raise TypeError(f"{op}: params is a Parameter, expected several of them: [parameter]")
    if hasattr(params, "shape") or not isinstance(params, Iterable):
        raise TypeError(f"{op}: params is {_kind(params)}, expected parameters: model.parameters()")
    parameters = list(params)
    if not parameters:
        hint = "; a generator such as model.parameters() can be used once" if not hasattr(params, "__len__") else ""
        raise ValueError(f"{op}: params is empty, expected at least one Parameter{hint}")
    for i, parameter in enumerate(parameters):
        if not isinstance(parameter, Parameter):
            hint = _hint(parameter)
            raise TypeError(f"{op}: params[{i}] is {_kind(parameter)}, expected a Parameter{hint}")
    if len({id(parameter) for parameter in parameters}) < len(parameters):
        raise ValueError(f"{op}: a parameter occurs twice in params, expected each once")
    return parameters


def refuse_differentiable(op: str, differentiable: Any) -> None:
    """Refuse PyTorch's differentiable=True; `foreach`, `fused` and `capturable` change no result and need no check."""
    only(op, "differentiable", differentiable, False, "an update has no gradient")


def _kind(value: Any) -> str:
    if type(value).__module__.startswith("torch."):
        return f"a torch {type(value).__name__}"
    return described(value) if hasattr(value, "shape") else f"a {type(value).__name__}"


def _hint(value: Any) -> str:
    if isinstance(value, Module):
        return "; a module's are module.parameters()"
    if isinstance(value, dict):
        return "; groups of parameters are not supported, make an optimizer for each"
    if isinstance(value, tuple):
        return "; pass model.parameters(), without names"
    if hasattr(value, "shape") and not _kind(value).startswith("a torch"):
        return ", which is made by nn.Parameter(array)"
    return ""
