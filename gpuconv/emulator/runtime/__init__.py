"""What translated kernels call while they run: memory, warps, barriers, arithmetic that is no single instruction.

Numba functions without types or Python objects: every argument is an address or a number. Compiled once a machine.
"""
