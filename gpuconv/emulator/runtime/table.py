"""Tables of compiled functions by name."""

from .rounding import jit


def table():
    """An empty table, and a function that compiles a function and enters it by name."""
    functions = {}

    def enter(name, function):
        functions[name] = jit(function)

    return functions, enter
