"""What all optimisers share: the parameters, the checks before a step, and the state that a run goes on from."""

from collections.abc import Iterable, Mapping
from typing import Any, ClassVar

from ..core.arrays import FLOATING, contiguous, floating, same_device, shaped
from ..core.device import Array, array_module, device_of, is_cupy, kernels_for, on_device_of, to_device
from ..core.graph import every_time
from ..core.half import alike, is_half, store, wide, widened
from ..nn.parameter import Parameter


class Optimizer:
    """Base of the optimisers.

    A subclass names its options, which are attributes, the arrays it keeps for each parameter, and its kernel;
    `_step_of` says what a step of one parameter works on.

    Parameters
    ----------
    parameters : iterable of Parameter

    Raises
    ------
    TypeError
        If something else than a Parameter is to be optimised.
    ValueError
        If there is nothing to optimise, or a parameter occurs twice.
    """

    lr: float
    initial_lr: float | None = None
    """The rate the first schedule found; the ones after it start from there too."""
    kernel: ClassVar[str]
    """The launcher's name."""
    options: ClassVar[tuple[str, ...]] = ()
    buffers: ClassVar[tuple[str, ...]] = ()
    """Arrays that a parameter's state may hold, each like the parameter; of 16-bit parameters in float32."""

    def __init__(self, parameters: Iterable[Parameter]) -> None:
        self.parameters = list(parameters)
        self.name = type(self).__name__
        if not self.parameters:
            raise ValueError(f"{self.name}: parameters is empty, expected at least one Parameter")
        for i, parameter in enumerate(self.parameters):
            if not isinstance(parameter, Parameter):
                raise TypeError(f"{self.name}: parameters[{i}] is a {type(parameter).__name__}, expected a Parameter")
        if len({id(parameter) for parameter in self.parameters}) < len(self.parameters):
            raise ValueError(f"{self.name}: a parameter occurs twice in parameters, expected each once")
        self.state: list[dict[str, Any]] = [{} for _ in self.parameters]

    def step(self) -> None:
        """Move every parameter that has a gradient.

        Raises
        ------
        TypeError
            If a gradient or a state differs from its parameter in dtype or device.
        ValueError
            If it has another shape, or a parameter's array is not C-contiguous or is read-only. Nothing is moved then.
        """
        gradients = [self._gradient(i) for i in range(len(self.parameters))]
        every_time(lambda: self._move(gradients))  # rates and counts are the host's

    def _move(self, gradients: list[Array | None]) -> None:
        """All parameters that have a gradient; those of one kind with one launch."""
        alike: dict[Any, list[tuple[Array | None, ...]]] = {}
        narrow = []
        for parameter, gradient, state in zip(self.parameters, gradients, self.state, strict=True):
            if gradient is not None:
                w: Any = parameter.data
                with on_device_of(w):
                    moved = widened(w)
                    arrays, constants = self._step_of(moved, widened(gradient), state)
                if moved is not w:
                    narrow.append((moved, w))
                absent = tuple(a is None for a in arrays)
                home = w.device.id if is_cupy(w) else None
                alike.setdefault((home, moved.dtype, absent, constants), []).append(arrays)
        for (*_, constants), several in alike.items():
            with on_device_of(several[0][0]):
                getattr(kernels_for(several[0][0]).optim, self.kernel)(several, *constants)
        for moved, w in narrow:
            store(moved, w)

    def zero_grad(self) -> None:
        """Forget the gradients."""
        for parameter in self.parameters:
            parameter.grad = None

    def state_dict(self) -> dict[str, Any]:
        """Options and what is kept for each parameter, arrays not copied, laid out as torch.optim does.

        Returns
        -------
        dict
            {"state": {position: {name: array or number}}, "param_groups": [{option: value, "params": positions}]}
        """
        options = {name: getattr(self, name) for name in (*self.options, "initial_lr")}
        if self.initial_lr is None:
            del options["initial_lr"]
        kept = {i: dict(state) for i, state in enumerate(self.state) if state}
        return {"state": kept, "param_groups": [{**options, "params": list(range(len(self.parameters)))}]}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take up where the optimiser that gave the state stood; the next steps give the same bits.

        Parameters
        ----------
        state : mapping
            From `state_dict`; or a torch optimiser's, its tensors turned into NumPy arrays. Arrays are copied.

        Raises
        ------
        ValueError
            If it had another number of parameters or several groups, lacks an option, or an array has another shape;
            nothing is changed then.
        """
        groups = state["param_groups"]
        if len(groups) != 1:
            raise ValueError(f"{self.name}: state has {len(groups)} groups of parameters, expected 1")
        if len(groups[0]["params"]) != len(self.parameters):
            raise ValueError(
                f"{self.name}: state has {len(groups[0]['params'])} parameters, expected {len(self.parameters)}"
            )
        if missing := [name for name in self.options if name not in groups[0]]:
            raise ValueError(f"{self.name}: state has no option {missing[0]}, expected {', '.join(self.options)}")
        loaded = [self._loaded(i, state["state"].get(i, {})) for i in range(len(self.parameters))]
        for name in self.options:
            setattr(self, name, groups[0][name])
        self.initial_lr = groups[0].get("initial_lr")
        self.state = loaded

    def _step_of(self, w: Array, dw: Array, state: dict[str, Any]) -> tuple[tuple[Array | None, ...], tuple[Any, ...]]:
        """The arrays of one parameter's next step, w first, and the kernel's constants; the state counts the step."""
        raise TypeError(f"{type(self).__name__} defines no step")

    def _zeros(self, state: dict[str, Any], name: str, w: Array) -> Array:
        """An array of a parameter's state, zero at first."""
        if name not in state:
            state[name] = array_module(w).zeros_like(w)
        return state[name]

    def _gradient(self, i: int) -> Array | None:
        """A parameter's gradient, checked against it and its state."""
        parameter = self.parameters[i]
        if parameter.grad is None:
            return None
        w, state = parameter.data, self.state[i]
        kept = {name: state[name] for name in self.buffers if name in state}
        gradient = _checked(self.name, w, parameter.grad, kept)
        if gradient.shape != w.shape:
            shaped(self.name, f"the gradient of parameters[{i}]", gradient, w.shape, "its parameter's shape")
        if not w.flags.c_contiguous:  # a copy would be moved instead
            raise ValueError(f"{self.name}: parameters[{i}] has strides {w.strides}, expected a C-contiguous array")
        if not getattr(w.flags, "writeable", True):
            raise ValueError(f"{self.name}: parameters[{i}] is read-only, expected a writeable array")
        for name, a in kept.items():
            if a.shape != w.shape:  # asked first, as a name for the message takes longer than a small update
                shaped(self.name, f"{name} of parameters[{i}]", a, w.shape, "its parameter's shape")
        return gradient

    def _loaded(self, i: int, state: Mapping[str, Any]) -> dict[str, Any]:
        """A copy of what was kept for a parameter, as this optimiser keeps it."""
        data, loaded = self.parameters[i].data, {}
        for name, value in state.items():
            if name not in self.buffers:
                loaded[name] = int(value)  # steps
            elif value is not None:
                shaped(self.name, f"{name} of parameters[{i}] in state", value, data.shape, "its parameter's shape")
                moved = to_device(value, device_of(data))
                loaded[name] = array_module(moved).array(moved, dtype=wide(data.dtype), order="C")
        return loaded


def _checked(op: str, w: Array, gradient: Array, kept: Mapping[str, Array]) -> Array:
    """The gradient, C-contiguous; a parameter of 16 bits has one of its own type, and a state in float32."""
    if not is_half(getattr(w, "dtype", FLOATING[0])):
        _, gradient, *_ = floating(op, data=w, grad=gradient, **kept)
        return gradient
    alike(op, data=w, grad=gradient)
    if kept:
        floating(op, **kept)
        same_device(op, data=w, **kept)
    return contiguous(gradient)
