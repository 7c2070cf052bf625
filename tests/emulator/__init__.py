"""The emulator: its instructions one by one, the faults it finds, the kernels of the library on it."""
