"""Kernels of convolution by the FFT: gather frames, multiply spectra, store results.

Which row and column of an array a position of a frame is: kernels/conv/fft/passes.py, Window and Planes, whose fields
are the last arguments: of the rows H, h_first, h_step, down, h_tile, h_used, h_frame, the same of the columns, and of
the planes.
"""

from ....core.scalar import activate, activate_grad
from ....core.scalar_math import ZERO
from ....cuda.launch import cuda, int32, uint32


@cuda.jit(device=True, inline="always")
def plane_of(b, down, across, first, V, Z, plane, per_image, v_step, z_step):
    """(image, plane of the array, tile down, tile across) of frame b."""
    z, rest = int32(b % uint32(Z)), uint32(b // uint32(Z))
    v, u = int32(rest % uint32(V)), uint32(uint32(rest // uint32(V)) + uint32(first))
    tiles = uint32(down * across)
    image, tile = int32(u // tiles), uint32(u % tiles)
    at = int32(plane + image * per_image + v * v_step + z * z_step)
    return image, at, int32(tile // uint32(across)), int32(tile % uint32(across))


@cuda.jit(device=True, inline="always")
def element_at(position, tile, size, first, step, tile_step, used):
    """The element of an axis at a position of a tile's frame; -1 where there is none."""
    distance = int32(position + tile * tile_step - first)
    element = int32(distance // step)
    found = position < used and int32(element * step) == distance and 0 <= element < size
    return element if found else int32(-1)


@cuda.jit(device=True, inline="always")
def first_element(tile, first, step, tile_step):
    """The first element of an axis that a tile stores; its first position is tile * tile_step - first further on."""
    return max(int32(-int32(int32(first - tile * tile_step) // step)), int32(0)) if tile > 0 else int32(0)


@cuda.jit(cache=True)
def conv2d_fft_gather(
    source, frames, H, h_first, h_step, down, h_tile, h_used, h_frame, W, w_first, w_step, across, w_tile, w_used,
    w_frame, first, V, Z, plane, per_image, v_step, z_step,
):  # fmt: skip
    """frames[b, i, j] = the element of plane b at position (i, j) of its frame, 0 where there is none.

    source (planes, H, W), frames (count, h_frame, w_frame); thread i computes frames[i]. Bytes: frames once, source
    once for all tiles that it is in.
    """
    # Thread to (frame, row, column).
    i = uint32(cuda.grid(1))
    if i >= frames.size:
        return
    j, rest = int32(i % uint32(w_frame)), uint32(i // uint32(w_frame))
    h, b = int32(rest % uint32(h_frame)), uint32(rest // uint32(h_frame))
    _, at, tile_down, tile_across = plane_of(b, down, across, first, V, Z, plane, per_image, v_step, z_step)
    # Load and store.
    row = element_at(h, tile_down, H, h_first, h_step, h_tile, h_used)
    column = element_at(j, tile_across, W, w_first, w_step, w_tile, w_used)
    value = ZERO
    if row >= 0 and column >= 0:
        value = source[uint32(uint32(uint32(at) * uint32(H) + uint32(row)) * uint32(W) + uint32(column))]
    frames[i] = value


@cuda.jit(cache=True)
def conv2d_fft_multiply(
    a, b, out, threads, U, V, L, spectrum, a_group, a_row, a_column, b_group, b_row, b_column, out_group, out_row,
    out_column, adds,
):  # fmt: skip
    """out[g, u, v, f] (+)= sum_l conj(a[g, v, l, f]) b[g, u, l, f] for each frequency f.

    Spectra of `spectrum` complex numbers as pairs of real and imaginary part, at strides (group, row, column). A thread
    computes a tile of 2 x 2 sums of a frequency, neighbors the same of neighboring ones; where one row or column is
    left, it is computed twice. FLOPs: 8 G U V L a frequency. Bytes: a for each pair of u, b for each pair of v.
    """
    # Thread to (group, u, v, frequency).
    i = uint32(cuda.grid(1))
    if i >= uint32(threads):
        return
    f, rest = uint32(i % uint32(spectrum)), uint32(i // uint32(spectrum))
    pairs = uint32((V + 1) // 2)
    v, rest = int32(uint32(rest % pairs) * uint32(2)), uint32(rest // pairs)
    pairs = uint32((U + 1) // 2)
    u, g = int32(uint32(rest % pairs) * uint32(2)), int32(rest // pairs)
    next_u, next_v = int32(1 if u + 1 < U else 0), int32(1 if v + 1 < V else 0)
    # Main loop over the terms.
    real00, imag00, real01, imag01 = ZERO, ZERO, ZERO, ZERO
    real10, imag10, real11, imag11 = ZERO, ZERO, ZERO, ZERO
    width = uint32(2 * spectrum)
    at_a = uint32(uint32(g * a_group + v * a_row) * width + uint32(2) * f)
    at_b = uint32(uint32(g * b_group + u * b_row) * width + uint32(2) * f)
    to_a, to_b = uint32(uint32(next_v * a_row) * width), uint32(uint32(next_u * b_row) * width)
    step_a, step_b = uint32(uint32(a_column) * width), uint32(uint32(b_column) * width)
    term = int32(0)
    while term < L:
        a0, a0i, a1, a1i = a[at_a], a[uint32(at_a + 1)], a[uint32(at_a + to_a)], a[uint32(at_a + to_a + 1)]
        b0, b0i, b1, b1i = b[at_b], b[uint32(at_b + 1)], b[uint32(at_b + to_b)], b[uint32(at_b + to_b + 1)]
        real00 += a0 * b0 + a0i * b0i
        imag00 += a0 * b0i - a0i * b0
        real01 += a1 * b0 + a1i * b0i
        imag01 += a1 * b0i - a1i * b0
        real10 += a0 * b1 + a0i * b1i
        imag10 += a0 * b1i - a0i * b1
        real11 += a1 * b1 + a1i * b1i
        imag11 += a1 * b1i - a1i * b1
        at_a, at_b, term = uint32(at_a + step_a), uint32(at_b + step_b), int32(term + 1)
    # Epilogue: add to what is there, store.
    at = uint32(uint32(g * out_group + u * out_row + v * out_column) * width + uint32(2) * f)
    right, below = uint32(uint32(out_column) * width), uint32(uint32(out_row) * width)
    store_pair(out, at, real00, imag00, adds)
    if next_v:
        store_pair(out, uint32(at + right), real01, imag01, adds)
    if next_u:
        store_pair(out, uint32(at + below), real10, imag10, adds)
    if next_u and next_v:
        store_pair(out, uint32(at + right + below), real11, imag11, adds)


@cuda.jit(device=True, inline="always")
def store_pair(out, at, real, imaginary, adds):
    """out[at], out[at + 1] (+)= real and imaginary part."""
    following = uint32(at + 1)
    out[at] = out[at] + real if adds else real
    out[following] = out[following] + imaginary if adds else imaginary


@cuda.jit(cache=True)
def conv2d_fft_store(
    results, bias, has_bias, activation, slope, pre_activation, grad_activation, y, flags, threads, h_span, w_span,
    H, h_first, h_step, down, h_tile, h_used, h_frame, W, w_first, w_step, across, w_tile, w_used, w_frame,
    first, V, Z, plane, per_image, v_step, z_step,
):  # fmt: skip
    """y = f(result + bias) f'(pre_activation); flags[image] = 1 where a result is not finite.

    results (count, h_frame, w_frame), y and pre_activation (planes, H, W). Thread i is (frame, row, column) of at most
    h_span x w_span elements that a tile stores. Positions that no frame computes are 0. Bytes: results and y once.
    """
    # Thread to (frame, row, column).
    i = uint32(cuda.grid(1))
    if i >= uint32(threads):
        return
    j, rest = int32(i % uint32(w_span)), uint32(i // uint32(w_span))
    h, b = int32(rest % uint32(h_span)), uint32(rest // uint32(h_span))
    image, at, tile_down, tile_across = plane_of(b, down, across, first, V, Z, plane, per_image, v_step, z_step)
    row = int32(h + first_element(tile_down, h_first, h_step, h_tile))
    column = int32(j + first_element(tile_across, w_first, w_step, w_tile))
    end = H if tile_down == down - 1 else first_element(int32(tile_down + 1), h_first, h_step, h_tile)
    right = W if tile_across == across - 1 else first_element(int32(tile_across + 1), w_first, w_step, w_tile)
    if row >= min(end, H) or column >= min(right, W):
        return
    # Load.
    p = int32(h_first + row * h_step - tile_down * h_tile)
    q = int32(w_first + column * w_step - tile_across * w_tile)
    total = ZERO
    if 0 <= p < h_used and 0 <= q < w_used:
        total = results[uint32(uint32(b * uint32(h_frame) + uint32(p)) * uint32(w_frame) + uint32(q))]
    # Epilogue: flag what is not finite, bias, activation, store.
    if total - total != ZERO:
        flags[uint32(image)] = 1
    if has_bias:
        total += bias[uint32(at % per_image)]
    total = activate(total, activation, slope)
    target = uint32(uint32(uint32(at) * uint32(H) + uint32(row)) * uint32(W) + uint32(column))
    if grad_activation:
        total = activate_grad(total, pre_activation[target], grad_activation, slope)
    y[target] = total
