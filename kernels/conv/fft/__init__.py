"""Convolution by the FFT: what both targets share."""
