"""NumPy's FFT of frames, on several threads.

Rows are transformed first, only those of a frame that are used, then columns; back the other way round. NumPy
transforms one row after the other on one thread and lets other threads run meanwhile.
"""

import inspect
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise

import numpy as np

from ....cpu import parallel

SERIAL_ELEMENTS = 1 << 16
"""Of frames that one thread transforms: starting another one takes longer. (Xeon with AVX-512, two cores, 2026-11)"""

WRITES_INTO = "out" in inspect.signature(np.fft.fft).parameters
"""Whether NumPy's functions take `out`, as they do from version 2.0 on; before, they compute in float64."""


def forward(frames, length, spectra):
    """spectra (count, length, frame // 2 + 1) of real frames (count, used rows, frame), padded to so many rows."""
    count, used, frame = frames.shape
    rows = np.empty((count, used, frame // 2 + 1), spectra.dtype)
    _shared(count, used, lambda *part: _into(rows[part], np.fft.rfft, frames[part], frame, -1), frames.size)
    _columns(np.fft.fft, rows, length, spectra)


def backward(spectra, frames):
    """The real frames (count, used rows, frame) of spectra, which are overwritten."""
    count, used, frame = frames.shape
    _columns(np.fft.ifft, spectra, spectra.shape[1], spectra)
    rows = spectra[:, :used]
    _shared(count, used, lambda *part: _into(frames[part], np.fft.irfft, rows[part], frame, -1), frames.size)


def _columns(function, a, length, out):
    count, _, columns = a.shape

    def transform(planes, part):
        _into(out[planes, :, part], function, a[planes, :, part], length, -2)

    _shared(count, columns, transform, out.size)


def _shared(planes, lines, function, elements):
    """Call function(slice of planes, slice of lines): threads take planes, or where these are few lines of all."""
    threads = 1 if elements < SERIAL_ELEMENTS and not parallel.forced else parallel.threads_for(max(planes, lines))
    by_plane = planes >= 2 * threads
    tasks = planes if by_plane else lines
    bounds = [tasks * thread // threads for thread in range(threads + 1)]
    shares = [slice(first, last) for first, last in pairwise(bounds)]
    parts = [(share, slice(None)) if by_plane else (slice(None), share) for share in shares]
    if threads == 1:
        function(*parts[0])
        return
    with ThreadPoolExecutor(threads - 1) as pool:
        others = [pool.submit(function, *part) for part in parts[1:]]
        function(*parts[0])
        for other in others:
            other.result()


def _into(out, function, a, length, axis):
    with np.errstate(all="ignore"):  # what is not finite is found in the results
        if WRITES_INTO:
            function(a, length, axis, out=out)
        else:
            out[...] = function(a, length, axis)
