"""Runtime shared by all operations: arrays, devices, dtypes, shapes, calls and their plans, graphs."""
