"""Three-dimensional convolution as two-dimensional ones: the taps of the depth become channels.

The input frames under the T taps of output frame o are an image of C T channels, and with the weights (K, C, T, R, S)
read as (K, C T, R, S)

    y[n, k, o] = sum_{c, t} w[k, (c, t)] * x[n, c, o stride + t dilation - pad_before]

is a two-dimensional convolution of N O images. The input gradient is the same with the roles changed: frame i of dx is
computed from the frames of dy that read it. Frames that meet the same taps are one run and computed together, so that
no tap is multiplied by padding, unless the frames are too small for that to pay. Images are gathered a chunk at a time,
so memory stays bounded, and where images and volume are the same memory nothing is copied: a line or an image is a
volume of one frame.

Both targets share this file: `target` is kernels.conv.cpu or kernels.conv.cuda, which compute images and whose `frames`
gather and scatter them. Results have the same bits every time if the target's convolutions have, as chunks and their
order are a function of the shape.
"""

from functools import lru_cache
from itertools import chain, groupby
from math import prod
from typing import NamedTuple

from . import trimmed
from .frames import Frames, empty_like_on
from .phases import axis_phases

WEIGHT_COPY_PRODUCTS = 100
"""Products that take as long as gathering one weight for a run and scattering its gradient (Zen 3, 2026-11)."""


class Run(NamedTuple):
    """Frames of a result that meet the same taps."""

    written: Frames
    read: Frames
    taps: Frames
    """As channels: one image of them all for each filter."""

    @property
    def taps_as_filters(self):
        """An image of one tap after the other for each filter."""
        return Frames(self.taps.taps, self.taps.first, self.taps.reach)


def fprop(target, g, x, w, b, activation, slope, y, algorithm):
    """y = f(x * w + b)."""
    x, w, y = _inputs(g, x), _weights(g, w), _outputs(g, y)
    for run in _forward_runs(g.depth, g.image.n * g.image.p * g.image.q):
        images, results = _Images(target, x, run.read), _Images(target, y, run.written)
        weights = _Images(target, w, run.taps).load()
        for part in _chunks(target, images, results):
            image = g.image._replace(n=part.stop - part.start, c=images.shape[1])
            windows, maps = images.load(part), results.memory(part)
            trimmed.fprop(target, image, windows, weights, b, activation, slope, maps, algorithm)
            results.store(maps, part)


def dgrad(target, g, dy, w, pre_activation, activation, slope, dx, algorithm):
    """dx = (dy * rot180(w)) f'(pre_activation): equation (20)."""
    dy, w, dx = _outputs(g, dy), _weights(g, w), _inputs(g, dx)
    for run in _input_grad_runs(g.depth, g.image.n * g.image.h * g.image.w):
        images, results = _Images(target, dy, run.read), _Images(target, dx, run.written)
        weights = _Images(target, w, run.taps_as_filters).load()
        pre_activations = None if pre_activation is None else _Images(target, _inputs(g, pre_activation), run.written)
        for part in _chunks(target, images, results):
            image = g.image._replace(n=part.stop - part.start, c=dx.shape[1], k=images.shape[1])
            gradients, maps = images.load(part), results.memory(part)
            pre_activation_maps = None if pre_activations is None else pre_activations.load(part)
            trimmed.dgrad(target, image, gradients, weights, pre_activation_maps, activation, slope, maps, algorithm)
            results.store(maps, part)


def wgrad(target, g, x, dy, dw, algorithm):
    """dw = the correlation of x and dy, equation (13): the chunks' gradients, added in their order."""
    x, dy, dw = _inputs(g, x), _outputs(g, dy), _weights(g, dw)
    work = []
    for run in _forward_runs(g.depth, g.image.n * g.image.p * g.image.q):
        images, gradients = _Images(target, x, run.read), _Images(target, dy, run.written)
        work += [
            (images, gradients, _Images(target, dw, run.taps), part) for part in _chunks(target, images, gradients)
        ]
    single = len(work) == 1 and not work[0][2].moved
    if not single:
        dw.fill(0)
    for images, gradients, weights, part in work:
        image = g.image._replace(n=part.stop - part.start, c=images.shape[1])
        partial = weights.memory() if single else empty_like_on(dw, weights.shape)
        trimmed.wgrad(target, image, images.load(part), gradients.load(part), partial, algorithm)
        if not single:
            target.frames.scatter(partial, weights.frames, 0, True, dw)


def _inputs(g, x):
    """An array in the shape of the input as volumes (N, C, D, H, W)."""
    return x.reshape(g.image.n, g.x_shape[1], g.depth.size, g.image.h, g.image.w)


