"""Modules: what holds parameters, computes forward, and hands gradients back."""

from collections.abc import Iterator, Mapping
from typing import Any, Self

from ..backend import Array, array_module, device_of, to_device


class Parameter:
    """An array to be learned, and its gradient.

    Parameters
    ----------
    data : array
    """

    def __init__(self, data: Array) -> None:
        self.data = data
        self.grad: Array | None = None

    def accumulate(self, gradient: Array) -> None:
        """Add to the gradient, as torch does until zero_grad."""
        if self.grad is None:
            self.grad = gradient
        else:
            self.grad += gradient


class Module:
    """Base of all layers.

    A subclass computes `forward(x)`, keeping what `backward` needs, and `backward(dy)`, which adds to its parameters'
    gradients and returns dx. Parameters and modules assigned to attributes are found by themselves.
    """

    training: bool = True

    def forward(self, x: Array) -> Array:
        """The layer's result."""
        raise TypeError(f"{type(self).__name__} defines no forward pass")

    def backward(self, dy: Array, *, input_grad: bool = True) -> Array | None:
        """Gradients of the parameters, added to them, and of the input.

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
        """The result of `forward`."""
        return self.forward(x)

    def children(self) -> Iterator[tuple[str, "Module"]]:
        """Modules assigned to attributes, by name."""
        for name, value in vars(self).items():
            if isinstance(value, Module):
                yield name, value

    def named_modules(self, prefix: str = "") -> Iterator[tuple[str, "Module"]]:
        """The module itself and all below it, by their paths."""
        yield prefix, self
        for name, child in self.children():
            yield from child.named_modules(f"{prefix}.{name}" if prefix else name)

    def named_parameters(self) -> Iterator[tuple[str, Parameter]]:
        """All parameters, by their paths: the keys of torch.nn."""
        for path, module in self.named_modules():
            for name, value in vars(module).items():
                if isinstance(value, Parameter):
                    yield f"{path}.{name}" if path else name, value

    def parameters(self) -> Iterator[Parameter]:
        """All parameters, as an optimiser takes them."""
        for _, parameter in self.named_parameters():
            yield parameter

    def zero_grad(self) -> None:
        """Forget all gradients."""
        for parameter in self.parameters():
            parameter.grad = None

    def train(self, mode: bool = True) -> Self:
        """Switch every module below to training (or, with False, to evaluation)."""
        for _, module in self.named_modules():
            module.training = mode
        return self

    def eval(self) -> Self:
        """Switch every module below to evaluation."""
        return self.train(False)

    def to(self, device: str) -> Self:
        """Move all parameters to a device; gradients are forgotten where something moves.

        Parameters
        ----------
        device : {"cpu", "cuda"}
        """
        for parameter in self.parameters():
            moved = to_device(parameter.data, device)
            if moved is not parameter.data:
                parameter.data, parameter.grad = moved, None
        return self

    def state_dict(self) -> dict[str, Array]:
        """All parameters' arrays, not copied, by their paths."""
        return {name: parameter.data for name, parameter in self.named_parameters()}

    def load_state_dict(self, state: Mapping[str, Array]) -> None:
        """Copy arrays into the parameters.

        Parameters
        ----------
        state : mapping of str to array
            As state_dict gives it, or a torch.nn module's, as NumPy arrays.

        Raises
        ------
        ValueError
            If keys are missing or unexpected, or arrays have other shapes; it names them all, and nothing is changed.
        """
        mine = dict(self.named_parameters())
        wrong = [f"no entry for {name}" for name in mine if name not in state]
        wrong += [f"unexpected entry {name}" for name in state if name not in mine]
        wrong += [
            f"{name} has shape {tuple(state[name].shape)}, expected {parameter.data.shape}"
            for name, parameter in mine.items()
            if name in state and tuple(state[name].shape) != parameter.data.shape
        ]
        if wrong:
            raise ValueError(f"load_state_dict: {'; '.join(wrong)}")
        for name, parameter in mine.items():
            moved = to_device(state[name], device_of(parameter.data))
            parameter.data = array_module(moved).array(moved, dtype=parameter.data.dtype, order="C")

    def saved(self, value: Any) -> Any:
        """What forward kept for backward; an error where there was no forward pass."""
        if value is None:
            raise RuntimeError(f"{type(self).__name__}.backward was called before forward")
        return value


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
        paths: dict[int, str] = {}
        for path, module in self.named_modules():
            if id(module) in paths:
                raise ValueError(
                    f"Sequential: modules {paths[id(module)]} and {path} are the same {type(module).__name__}, "
                    "expected one for each place"
                )
            paths[id(module)] = path

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
