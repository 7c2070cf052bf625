"""The CUDA side without a GPU: compiled to PTX, launched at a stand-in, run in Numba's simulator."""