def _outputs(g, y):
    """An array in the shape of the output as volumes (N, K, O, P, Q)."""
    return y.reshape(g.image.n, g.image.k, g.depth.windows, g.image.p, g.image.q)


def _weights(g, w):
    """The weights (K, C / groups, T, R, S)."""
    return w.reshape(g.image.k, -1, g.depth.taps, g.image.r, g.image.s)


class _Images:
    """Frames of volumes (N, C, D, H, W) as images (N count, C taps, H, W)."""

    def __init__(self, target, volumes, frames):
        n, c, d, h, w = volumes.shape
        self.target, self.volumes, self.frames = target, volumes, frames
        self.shape = n * frames.count, c * frames.taps, h, w
        self.moved = (frames.count, frames.first, frames.taps) != (1, 0, d) or (frames.reach != 1 and d > 1)
        self.buffer = None

    @property
    def bytes(self):
        """Of an image that is a copy; 0 where images and volume are the same memory."""
        return prod(self.shape[1:]) * self.volumes.dtype.itemsize if self.moved else 0

    def memory(self, part=slice(None)):
        """Memory for these images: the volume's if it is the same, else a buffer, sized by the first part."""
        if not self.moved:
            return self.volumes.reshape(self.shape)[part]
        first, last, _ = part.indices(self.shape[0])
        if self.buffer is None:
            self.buffer = empty_like_on(self.volumes, (last - first, *self.shape[1:]))
        return self.buffer[: last - first]

    def load(self, part=slice(None)):
        """These images."""
        images = self.memory(part)
        if self.moved:
            self.target.frames.gather(self.volumes, self.frames, part.start or 0, images)
        return images

    def store(self, images, part):
        """Scatter these images to the volume."""
        if self.moved:
            self.target.frames.scatter(images, self.frames, part.start, False, self.volumes)


def _chunks(target, *batches):
    """Slices of images that take about CHUNK_BYTES in each batch, or of all where nothing is copied."""
    total, each = batches[0].shape[0], max(batch.bytes for batch in batches)
    length = max(1, target.frames.CHUNK_BYTES // each) if each else max(1, total)
    return [slice(first, min(first + length, total)) for first in range(0, total, length)]


@lru_cache(maxsize=1024)
def _forward_runs(depth, positions):
    """Runs of output frames: o reads input o stride + t dilation - pad_before under tap t."""

    def reads(o):
        return {t: o * depth.stride + t * depth.dilation - depth.pad_before for t in range(depth.taps)}

    return tuple(_runs(range(depth.windows), reads, depth.size, positions))


@lru_cache(maxsize=1024)
def _input_grad_runs(depth, positions):
    """Runs of input frames: i is read under tap t by output (i + pad_before - t dilation) / stride, if that divides."""
    phases = axis_phases(depth.size, depth.taps, depth.stride, depth.dilation, depth.pad_before)

    def reads(i):
        u, phase = divmod(i, depth.stride)
        return {t: u + shift for t, shift in phases[phase].taps}

    frames = [range(phase, depth.size, depth.stride) for phase in range(len(phases))]
    return tuple(chain.from_iterable(_runs(phase, reads, depth.windows, positions) for phase in frames))


def _runs(frames, reads, size, positions):
    """Runs of frames, one in each stride, given {tap: source frame} of each; sources outside [0, size) are zeros."""
    met = {frame: tuple(tap for tap, source in reads(frame).items() if 0 <= source < size) for frame in frames}
    runs = [(taps, list(run)) for taps, run in groupby(frames, met.get)]
    every = sorted(set(chain.from_iterable(met.values())))
    every = tuple(tap for tap in reads(frames[0]) if every and every[0] <= tap <= every[-1])
    spared = positions * sum(len(every) - len(taps) for taps in met.values())
    if spared <= WEIGHT_COPY_PRODUCTS * (sum(len(taps) for taps, _ in runs) - len(every)):
        runs = [(every, list(frames))]
    for taps, run in runs:
        written = Frames(len(run), run[0], frames.step)
        if not taps:  # zeros under any tap: bias and activation are still to be computed
            yield Run(written, Frames(len(run), -1, 0), Frames(1, 0))
            continue
        first, second = reads(run[0]), reads(run[-1])
        step = (second[taps[0]] - first[taps[0]]) // max(1, len(run) - 1)
        reach, distance = (first[taps[1]] - first[taps[0]], taps[1] - taps[0]) if taps[1:] else (1, 1)
        read = Frames(len(run), first[taps[0]], step, len(taps), reach)
        yield Run(written, read, Frames(1, taps[0], 1, len(taps), distance))
