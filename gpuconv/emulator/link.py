"""Link PTX modules as ptxas would: the kernel's module first, then those that define its external symbols."""

from collections.abc import Callable
from dataclasses import replace

from .ptx import Address, Function, Instruction, Module, Name, Operand, Variable, Vector


def link(modules: list[Module]) -> Module:
    """One module of several: definitions replace declarations, local names stay distinct, files are numbered anew."""
    first, *others = modules
    for number, module in enumerate(others, 1):
        taken = {*first.functions, *first.variables}
        items: list[Function | Variable] = [*module.functions.values(), *module.variables.values()]
        renamed = {item.name: f"{item.name}@{number}" for item in items if item.local and item.name in taken}
        shift = 1 + max(first.files, default=0)
        first.files |= {shift + index: file for index, file in module.files.items()}
        for function in module.functions.values():
            if renamed.get(function.name) or function.name not in first.functions:
                name = renamed.get(function.name, function.name)
                first.functions[name] = _moved(function, name, renamed, shift)
        for variable in module.variables.values():
            name = renamed.get(variable.name, variable.name)
            known = first.variables.get(name)
            if known is None or (known.external and not variable.external):
                first.variables[name] = _renamed(variable, name, renamed)
    return first


def _renamed(variable: Variable, name: str, names: dict[str, str]) -> Variable:
    symbols = tuple((offset, names.get(symbol, symbol), addend) for offset, symbol, addend in variable.symbols)
    return replace(variable, name=name, symbols=symbols)


def _moved(function: Function, name: str, names: dict[str, str], shift: int) -> Function:
    variables = *function.parameters, *function.results, *function.variables
    local_names = {v.name for v in variables} | set(function.registers)
    names = {old: new for old, new in names.items() if old not in local_names}
    body: list[Instruction | str] = []
    for item in function.body:
        if isinstance(item, str):
            body.append(item)
            continue
        source = None if item.source is None else (item.source[0] + shift, item.source[1])
        callers = tuple((file + shift, line) for file, line in item.callers)
        operands = [map_names(o, lambda n: names.get(n, n)) for o in item.operands] if names else item.operands
        body.append(replace(item, source=source, callers=callers, operands=operands))
    return replace(function, name=name, body=body, linked=True)


def map_names(operand: Operand, change: Callable[[str], str]) -> Operand:
    """An operand with its names changed."""
    if isinstance(operand, Name):
        return replace(operand, name=change(operand.name))
    if isinstance(operand, Address) and isinstance(operand.base, Name):
        return Address(replace(operand.base, name=change(operand.base.name)), operand.offset)
    if isinstance(operand, Vector):
        return Vector(tuple(map_names(o, change) for o in operand.items))
    return operand
