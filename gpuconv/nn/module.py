"""Modules: they hold parameters, compute forward, and hand gradients back."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Self

from ..core.device import array_module, device_of, to_device
from ..core.states import mapping, real_array
from ..core.typing import Array
from .checks import name_layer
from .parameter import Buffer, Parameter


class Module:
    """Base of all layers.

    A subclass computes `forward(x)`, keeping what `backward` needs, and `backward(dy)`, which adds to its parameters'
    gradients and returns dx. Parameters, buffers and modules are registered by assigning them to attributes.

    Examples
    --------
    >>> import numpy as np
    >>> from gpuconv import nn
    >>> class Scale(nn.Module):
    ...     def __init__(self):
    ...         self.factor = nn.Parameter(np.ones((), np.float32))
    ...
    ...     def forward(self, x):
    ...         self._x = x
    ...         return self.factor.data * x
    ...
    ...     def backward(self, dy, *, input_grad=True):
    ...         self.factor.accumulate((dy * self._x).sum())
    ...         return self.factor.data * dy if input_grad else None
    >>> [name for name, _ in nn.Sequential(Scale()).named_parameters()]
    ['0.factor']
    """

    training: bool = True

    def forward(self, x: Array) -> Array:
        """Compute the layer's result."""
        raise TypeError(f"{type(self).__name__} defines no forward pass")

    def backward(self, dy: Array, *, input_grad: bool = True) -> Array | None:
        """Compute the gradients of the parameters, added to them, and of the input.

        Parameters
        ----------
        dy : array
            Gradient of the result of the last forward pass.
        input_grad : bool
            The first layer of a network need not compute the gradient of the data.

        Returns
        -------
        array like the input, or None without input_grad
        """
        raise TypeError(f"{type(self).__name__} defines no backward pass")

    def __call__(self, x: Array) -> Array:
        """Return the result of `forward`."""
        try:
            return self.forward(x)
        except (TypeError, ValueError) as error:
            name_layer(error, self)
            raise

    def __setattr__(self, name: str, value: Any) -> None:
        """Refuse to replace a parameter by an array, or a module by something else: `parameters` would lose it."""
        if not name.startswith("_"):
            found = vars(self).get(name)
            for kind in (Parameter, Buffer, Module):
                if isinstance(found, kind) and not (value is None or isinstance(value, kind)):
                    hint = "" if kind is Module else f"; its values are {name}.data"
                    got = f"is set to a {type(value).__name__}, expected a {kind.__name__} or None{hint}"
                    raise TypeError(f"{type(self).__name__}: {name} {got}")
        super().__setattr__(name, value)

    def named_children(self) -> Iterator[tuple[str, "Module"]]:
        """Yield the modules assigned to attributes, by name."""
        return ((name, value) for name, value in vars(self).items() if isinstance(value, Module))

    def children(self) -> Iterator["Module"]:
        """Yield the modules assigned to attributes."""
        return (child for _, child in self.named_children())

    def named_modules(self, prefix: str = "") -> Iterator[tuple[str, "Module"]]:
        """Yield the module itself and all below it, by their paths."""
        yield prefix, self
        for name, child in self.named_children():
            yield from child.named_modules(f"{prefix}.{name}" if prefix else name)

    def modules(self) -> Iterator["Module"]:
        """Yield the module itself and all below it."""
        return (module for _, module in self.named_modules())

    def apply(self, function: Callable[["Module"], Any]) -> Self:
        """Call a function on every module below and, last, on the module itself."""
        for child in self.children():
            child.apply(function)
        function(self)
        return self

    def named_parameters(self) -> Iterator[tuple[str, Parameter]]:
        """Yield all parameters, by their paths: the keys of torch.nn."""
        return ((name, value) for name, value in self._state() if isinstance(value, Parameter))

    def parameters(self) -> Iterator[Parameter]:
        """Yield all parameters, as an optimizer takes them."""
        return (parameter for _, parameter in self.named_parameters())

    def named_buffers(self) -> Iterator[tuple[str, Buffer]]:
        """Yield all buffers, by their paths."""
        return ((name, value) for name, value in self._state() if isinstance(value, Buffer))

    def buffers(self) -> Iterator[Buffer]:
        """Yield all buffers."""
        return (buffer for _, buffer in self.named_buffers())

    def _state(self) -> Iterator[tuple[str, Parameter | Buffer]]:
        """Parameters and buffers in the order of torch.nn: module by module, a module's buffers last."""
        for path, module in self.named_modules():
            for kind in (Parameter, Buffer):
                for name, value in vars(module).items():
                    if isinstance(value, kind):
                        yield f"{path}.{name}" if path else name, value

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Forget all gradients or, with set_to_none=False, fill them with zeros."""
        for parameter in self.parameters():
            parameter.zero_grad(set_to_none)

    def train(self, mode: bool = True) -> Self:
        """Switch every module below to training (or, with False, to evaluation)."""
        for module in self.modules():
            module.training = mode
        return self

    def eval(self) -> Self:
        """Switch every module below to evaluation."""
        return self.train(False)

    def to(self, device: str) -> Self:
        """Move all parameters and buffers to a device; gradients are forgotten where something moves.

        Parameters
        ----------
        device : {"cpu", "cuda"}
        """
        for _, entry in self._state():
            moved = to_device(entry.data, device)
            if moved is not entry.data:
                entry.data = moved
                if isinstance(entry, Parameter):
                    entry.grad = None
        return self

    def state_dict(self) -> dict[str, Array]:
        """Return all parameters' and buffers' arrays, not copied, by their paths."""
        return {name: entry.data for name, entry in self._state()}

    def load_state_dict(self, state: Mapping[str, Array]) -> None:
        """Copy arrays into the parameters and buffers.

        Parameters
        ----------
        state : mapping of str to array
            As `state_dict` gives it, or a torch.nn module's, as NumPy arrays.

        Raises
        ------
        TypeError
            If state is no mapping, or an entry is no array of real numbers; nothing is changed.
        ValueError
            If keys are missing or unexpected, or arrays have other shapes; it names them all, and nothing is changed.
        """
        state = mapping("load_state_dict", "state", state)
        entries = dict(self._state())
        arrays = {name: real_array("load_state_dict", str(name), a) for name, a in state.items() if name in entries}
        wrong = [f"no entry for {name}" for name in entries if name not in state]
        wrong += [f"unexpected entry {name}" for name in state if name not in entries]
        wrong += [
            f"{name} has shape {tuple(a.shape)}, expected {entries[name].data.shape}"
            for name, a in arrays.items()
            if tuple(a.shape) != entries[name].data.shape
        ]
        if wrong:
            raise ValueError(f"load_state_dict: {'; '.join(wrong)}")
        for name, entry in entries.items():
            moved = to_device(arrays[name], device_of(entry.data))
            entry.data = array_module(moved).array(moved, dtype=entry.data.dtype, order="C")

    def saved(self, value: Any) -> Any:
        """Return what forward kept for backward, or raise if forward has not run."""
        if value is None:
            raise RuntimeError(
                f"{type(self).__name__}.backward was called before forward; compute y = model(x) first, "
                "then model.backward(dy)"
            )
        return value

    def extra_repr(self) -> str:
        """Return the options that `repr` shows, as torch.nn does; a subclass says which."""
        return ""

    def __repr__(self) -> str:
        """Show the module with its options and, indented, the modules below it."""
        name, options = type(self).__name__, self.extra_repr()
        lines = [f"({path}): {child!r}" for path, child in self.named_children()]
        if not lines:
            return f"{name}({options})"
        body = "\n".join([options, *lines] if options else lines)
        return f"{name}(\n  {body.replace(chr(10), chr(10) + '  ')}\n)"
