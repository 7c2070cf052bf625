"""When a pass over memory is worth a second thread."""

from numba import njit

SERIAL_BELOW = 1 << 17  # elements; starting threads costs more than so many take (Zen 3, 2 cores, 2026-11)


def streaming(body, **options):
    """A kernel that runs serial on small arrays and parallel on large ones.

    Parameters
    ----------
    body : function
        A kernel written with prange.
    **options
        For numba.njit.

    Returns
    -------
    function
        Called as launch(size, *arguments of body); each of the two is compiled when first needed.
    """
    serial = njit(cache=True, nogil=True, **options)(body)
    parallel = njit(cache=True, nogil=True, parallel=True, **options)(body)

    def launch(size, *arguments):
        (serial if size < SERIAL_BELOW else parallel)(*arguments)

    launch.__doc__ = body.__doc__
    return launch
