"""Runtime of translated kernels: checked memory accesses, warps, barriers, multi-instruction arithmetic.

Numba functions without Python objects: every argument is an address or a number. Compiled once per machine.
"""
