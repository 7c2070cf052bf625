"""What layers and containers check, with a guess at the mistake: the error names the layer and its option."""

import inspect
import math
import sys
from typing import Any

from ..core.arrays import require_array
from ..core.hints import channels_last_hint, described
from ..core.typing import Array

LAYOUTS = {2: "(N, C)", 3: "(N, C, W)", 4: "(N, C, H, W)", 5: "(N, C, D, H, W)"}


def only(op: str, name: str, value: Any, default: Any, instead: str = "") -> None:
    """Refuse an option of PyTorch's that gpuconv does not have, unless it has its default.

    Parameters
    ----------
    op, name : str
        Class and option, for the error message.
    value, default : object
    instead : str
        What to do instead, if anything.

    Raises
    ------
    ValueError
        If the value is not the default.
    """
    if value is not default and not (type(value) is type(default) and value == default):
        hint = f"; {instead}" if instead else ""
        raise ValueError(f"{op}: {name} is {described(value)}, expected {default!r}{hint}")


def require_module(op: str, name: str, value: Any) -> None:
    """Refuse what is no module, and guess what was meant: an instance, separate arguments, a layer for a function."""
    from .module import Module

    if isinstance(value, Module):
        return
    if isinstance(value, type):
        hint = f"{name} is the class {value.__name__}, expected an instance; add parentheses: {value.__name__}(...)"
    elif isinstance(value, (list, tuple)):
        hint = f"{name} is a {type(value).__name__}, expected a module; modules in a row are nn.Sequential(*modules)"
    elif inspect.isroutine(value):
        hint = f"{name} is the function {value.__name__}, expected a module{_layer_for(value.__name__)}"
    else:
        kind = f"{type(value).__module__}.{type(value).__qualname__}".removeprefix("builtins.")
        other = "; layers of torch.nn do not run on NumPy arrays" if kind.startswith("torch.") else ""
        hint = f"{name} is a {kind}, expected a module, such as nn.ReLU(){other}"
    raise TypeError(f"{op}: {hint}")


def _layer_for(function: str) -> str:
    """The layer that computes a function: nn.ReLU for relu."""
    from .. import nn

    wanted = function.replace("_", "").lower()
    found = [name for name in nn.__all__ if name.lower() == wanted]
    return f": nn.{found[0]}()" if found else ""


def require_input(op: str, x: Any, weight: Array | None, ranks: tuple[int, ...], channels: int, option: str) -> None:
    """Refuse an input that does not fit a layer, by its kind, dtype, dimensions and channels.

    Parameters
    ----------
    op : str
        The layer's class.
    x : object
    weight : array, optional
        The layer's weights, of which x has the dtype.
    ranks : tuple of int
        Dimensions x may have, channels second.
    channels : int
        Channels the layer was made for.
    option : str
        The layer's option that says so, such as in_channels.

    Raises
    ------
    TypeError
        If x is no array, or has another dtype than the weights.
    ValueError
        If it has other dimensions or channels.
    """
    require_array(op, "x", x)
    if weight is not None and x.dtype != weight.dtype:
        raise TypeError(_wrong_dtype(op, x, weight))
    shape = tuple(x.shape)
    if len(shape) not in ranks:
        layouts = " or ".join(LAYOUTS[rank] for rank in ranks)
        raise ValueError(f"{op}: x has shape {shape}, expected {layouts}{_missing_axis(shape, ranks, channels)}")
    if shape[1] != channels:
        hint = channels_last_hint(shape, channels) or f"; x has shape {shape}"
        raise ValueError(f"{op}: x has {shape[1]} channels, expected {channels} ({option}){hint}")


def require_features(op: str, x: Any, weight: Array, features: int) -> None:
    """Refuse an input that does not fit a linear layer, as `require_input` does."""
    require_array(op, "x", x)
    if x.dtype != weight.dtype:
        raise TypeError(_wrong_dtype(op, x, weight))
    shape = tuple(x.shape)
    if len(shape) == 2 and shape[1] == features:
        return
    if len(shape) > 2 and math.prod(shape[1:]) == features:
        hint = "; put nn.Flatten() before it"
    elif shape == (features,):
        hint = f"; one sample is x[None], of shape {(1, *shape)}"
    else:
        hint = ""
    raise ValueError(f"{op}: x has shape {shape}, expected (N, {features}) (in_features){hint}")


def _wrong_dtype(op: str, x: Array, weight: Array) -> str:
    name = weight.dtype.name
    other = f", or make the layer with dtype=np.{x.dtype.name}" if x.dtype.kind == "f" else ""
    convert = f"convert it with x.astype(np.{name}){other}" if name != "bfloat16" else "convert it with x.astype"
    return f"{op}: x has dtype {x.dtype}, expected {name} like the layer's weights; {convert}"


def _missing_axis(shape: tuple[int, ...], ranks: tuple[int, ...], channels: int) -> str:
    """A hint where one axis is missing: the batch's, or that of gray images."""
    if len(shape) + 1 not in ranks or len(shape) < 2:
        return ""
    if shape[0] == channels:
        return f"; one sample is x[None], of shape {(1, *shape)}"
    if channels == 1:
        return f"; images of one channel are x[:, None], of shape {(shape[0], 1, *shape[1:])}"
    return ""


def name_layer(error: Exception, module: object, suffix: str = "") -> None:
    """Let the error of a function that a layer calls name the layer: `conv2d: ...` becomes `Conv2d: ...`."""
    op, colon, message = str(error).partition(": ")
    if colon and type(module).__module__.startswith("gpuconv.nn.") and op in sys.modules["gpuconv"].__all__:
        error.args = (f"{type(module).__name__}{suffix}: {message}",)
