"""The width of the vectors that LLVM makes of loops."""

from numba import types
from numba.extending import intrinsic


@intrinsic
def wide_vectors(typingctx):
    """Let the loops of the function that begins with this become vectors of 512 bits, where the host has them.

    LLVM takes half of that on most of Intel's processors with AVX-512, of which early ones ran slower with all: loops
    over numbers in the caches take up to twice as long.
    """

    def codegen(context, builder, sig, args):
        # llvmlite knows no attributes with a value: it writes what is in the set
        set.add(builder.function.attributes, '"prefer-vector-width"="512"')
        return context.get_dummy_value()

    return types.void(), codegen
