"""Registries: `gives` enters a kernel that is right, with the values of its last argument; `wrong` one with a fault."""

from gpuconv import emulator  # before kernels with declared signatures

RIGHT = {}
WRONG = {}


def gives(inputs, expected, grid=1, block=32, **options):
    """Register a kernel that takes `inputs()` and an array of zeros, which becomes `expected(*inputs())`."""

    def enter(kernel):
        RIGHT[name_of(kernel)] = (kernel, inputs, expected, grid, block, options)
        return kernel

    return enter


def wrong(kind, inputs, grid=1, block=32, *, marked=True, **options):
    """Register a kernel with a fault of a kind, on the line marked `# FAULT` if `marked`."""

    assert kind in emulator.KINDS

    def enter(kernel):
        WRONG[name_of(kernel)] = (kind, kernel, inputs, grid, block, marked, options)
        return kernel

    return enter


def name_of(kernel):
    return getattr(kernel, "py_func", kernel).__name__
