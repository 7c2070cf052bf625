"""Modules made of modules."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Self, overload

from ..core.typing import Array
from ..join.functional import add
from .checks import name_layer, require_module
from .module import Module


class Sequential(Module):
    """Modules one after the other, called "0", "1", ... in the state as in torch.nn, or by names.

    Parameters
    ----------
    *modules : Module
        Or one mapping of names to modules.
    **named : Module
        Modules with names, after the others.

    Raises
    ------
    TypeError
        If something is no module: a class, a function, a list of modules.
    ValueError
        If a module occurs twice: it keeps the input of its last forward pass, and has one.

    Examples
    --------
    >>> from gpuconv import nn
    >>> model = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 2))
    >>> model[:2]
    Sequential(
      (0): Linear(in_features=4, out_features=8, bias=True)
      (1): ReLU()
    )
    >>> named = nn.Sequential(hidden=nn.Linear(4, 8), relu=nn.ReLU())
    >>> named.hidden
    Linear(in_features=4, out_features=8, bias=True)
    """

    def __init__(self, *modules: Module | Mapping[str, Module], **named: Module) -> None:
        first = modules[0] if len(modules) == 1 else None
        entries: dict[str, Any]
        if isinstance(first, Mapping):
            entries = {str(name): module for name, module in first.items()}
        elif isinstance(first, (list, tuple)):
            raise TypeError(
                f"Sequential: got a {type(first).__name__}, expected the modules themselves: Sequential(*modules)"
            )
        else:
            entries = {str(i): module for i, module in enumerate(modules)}
        self._set({**entries, **named})

    @property
    def layers(self) -> list[Module]:
        """The modules in order, as a new list."""
        return list(self.children())

    def __len__(self) -> int:
        return len(self.layers)

    def __iter__(self) -> Iterator[Module]:
        return self.children()

    @overload
    def __getitem__(self, index: int) -> Module: ...
    @overload
    def __getitem__(self, index: slice) -> "Sequential": ...
    def __getitem__(self, index: int | slice) -> Module:
        """Return a module or, of a slice, a Sequential of the same modules under the same names."""
        if isinstance(index, slice):
            return Sequential(dict(list(self.named_children())[index]))
        return self.layers[index]

    def __setitem__(self, index: int, module: Module) -> None:
        entries = list(self.named_children())
        entries[index] = entries[index][0], module
        self._set(dict(entries))

    def __delitem__(self, index: int | slice) -> None:
        entries = list(self.named_children())
        del entries[index]
        self._set(_renumbered(entries))

    def append(self, module: Module) -> Self:
        """Add a module at the end.

        Parameters
        ----------
        module : Module

        Returns
        -------
        Sequential
            Itself.
        """
        return self.insert(len(self), module)

    def extend(self, modules: Iterable[Module]) -> Self:
        """Add modules at the end, and return the container itself."""
        for module in modules:
            self.append(module)
        return self

    def insert(self, index: int, module: Module) -> Self:
        """Add a module before another, and return the container itself; numbered modules after it are renumbered."""
        entries = list(self.named_children())
        entries.insert(index, ("0", module))
        self._set(_renumbered(entries))
        return self

    def forward(self, x: Array) -> Array:
        """Call each module on the result of the one before."""
        for name, layer in self.named_children():
            try:
                x = layer(x)
            except (TypeError, ValueError) as error:
                described = repr(layer).partition("\n")[0]
                error.add_note(f"in module {name} of {type(self).__name__}: {described}")
                raise
        return x

    def backward(self, dy: Array, *, input_grad: bool = True) -> Array | None:
        """Hand the gradient through the modules, last first."""
        gradient: Any = dy
        for i, layer in reversed(list(enumerate(self.children()))):
            try:
                gradient = layer.backward(gradient, input_grad=input_grad or i > 0)
            except (TypeError, ValueError) as error:
                name_layer(error, layer, ".backward")
                raise
        result: Array | None = gradient
        return result

    def _set(self, entries: Mapping[str, Any]) -> None:
        """Make these the modules, all or none, after they were checked."""
        op = type(self).__name__
        for name, module in entries.items():
            require_module(op, f"module {name}", module)
            if hasattr(type(self), name) or "." in name:
                raise ValueError(f"{op}: a module is named {name!r}, expected no dot and no attribute of {op}")
        require_distinct(op, entries)
        for name in [name for name, _ in self.named_children()]:
            del vars(self)[name]
        vars(self).update(entries)


class Residual(Module):
    """body(x) + shortcut(x): a body learns the difference from its input (He, Zhang, Ren and Sun, 2016).

    Parameters
    ----------
    body : Module
    shortcut : Module, optional
        Default: x itself. Where the body changes the shape, a module that changes it alike.

    Raises
    ------
    TypeError
        If body or shortcut is no module.
    ValueError
        If a module occurs twice.

    Examples
    --------
    >>> block = nn.Residual(nn.Sequential(nn.Conv2d(3, 3, 3, padding=1), nn.ReLU()))
    >>> block(np.zeros((1, 3, 8, 8), np.float32)).shape
    (1, 3, 8, 8)
    """

    def __init__(self, body: Module, shortcut: Module | None = None) -> None:
        branches = {"body": body} if shortcut is None else {"body": body, "shortcut": shortcut}
        for name, module in branches.items():
            require_module("Residual", name, module)
        require_distinct("Residual", branches)
        self.body = body
        self.shortcut = shortcut

    def forward(self, x: Array) -> Array:
        """Add both branches."""
        return add(self.body(x), x if self.shortcut is None else self.shortcut(x))

    def backward(self, dy: Array, *, input_grad: bool = True) -> Array | None:
        """Give dy to both branches and add up the gradients they return."""
        through_body: Any = self.body.backward(dy, input_grad=input_grad)
        around: Any = dy if self.shortcut is None else self.shortcut.backward(dy, input_grad=input_grad)
        return add(through_body, around) if input_grad else None


def require_distinct(op: str, entries: Mapping[str, Module]) -> None:
    """Refuse a module that occurs twice: it keeps one input, and the second pass would overwrite that of the first."""
    paths = dict[int, str]()
    for name, entry in entries.items():
        for path, module in entry.named_modules(name):
            if id(module) in paths:
                raise ValueError(
                    f"{op}: modules {paths[id(module)]} and {path} are the same {type(module).__name__}, expected two "
                    "modules: each keeps the input of its last forward pass"
                )
            paths[id(module)] = path


def _renumbered(entries: Iterable[tuple[str, Module]]) -> dict[str, Module]:
    """The entries with their numbers counted anew; names stay."""
    return {str(i) if name.isdecimal() else name: module for i, (name, module) in enumerate(entries)}
