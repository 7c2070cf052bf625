"""What Winograd's algorithm leaves to the direct one, on both targets."""

OUTLIER = 8
"""An image's brightest pixel over its mean one, as root mean squares over channels, up to which it is tiled.

An output's error is a share of the largest input of its tile, whether it sees that or not: up to here the error is that
of ordinary images still.
"""
