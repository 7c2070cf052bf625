"""Tests of the emulator: PTX instructions, fault detection, the meter, the library's kernels."""
