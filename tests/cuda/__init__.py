"""The CUDA side without a GPU: compiled to PTX, launched at a stand-in; tests/emulator executes it."""
