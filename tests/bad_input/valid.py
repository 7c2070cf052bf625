"""A call of every public function that works: the bad ones differ from it in one argument."""

import numpy as np

import gpuconv

SPACE = {1: (6,), 2: (6, 6), 3: (6, 6, 6)}


def numbers(*shape):
    """A float32 array of the shape."""
    return np.random.default_rng(0).standard_normal(shape).astype(np.float32)


def calls():
    """{name: arguments} of every function of arrays."""
    found = {**_of_elements(), **_of_rows(), **_others()}
    for rank, size in SPACE.items():
        found |= _convolutions(rank, size) | _poolings(rank, size) | _normalizations(rank, size)
    return found


def _convolutions(rank, size):
    x, w, b, dy = numbers(2, 4, *size), numbers(4, 4, *[3] * rank), numbers(4), numbers(2, 4, *[4] * rank)
    large = numbers(2, 4, *[8] * rank)
    return {
        f"conv{rank}d": {"x": x, "w": w, "b": b},
        f"conv{rank}d_input_grad": {"dy": dy, "w": w, "input_shape": x.shape},
        f"conv{rank}d_weight_grad": {"x": x, "dy": dy, "weight_shape": w.shape},
        f"conv{rank}d_bias_grad": {"dy": dy},
        f"conv_transpose{rank}d": {"x": x, "w": w, "b": b},
        f"conv_transpose{rank}d_input_grad": {"dy": large, "w": w, "input_shape": x.shape},
        f"conv_transpose{rank}d_weight_grad": {"x": x, "dy": large, "weight_shape": w.shape},
        f"conv_transpose{rank}d_bias_grad": {"dy": large},
    }


def _poolings(rank, size):
    x, dy, one = numbers(2, 4, *size), numbers(2, 4, *[3] * rank), numbers(2, 4, *[1] * rank)
    _, mask = getattr(gpuconv, f"max_pool{rank}d")(x, 2)
    indices = gpuconv.pool_indices(mask, x.shape, 2)
    _, whole = getattr(gpuconv, f"global_max_pool{rank}d")(x)
    _, adaptive = getattr(gpuconv, f"adaptive_max_pool{rank}d")(x, 3)
    shape = {"input_shape": x.shape}
    return {
        f"max_pool{rank}d": {"x": x, "kernel_size": 2},
        f"max_pool{rank}d_input_grad": {"dy": dy, "mask": mask, **shape, "kernel_size": 2},
        f"avg_pool{rank}d": {"x": x, "kernel_size": 2},
        f"avg_pool{rank}d_input_grad": {"dy": dy, **shape, "kernel_size": 2},
        f"max_unpool{rank}d": {"x": dy, "indices": indices, "kernel_size": 2},
        f"max_unpool{rank}d_input_grad": {"dy": x, "indices": indices},
        f"adaptive_avg_pool{rank}d": {"x": x, "output_size": 3},
        f"adaptive_avg_pool{rank}d_input_grad": {"dy": dy, **shape},
        f"adaptive_max_pool{rank}d": {"x": x, "output_size": 3},
        f"adaptive_max_pool{rank}d_input_grad": {"dy": dy, "indices": adaptive, **shape},
        f"global_avg_pool{rank}d": {"x": x},
        f"global_avg_pool{rank}d_input_grad": {"dy": one, **shape},
        f"global_max_pool{rank}d": {"x": x},
        f"global_max_pool{rank}d_input_grad": {"dy": one, "indices": whole, **shape},
    }


def _normalizations(rank, size):
    x, each = numbers(2, 4, *size), {"mean": numbers(4), "var": abs(numbers(4))}
    running = {"running_mean": numbers(4), "running_var": abs(numbers(4))}
    return {
        f"batch_norm{rank}d": {"x": x, **running, "weight": numbers(4), "bias": numbers(4)},
        f"batch_norm{rank}d_grad": {"dy": numbers(2, 4, *size), "x": x, **each, "weight": numbers(4)},
    }


def _of_elements():
    names = "relu leaky_relu relu6 hardtanh hardsigmoid hardswish elu selu gelu silu mish softplus sigmoid tanh".split()
    found = {}
    for name in [*names, "softmax", "log_softmax"]:
        found[name] = {"x": numbers(2, 4)}
        found[f"{name}_grad"] = {"dy": numbers(2, 4), "x": numbers(2, 4)}
    found["prelu"] = {"x": numbers(2, 4), "weight": numbers(4)}
    found["prelu_grad"] = {"dy": numbers(2, 4), "x": numbers(2, 4), "weight": numbers(4)}
    found["prelu_weight_grad"] = {"dy": numbers(2, 4), "x": numbers(2, 4), "weight_shape": (4,)}
    return found


def _of_rows():
    found = {}
    for name in ("mse_loss", "l1_loss", "huber_loss", "smooth_l1_loss", "bce_with_logits"):
        found[name] = {"input": numbers(2, 4), "target": numbers(2, 4)}
        found[f"{name}_grad"] = {"input": numbers(2, 4), "target": numbers(2, 4), "dloss": 1.0}
    for name in ("cross_entropy", "nll_loss"):
        found[name] = {"input": numbers(2, 4), "target": np.array([1, 3]), "weight": abs(numbers(4))}
        found[f"{name}_grad"] = {**found[name], "dloss": 1.0}
    return found


def _others():
    x, image = numbers(3, 4), numbers(2, 4, 6, 6)
    return {
        "linear": {"x": x, "w": numbers(5, 4), "b": numbers(5)},
        "linear_input_grad": {"dy": numbers(3, 5), "w": numbers(5, 4)},
        "linear_weight_grad": {"x": x, "dy": numbers(3, 5)},
        "linear_bias_grad": {"dy": numbers(3, 5)},
        "add": {"a": x, "b": numbers(3, 4)},
        "concatenate_grad": {"dy": image, "sizes": (1, 3)},
        "dropout": {"x": x, "seed": 1},
        "dropout_grad": {"dy": x, "seed": 1},
        "dropout2d": {"x": image, "seed": 1},
        "dropout2d_grad": {"dy": image, "seed": 1},
        "batch_norm_statistics": {"x": image},
        "group_norm": {"x": image, "num_groups": 2, "weight": numbers(4), "bias": numbers(4)},
        "group_norm_statistics": {"x": image, "num_groups": 2},
        "pad": {"x": image, "padding": (1, 1, 1, 1)},
        "pad_input_grad": {"dy": numbers(2, 4, 8, 8), "input_shape": image.shape, "padding": (1, 1, 1, 1)},
        "upsample": {"x": image, "size": (12, 12)},
        "upsample_input_grad": {"dy": numbers(2, 4, 12, 12), "input_shape": image.shape, "size": (12, 12)},
    }
