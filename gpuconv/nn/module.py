"""Modules: what holds parameters, computes forward, and hands gradients back."""

from collections.abc import Iterator, Mapping
from typing import Any, Self

from ..core.device import Array, array_module, device_of, to_device


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


class Buffer:
    """An array that belongs to a module's state but is not learned: running statistics.

    Parameters
    ----------
    data : array
    """

    def __init__(self, data: Array) -> None:
        self.data = data


class Module:
    """Base of all layers.

    A subclass computes `forward(x)`, keeping what `backward` needs, and `backward(dy)`, which adds to its parameters'
    gradients and returns dx. Parameters, buffers and modules assigned to attributes are found by themselves.
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
        return ((name, value) for name, value in self._state() if isinstance(value, Parameter))

    def named_buffers(self) -> Iterator[tuple[str, Buffer]]:
        """All buffers, by their paths."""
        return ((name, value) for name, value in self._state() if isinstance(value, Buffer))

    def _state(self) -> Iterator[tuple[str, Parameter | Buffer]]:
        """Parameters and buffers in the order of torch.nn: module by module, a module's buffers last."""
        for path, module in self.named_modules():
            for kind in (Parameter, Buffer):
                for name, value in vars(module).items():
                    if isinstance(value, kind):
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
        """All parameters' and buffers' arrays, not copied, by their paths."""
        return {name: entry.data for name, entry in self._state()}

    def load_state_dict(self, state: Mapping[str, Array]) -> None:
        """Copy arrays into the parameters and buffers.

        Parameters
        ----------
        state : mapping of str to array
            As state_dict gives it, or a torch.nn module's, as NumPy arrays.

        Raises
        ------
        ValueError
            If keys are missing or unexpected, or arrays have other shapes; it names them all, and nothing is changed.
        """
        mine = dict(self._state())
        wrong = [f"no entry for {name}" for name in mine if name not in state]
        wrong += [f"unexpected entry {name}" for name in state if name not in mine]
        wrong += [
            f"{name} has shape {tuple(state[name].shape)}, expected {entry.data.shape}"
            for name, entry in mine.items()
            if name in state and tuple(state[name].shape) != entry.data.shape
        ]
        if wrong:
            raise ValueError(f"load_state_dict: {'; '.join(wrong)}")
        for name, entry in mine.items():
            moved = to_device(state[name], device_of(entry.data))
            entry.data = array_module(moved).array(moved, dtype=entry.data.dtype, order="C")

    def saved(self, value: Any) -> Any:
        """What forward kept for backward; an error where there was no forward pass."""
        if value is None:
            raise RuntimeError(f"{type(self).__name__}.backward was called before forward")
        return value
