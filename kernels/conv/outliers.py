"""What Winograd's algorithm and the FFT leave to the direct one, on both targets."""

OUTLIER = 8
"""An image's brightest pixel over its mean one, as root mean squares over channels, up to which it is tiled.

An output's error is a share of the largest input of its tile, whether it sees that or not: up to here the error is that
of ordinary images still.
"""


def fft_limit(pixels):
    """The brightest pixel's energy over the mean one's up to which the FFT computes an image of so many pixels.

    The error of every output is a share of the image's root mean square. So no pixel may have more than a quarter of
    the energy: of few pixels none is OUTLIER times as bright as the mean.
    """
    return min(OUTLIER**2, pixels / 4)
