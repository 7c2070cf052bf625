"""Tables of functions by name."""

from .rounding import jit


def table():
    """An empty table, and what compiles a function and enters it under a name."""
    functions = {}

    def enter(name, function):
        functions[name] = jit(function)

    return functions, enter
