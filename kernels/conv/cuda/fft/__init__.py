"""Convolution by the FFT on CUDA, all three passes: CuPy's transforms, our products."""

from .launch import WORKSPACE_BYTES, dgrad, fprop, unsupported, wgrad

__all__ = ["WORKSPACE_BYTES", "dgrad", "fprop", "unsupported", "wgrad"]
