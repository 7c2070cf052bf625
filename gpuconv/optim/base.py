"""What all optimizers share: the parameters, the checks before a step, and the state that a run resumes from."""

import itertools
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, ClassVar

from ..core import blocks
from ..core.arrays import check_arrays, contiguous, require_writeable, shaped
from ..core.device import array_module, device_of, is_cupy, kernels_for, on_device_of, to_device
from ..core.dtypes import is_half, store, wide, widened
from ..core.graph import host_callback
from ..core.states import count, like, mapping, plain_number, real_array
from ..core.typing import Array
from ..nn.parameter import Parameter
from .parameters import checked_parameters


class Optimizer:
    """Base of the optimizers.

    A subclass names its options, which are attributes, the arrays it keeps for each parameter, and its kernel;
    `_step_of` returns the arrays and constants of one parameter's step.

    Parameters
    ----------
    params : iterable of Parameter

    Raises
    ------
    TypeError
        If params holds something else than parameters.
    ValueError
        If params is empty, or a parameter occurs twice.

    Examples
    --------
    >>> from gpuconv import nn, optim
    >>> optim.SGD(nn.Linear(4, 2).parameters(), 0.1, 0.9)
    SGD(
      parameters: 2 (10 elements)
      lr: 0.1
      momentum: 0.9
      dampening: 0.0
      weight_decay: 0.0
      nesterov: False
      maximize: False
    )
    """

    lr: float
    initial_lr: float | None = None
    """Rate that the first scheduler found, the base of the later ones too."""
    kernel: ClassVar[str]
    """The launcher's name."""
    options: ClassVar[tuple[str, ...]] = ()
    buffers: ClassVar[tuple[str, ...]] = ()
    """Arrays in a parameter's state, each like the parameter; float32 for 16-bit parameters."""

    def __init__(self, params: Iterable[Parameter]) -> None:
        self.name = type(self).__name__
        self.parameters = checked_parameters(self.name, params)
        self.state: list[dict[str, Any]] = [{} for _ in self.parameters]

    def step(self) -> None:
        """Update every parameter that has a gradient.

        Raises
        ------
        TypeError
            If a gradient or a state differs from its parameter in dtype or device.
        ValueError
            If it has another shape, or a parameter's array is not C-contiguous or is read-only; nothing is updated.
        """
        gradients = [self._gradient(i) for i in range(len(self.parameters))]
        host_callback(lambda: self._update(gradients))  # the host counts steps and reads rates

    def _update(self, gradients: list[Array | None]) -> None:
        """Multi-tensor apply: one launch updates all parameters of one device, dtype and set of constants."""
        batches: dict[Any, list[tuple[Any, ...]]] = {}
        for parameter, gradient, state in zip(self.parameters, gradients, self.state, strict=True):
            if gradient is not None:
                w: Any = parameter.data
                with on_device_of(w):
                    arrays, constants = self._step_of(w, gradient, state)
                absent = tuple(a is None for a in arrays)
                gpu = w.device.id if is_cupy(w) else None
                batches.setdefault((gpu, w.dtype, absent, constants), []).append(arrays)
        for (_, dtype, _, constants), batch in batches.items():
            with on_device_of(batch[0][0]):
                launch = getattr(kernels_for(batch[0][0]).optim, self.kernel)
                for part in _parts(batch) if is_half(dtype) else [batch]:
                    converted = [(widened(w), widened(dw), *kept) for w, dw, *kept in part]
                    launch(converted, *constants)
                    for (w, *_), (wide_w, *_) in zip(part, converted, strict=True):
                        if wide_w is not w:
                            store(wide_w, w)

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Forget the gradients or, with set_to_none=False, fill them with zeros."""
        for parameter in self.parameters:
            parameter.zero_grad(set_to_none)

    def __repr__(self) -> str:
        """Show the parameters in a line, and each option."""
        size = sum(parameter.data.size for parameter in self.parameters)
        lines = [f"parameters: {len(self.parameters)} ({size:,} elements)"]
        lines += [f"{name}: {getattr(self, name)}" for name in self.options]
        return f"{self.name}(\n  " + "\n  ".join(lines) + "\n)"

    def state_dict(self) -> dict[str, Any]:
        """Return the options and each parameter's state, arrays not copied, laid out as torch.optim does.

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
        """Resume from a state; the next steps give the same bits as those of the optimizer it came from.

        Parameters
        ----------
        state : mapping
            From `state_dict`; or a torch optimizer's, its tensors converted to NumPy arrays. Arrays are copied.

        Raises
        ------
        TypeError
            If state is no mapping, or an entry is None, a list, complex, or else of another kind; nothing is changed.
        ValueError
            If it had other parameters or several groups, lacks an option, or an array has another shape; nothing is
            changed then.
        """
        group = self._checked_group(mapping(self.name, "state", state, "state", "param_groups")["param_groups"])
        kept, total = mapping(self.name, "state['state']", state["state"]), len(self.parameters)
        if unknown := [key for key in kept if key not in range(total)]:
            raise ValueError(f"{self.name}: state has an entry for {unknown[0]!r}, expected 0 to {total - 1}")
        loaded = [self._loaded(i, kept.get(i, {})) for i in range(total)]
        options = {name: like(self.name, f"{name} in state", group[name], getattr(self, name)) for name in self.options}
        initial = group.get("initial_lr")
        self.initial_lr = None if initial is None else plain_number(self.name, "initial_lr in state", initial)
        for name, value in options.items():
            setattr(self, name, value)
        self.state = loaded

    def _checked_group(self, groups: Any) -> Mapping[str, Any]:
        """The one group of a state, with all options and as many parameters."""
        if not isinstance(groups, (list, tuple)):
            raise TypeError(f"{self.name}: state['param_groups'] is a {type(groups).__name__}, expected a list")
        if len(groups) != 1:
            raise ValueError(f"{self.name}: state has {len(groups)} groups of parameters, expected 1")
        group = mapping(self.name, "state['param_groups'][0]", groups[0], "params")
        if not isinstance(group["params"], (list, tuple)):
            raise TypeError(f"{self.name}: params in state is a {type(group['params']).__name__}, expected a list")
        if len(group["params"]) != len(self.parameters):
            raise ValueError(
                f"{self.name}: state has {len(group['params'])} parameters, expected {len(self.parameters)}"
            )
        if missing := [name for name in self.options if name not in group]:
            raise ValueError(f"{self.name}: state has no option {missing[0]}, expected {', '.join(self.options)}")
        return group

    def _step_of(self, w: Array, dw: Array, state: dict[str, Any]) -> tuple[tuple[Array | None, ...], tuple[Any, ...]]:
        """Count a step and return the arrays of one parameter's update, w first, and the kernel's constants."""
        raise TypeError(f"{type(self).__name__} defines no step")

    def _zeros(self, state: dict[str, Any], name: str, w: Array) -> Array:
        """An array of a parameter's state, initially zero."""
        if name not in state:
            state[name] = array_module(w).zeros(w.shape, wide(w.dtype))
        kept: Array = state[name]
        return kept

    def _gradient(self, i: int) -> Any:
        """A parameter's gradient, checked against the parameter and its state."""
        parameter = self.parameters[i]
        if parameter.grad is None:
            return None
        w, state = parameter.data, self.state[i]
        kept = {name: state[name] for name in self.buffers if name in state}
        gradient = _checked(self.name, w, parameter.grad, kept)
        if gradient.shape != w.shape:
            shaped(self.name, f"the gradient of parameters[{i}]", gradient, w.shape, "its parameter's shape")
        require_writeable(self.name, f"parameters[{i}]", w)
        for name, a in kept.items():
            require_writeable(self.name, f"{name} of parameters[{i}]", a)
            if a.shape != w.shape:  # compared first: building the name for the message takes longer than a small update
                shaped(self.name, f"{name} of parameters[{i}]", a, w.shape, "its parameter's shape")
        return gradient

    def _loaded(self, i: int, state: Mapping[str, Any]) -> dict[str, Any]:
        """A copy of a parameter's state, in this optimizer's dtypes and on its devices."""
        data: Any = self.parameters[i].data
        loaded: dict[str, Any] = {}
        for name, value in mapping(self.name, f"the state of parameters[{i}]", state).items():
            entry = f"{name} of parameters[{i}] in state"
            if name not in self.buffers:
                loaded[name] = count(self.name, entry, value)  # steps
            elif value is not None:  # as PyTorch keeps a momentum not yet made
                a = real_array(self.name, entry, value)
                shaped(self.name, entry, a, data.shape, "its parameter's shape")
                moved = to_device(a, device_of(data))
                loaded[name] = array_module(moved).array(moved, dtype=wide(data.dtype), order="C")
        return loaded


def _parts(batch: list[tuple[Any, ...]]) -> Iterator[list[tuple[Any, ...]]]:
    """A batch of 16-bit parameters in stretches, as many at a time as may be converted at once."""
    part: list[tuple[Any, ...]] = []
    count, size = blocks.LIMIT_BYTES // 8, 0
    for arrays in batch:
        for one in zip(
            *(itertools.repeat(None) if a is None else blocks.stretches(a, count) for a in arrays), strict=False
        ):
            if part and size + one[0].size > count:
                yield part
                part, size = [], 0
            part.append(one)
            size += one[0].size
    yield part


def _checked(op: str, w: Any, gradient: Any, kept: Mapping[str, Any]) -> Any:
    """The gradient, C-contiguous; a 16-bit parameter has a gradient of its type and a state in float32."""
    check_arrays(op, {"data": w, "grad": gradient, **kept}, float32=tuple(kept))
    return contiguous(gradient)
