"""Random geometries, awkward ones included."""

from hypothesis import strategies as st

from tests import reference

kernels = st.tuples(st.integers(1, 5), st.integers(1, 5))
strides = st.tuples(st.integers(1, 4), st.integers(1, 4))
dilations = st.tuples(st.integers(1, 3), st.integers(1, 3))


def _sizes(smallest):
    """Image sizes that a kernel fits into, up to 13."""
    return st.integers(max(1, smallest), 13)


@st.composite
def convolutions(draw):
    """(x_shape, w_shape, options of conv2d, the same options spelt out for the oracle)."""
    groups = draw(st.sampled_from((1, 1, 2, 3)))
    cg, kg, n = draw(st.integers(1, 5)), draw(st.integers(1, 9)), draw(st.integers(0, 3))
    kernel, dilation = draw(kernels), draw(dilations)
    extents = [d * (k - 1) + 1 for k, d in zip(kernel, dilation, strict=True)]
    if draw(st.booleans()) and draw(st.booleans()):
        stride, padding, sides = (1, 1), "same", reference.same_padding(kernel, dilation)
    else:
        stride = draw(strides)
        sides = tuple(tuple(draw(st.integers(0, 4)) for _ in range(2)) for _ in range(2))
        padding = sides
    h, w = (draw(_sizes(e - sum(p))) for e, p in zip(extents, sides, strict=True))
    options = {"stride": stride, "padding": padding, "dilation": dilation, "groups": groups}
    spelt_out = {"stride": stride, "padding": sides, "dilation": dilation, "groups": groups}
    return (n, cg * groups, h, w), (kg * groups, cg, *kernel), options, spelt_out


@st.composite
def winograd_convolutions(draw, largest=14):
    """The same of kernels that Winograd's algorithm serves on the CPU."""
    taps, stride = draw(st.sampled_from(((3, 1), (5, 1), (5, 2), (9, 2))))
    dilation = draw(st.sampled_from(((1, 1), (1, 1), (2, 2), (3, 1), (1, 4), (5, 3)))) if stride == 1 else (1, 1)
    groups = draw(st.sampled_from((1, 1, 2, 3)))
    n, c, k = draw(st.integers(1, 4)), draw(st.integers(1, 40 // groups)), draw(st.integers(1, 40 // groups))
    reach = [d * (taps - 1) + 1 for d in dilation]
    sides = tuple(tuple(draw(st.integers(0, most)) for _ in range(2)) for most in reach)
    h, w = (
        draw(st.integers(max(1, most - sum(pair)), max(most, largest))) for most, pair in zip(reach, sides, strict=True)
    )
    options = {"stride": stride, "padding": sides, "dilation": dilation, "groups": groups}
    spelt_out = options | {"stride": (stride, stride)}
    return (n, c * groups, h, w), (k * groups, c, taps, taps), options, spelt_out


@st.composite
def poolings(draw):
    """(x_shape, kernel_size, options of max_pool2d)."""
    kernel, stride, dilation = draw(kernels), draw(strides), draw(dilations)
    extents = [d * (k - 1) + 1 for k, d in zip(kernel, dilation, strict=True)]
    padding = tuple(tuple(draw(st.integers(0, e // 2)) for _ in range(2)) for e in extents)
    h, w = (draw(_sizes(e - sum(p))) for e, p in zip(extents, padding, strict=True))
    x_shape = (draw(st.integers(0, 2)), draw(st.integers(1, 3)), h, w)
    return x_shape, kernel, {
        "stride": stride, "padding": padding, "dilation": dilation, "ceil_mode": draw(st.booleans()),
    }  # fmt: skip


@st.composite
def volumes(draw, rank, transposed=False):
    """(x_shape, w_shape, options, the same options spelt out for the oracle) of a convolution over 1 to 3 axes."""
    largest = {1: (5, 4, 13), 2: (4, 3, 8), 3: (3, 3, 6)}[rank]
    axes = {
        name: tuple(draw(st.integers(1, most)) for _ in range(rank))
        for name, most in zip(("kernel", "stride", "size"), largest, strict=True)
    }
    dilation = tuple(draw(st.integers(1, 3)) for _ in range(rank))
    groups = draw(st.sampled_from((1, 1, 2, 3)))
    cg, kg, n = draw(st.integers(1, 4)), draw(st.integers(1, 4)), draw(st.integers(0, 3))
    kernel, stride = axes["kernel"], axes["stride"]
    if draw(st.integers(0, 3)) == 0:
        stride, padding, sides = (1,) * rank, "same", reference.same_padding(kernel, dilation)
    else:
        sides = padding = tuple((draw(st.integers(0, 3)), draw(st.integers(0, 3))) for _ in range(rank))
    spans = [d * (k - 1) + 1 - sum(side) for k, d, side in zip(kernel, dilation, sides, strict=True)]
    options = {"stride": stride, "padding": padding, "dilation": dilation, "groups": groups}
    w_shape = (kg * groups, cg, *kernel)
    if not transposed:
        sizes = tuple(max(size, span) for size, span in zip(axes["size"], spans, strict=True))
        return (n, cg * groups, *sizes), w_shape, options, {**options, "padding": sides}
    extra = tuple(draw(st.integers(0, max(*pair) - 1)) for pair in zip(stride, dilation, strict=True))
    # The result, (size - 1) stride + span + extra, is to have at least one position.
    needed = [1 - (span + more - 1) // st for span, more, st in zip(spans, extra, stride, strict=True)]
    sizes = tuple(max(size, least) for size, least in zip(axes["size"], needed, strict=True))
    options = {**options, "output_padding": extra}
    return (n, kg * groups, *sizes), w_shape, options, {**options, "padding": sides}
