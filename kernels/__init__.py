"""Kernels: launchers and device code. No shape logic, no validation; imports nothing from gpuconv above it."""
