"""Modules made of modules."""

from collections.abc import Iterator

from ..core.device import Array
from ..join.functional import add
from .module import Module


class Sequential(Module):
    """Modules one after the other, called "0", "1", ... in the state as in torch.nn.

    Parameters
    ----------
    *modules : Module
        Each once: a module keeps its last input, so it cannot stand in two places of one pass.

    Raises
    ------
    ValueError
        If a module occurs twice.
    """

    def __init__(self, *modules: Module) -> None:
        self.layers = list(modules)
        require_distinct(self)

    def children(self) -> Iterator[tuple[str, Module]]:
        """The modules in order."""
        return ((str(i), module) for i, module in enumerate(self.layers))

    def __len__(self) -> int:
        return len(self.layers)

    def __getitem__(self, index: int) -> Module:
        return self.layers[index]

    def forward(self, x: Array) -> Array:
        """Each module on the result of the one before."""
        for layer in self.layers:
            x = layer(x)
        return x

    def backward(self, dy: Array, *, input_grad: bool = True) -> Array | None:
        """Each module on the gradient of the one behind, last first."""
        gradient: Array | None = dy
        for i, layer in reversed(list(enumerate(self.layers))):
            gradient = layer.backward(gradient, input_grad=input_grad or i > 0)
        return gradient


class Residual(Module):
    """body(x) + shortcut(x): what a body learns is the difference from its input (He, Zhang, Ren and Sun, 2016).

    Parameters
    ----------
    body : Module
    shortcut : Module, optional
        Default: x itself. Where the body changes the shape, a module that changes it alike.

    Raises
    ------
    ValueError
        If a module occurs twice.
    """

    def __init__(self, body: Module, shortcut: Module | None = None) -> None:
        self.body = body
        self.shortcut = shortcut
        require_distinct(self)

    def forward(self, x: Array) -> Array:
        """The sum of both branches."""
        return add(self.body(x), x if self.shortcut is None else self.shortcut(x))

    def backward(self, dy: Array, *, input_grad: bool = True) -> Array | None:
        """Both branches get dy; what they hand back adds up."""
        through_body = self.body.backward(dy, input_grad=input_grad)
        around = dy if self.shortcut is None else self.shortcut.backward(dy, input_grad=input_grad)
        return add(through_body, around) if input_grad else None


def require_distinct(container: Module) -> None:
    """Refuse a module that stands in two places: it keeps one input, and the other place would lose its own."""
    kind, paths = type(container).__name__, dict[int, str]()
    for path, module in container.named_modules():
        if id(module) in paths:
            raise ValueError(
                f"{kind}: modules {paths[id(module)]} and {path} are the same {type(module).__name__}, "
                "expected one for each place"
            )
        paths[id(module)] = path
