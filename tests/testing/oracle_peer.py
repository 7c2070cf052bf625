"""The oracle in the place of a peer: results and gradients of a random case, from tests/reference alone."""

import re

import numpy as np

from tests import reference
from tests.reference.resampling import pad, pad_input_grad, upsample, upsample_input_grad


def oracle(case, dy):
    """Result, gradients and what was moved in place, as gpuconv.testing.torch_peer wants them of a peer."""
    name = re.sub(r"\dd$", "", case.function)
    return BY_NAME.get(name, _activation)(case, dy)


def _axes(value, rank):
    return (value,) * rank if isinstance(value, int) else tuple(value)


def _convolution(case):
    """(stride, padding as pairs, dilation, groups) as the oracle takes them."""
    x, w, _ = case.inputs
    rank, options = x.ndim - 2, case.options
    padding, dilation = options["padding"], _axes(options["dilation"], rank)
    if padding == "same":
        totals = [d * (k - 1) for d, k in zip(dilation, w.shape[2:], strict=True)]
        sides = [(total // 2, total - total // 2) for total in totals]
    elif case.zero_padding:
        sides = list(zip(case.zero_padding[::2], case.zero_padding[1::2], strict=True))[::-1]
    else:
        sides = [(p, p) for p in _axes(0 if padding == "valid" else padding, rank)]
    return _axes(options["stride"], rank), sides, dilation, options["groups"]


def _conv(case, dy):
    (x, w, b), how = case.inputs, _convolution(case)
    found = (
        reference.conv_nd(x, w, b, *how),
        reference.conv_nd_input_grad(dy, w, x.shape, *how),
        reference.conv_nd_weight_grad(x, dy, w.shape, *how),
    )
    return found if b is None else (*found, reference.conv_nd_bias_grad(dy))


def _conv_transpose(case, dy):
    x, w, b = case.inputs
    o = case.options
    how = o["stride"], [(p, p) for p in o["padding"]], o["output_padding"], o["groups"], o["dilation"]
    found = (
        reference.conv_transpose_nd(x, w, b, *how),
        reference.conv_transpose_nd_input_grad(dy, w, x.shape, *how),
        reference.conv_transpose_nd_weight_grad(x, dy, w.shape, *how),
    )
    return found if b is None else (*found, reference.conv_nd_bias_grad(dy))


def _windows(case):
    """(kernel, stride, padding as pairs) of a pooling."""
    o, rank = case.options, case.inputs[0].ndim - 2
    kernel = _axes(o["kernel_size"], rank)
    return kernel, _axes(o.get("stride", kernel), rank), [(p, p) for p in _axes(o.get("padding", 0), rank)]


def _max_pool(case, dy):
    x = case.inputs[0]
    y, _, indices = reference.max_pool_nd(x, *_windows(case), case.options["dilation"], case.options["ceil_mode"])
    return y, reference.scatter_nd(dy, indices, x.shape)


def _avg_pool(case, dy):
    x, o = case.inputs[0], case.options
    how = *_windows(case), o["ceil_mode"], o["count_include_pad"], o.get("divisor_override")
    return reference.avg_pool_nd(x, *how), reference.avg_pool_nd_input_grad(dy, x.shape, *how)


def _adaptive_max_pool(case, dy):
    x = case.inputs[0]
    y, indices = reference.adaptive_max_pool_nd(x, _axes(case.options["output_size"], x.ndim - 2))
    return y, reference.scatter_nd(dy, indices, x.shape)


def _adaptive_avg_pool(case, dy):
    x = case.inputs[0]
    y = reference.adaptive_avg_pool_nd(x, _axes(case.options["output_size"], x.ndim - 2))
    return y, reference.adaptive_avg_pool_nd_input_grad(dy, x.shape)


def _max_unpool(case, dy):
    x, indices = case.inputs
    extents = tuple(size * k for size, k in zip(x.shape[2:], case.options["kernel_size"], strict=True))
    flat = dy.reshape(*x.shape[:2], -1)
    return reference.max_unpool_nd(x, indices, extents), np.take_along_axis(
        flat, indices.reshape(*x.shape[:2], -1), 2
    ).reshape(x.shape)


def _activation(case, dy):
    x, o = case.inputs[0], case.options
    name = case.function + ("_tanh" if o.get("approximate") == "tanh" else "")
    parameters = [value for key, value in o.items() if key != "approximate"]
    with np.errstate(all="ignore"):
        return getattr(reference, name)(x, *parameters), getattr(reference, f"{name}_grad")(dy, x, *parameters)


def _prelu(case, dy):
    x, weight = case.inputs
    slopes = weight.reshape(-1, *[1] * (x.ndim - 2)) if weight.size > 1 else weight
    dx = np.where(x > 0, dy, slopes * dy)
    return np.where(x > 0, x, slopes * x), dx, reference.prelu_weight_grad(dy, x, weight.size)


def _softmax(case, dy):
    x, axis = case.inputs[0], case.options["dim"]
    return getattr(reference, case.function)(x, axis), getattr(reference, f"{case.function}_grad")(dy, x, axis)


def _linear(case, dy):
    x, w, b = case.inputs
    found = reference.linear(x, w, b), dy @ w, dy.T @ x
    return found if b is None else (*found, dy.sum(0))


def _pad(case, dy):
    x, o = case.inputs[0], case.options
    value = 0.0 if o["value"] is None else o["value"]
    return pad(x, o["pad"], o["mode"], value), pad_input_grad(dy, x.shape, o["pad"], o["mode"])


def _interpolate(case, dy):
    x, o = case.inputs[0], case.options
    scale = o["scale_factor"]
    how = [scale] * (x.ndim - 2), o["mode"], bool(o["align_corners"])
    return upsample(x, dy.shape[2:], *how), upsample_input_grad(dy, x.shape, *how)


def _batch_norm(case, dy):
    x, mean, var, weight, bias = case.inputs
    o = case.options
    moved = ()
    if o["training"]:
        if mean is not None:
            moved = reference.moved_statistics(x, mean, var, o["momentum"])
        mean, var = reference.batch_norm_statistics(x)
    w, b = np.ones(x.shape[1]) if weight is None else weight, np.zeros(x.shape[1]) if bias is None else bias
    dx, dweight, dbias = reference.batch_norm_grad(dy, x, mean, var, w, o["eps"], o["training"])
    gradients = [g for g, a in ((dweight, weight), (dbias, bias)) if a is not None]
    return reference.batch_norm(x, mean, var, w, b, o["eps"]), dx, *gradients, *moved


def _group_norm(case, dy):
    x, o = case.inputs[0], case.options
    weight = case.named.get("weight", np.ones(x.shape[1]))
    y = reference.group_norm(x, o["num_groups"], weight, case.named.get("bias", np.zeros(x.shape[1])), o["eps"])
    gradients = reference.group_norm_grad(dy, x, o["num_groups"], weight, o["eps"])
    return y, *(gradients if case.named else gradients[:1])


def _add(case, dy):
    return case.inputs[0] + case.inputs[1], dy, dy


def _cat(case, dy):
    axis, ends = case.options["dim"], np.cumsum([a.shape[case.options["dim"]] for a in case.inputs])
    return np.concatenate(case.inputs, axis), *np.split(dy, ends[:-1], axis)


def _pairs(case, dy):
    x, target = case.inputs
    o, kind = case.options, case.function.removesuffix("_loss")
    reduction = o["reduction"]
    if kind == "mse":
        return reference.mse_loss(x, target, reduction), reference.mse_loss_grad(x, target, dy, reduction)
    parameter = o.get("delta", o.get("beta", 1.0))
    losses = reference.pairwise_loss(kind, x, target, parameter)
    return _reduced(losses, reduction), _spread(reference.pairwise_loss_grad(kind, x, target, parameter), dy, reduction)


def _binary(case, dy):
    x, target = case.inputs
    weights = [case.named.get(name, np.ones(x.shape)) for name in ("weight", "pos_weight")]
    reduction = case.options["reduction"]
    with np.errstate(over="ignore"):  # 1 / (1 + inf) is right
        losses, slopes = reference.binary_loss(x, target, *weights), reference.binary_loss_grad(x, target, *weights)
    return _reduced(losses, reduction), _spread(slopes, dy, reduction)


def _reduced(losses, reduction):
    return losses if reduction == "none" else losses.sum() if reduction == "sum" else losses.mean()


def _spread(slopes, dy, reduction):
    return slopes * dy / (slopes.size if reduction == "mean" else 1)


def _cross_entropy(case, dy):
    x, target = case.inputs
    o, weight = case.options, case.named.get("weight", np.ones(case.inputs[0].shape[1]))
    reduction, smoothing = o["reduction"], o["label_smoothing"]
    if target.dtype.kind == "f":
        losses, dx = reference.cross_entropy_of_probabilities(x, target, weight, smoothing)
        scaled = dx * (np.expand_dims(dy, 1) if reduction == "none" else dy)
        return _reduced(losses, reduction), scaled / (losses.size if reduction == "mean" else 1)
    how = target, weight, o.get("ignore_index", -100)
    y = reference.cross_entropy(x, *how, reduction, smoothing)
    return y, reference.cross_entropy_grad(x, *how, dy, reduction, smoothing)


def _nll(case, dy):
    x, target = case.inputs
    weight, reduction = case.named.get("weight", np.ones(x.shape[1])), case.options["reduction"]
    losses, weights, dx = reference.nll_loss(x, target, weight, case.options.get("ignore_index", -100))
    if reduction == "none":
        return losses, dx * np.expand_dims(dy, 1)
    divisor = weights.sum() if reduction == "mean" else 1
    return losses.sum() / divisor, dx * dy / divisor


BY_NAME = {
    "conv": _conv, "conv_transpose": _conv_transpose, "max_pool": _max_pool, "avg_pool": _avg_pool,
    "adaptive_max_pool": _adaptive_max_pool, "adaptive_avg_pool": _adaptive_avg_pool, "max_unpool": _max_unpool,
    "prelu": _prelu, "softmax": _softmax, "log_softmax": _softmax, "linear": _linear, "pad": _pad,
    "interpolate": _interpolate, "batch_norm": _batch_norm, "group_norm": _group_norm, "add": _add, "cat": _cat,
    "mse_loss": _pairs, "l1_loss": _pairs, "huber_loss": _pairs, "smooth_l1_loss": _pairs,
    "binary_cross_entropy_with_logits": _binary, "cross_entropy": _cross_entropy, "nll_loss": _nll,
}  # fmt: skip
"""By PyTorch's name without the number of axes; the rest are functions of each element."""
