"""Parameter updates in float64, each line by line from the algorithm printed in torch.optim's documentation.

A function takes the weights, their gradient, and what the step before left in `state` ({} at first), and returns the
next weights.
"""

import numpy as np


def _gradient(w, dw, weight_decay, maximize):
    g = -dw if maximize else dw
    return g.astype(np.float64) + weight_decay * w


def sgd(w, dw, state, *, lr=1e-3, momentum=0, dampening=0, weight_decay=0, nesterov=False, maximize=False):
    """torch.optim.SGD."""
    w = w.astype(np.float64)
    g = _gradient(w, dw, weight_decay, maximize)
    if momentum:
        state["b"] = momentum * state["b"] + (1 - dampening) * g if "b" in state else g
        g = g + momentum * state["b"] if nesterov else state["b"]
    return w - lr * g


def adam(
    w, dw, state, *, lr=1e-3, betas=(0.9, 0.999), eps=1e-8, weight_decay=0, amsgrad=False, maximize=False
):  # fmt: skip
    """torch.optim.Adam."""
    w = w.astype(np.float64)
    return _adam(w, _gradient(w, dw, weight_decay, maximize), state, lr, betas, eps, amsgrad)


def adamw(
    w, dw, state, *, lr=1e-3, betas=(0.9, 0.999), eps=1e-8, weight_decay=1e-2, amsgrad=False, maximize=False
):  # fmt: skip
    """torch.optim.AdamW."""
    w = w.astype(np.float64)
    return _adam(w - lr * weight_decay * w, _gradient(w, dw, 0, maximize), state, lr, betas, eps, amsgrad)


def _adam(w, g, state, lr, betas, eps, amsgrad):
    t = state["t"] = state.get("t", 0) + 1
    state["m"] = betas[0] * state.get("m", 0) + (1 - betas[0]) * g
    state["v"] = betas[1] * state.get("v", 0) + (1 - betas[1]) * g**2
    m_hat = state["m"] / (1 - betas[0] ** t)
    if amsgrad:
        state["v_max"] = np.maximum(state.get("v_max", 0), state["v"])
        v_hat = state["v_max"] / (1 - betas[1] ** t)
    else:
        v_hat = state["v"] / (1 - betas[1] ** t)
    return w - lr * m_hat / (np.sqrt(v_hat) + eps)


def rmsprop(
    w, dw, state, *, lr=1e-2, alpha=0.99, eps=1e-8, weight_decay=0, momentum=0, centered=False, maximize=False
):  # fmt: skip
    """torch.optim.RMSprop."""
    w = w.astype(np.float64)
    g = _gradient(w, dw, weight_decay, maximize)
    state["v"] = v = alpha * state.get("v", 0) + (1 - alpha) * g**2
    if centered:
        state["g_ave"] = alpha * state.get("g_ave", 0) + (1 - alpha) * g
        v = v - state["g_ave"] ** 2
    if momentum:
        state["b"] = momentum * state.get("b", 0) + g / (np.sqrt(v) + eps)
        return w - lr * state["b"]
    return w - lr * g / (np.sqrt(v) + eps)


def adagrad(
    w, dw, state, *, lr=1e-2, lr_decay=0, weight_decay=0, initial_accumulator_value=0, eps=1e-10, maximize=False
):  # fmt: skip
    """torch.optim.Adagrad."""
    w = w.astype(np.float64)
    g = _gradient(w, dw, weight_decay, maximize)
    t = state["t"] = state.get("t", 0) + 1
    state["sum"] = state.get("sum", initial_accumulator_value) + g**2
    return w - lr / (1 + (t - 1) * lr_decay) * g / (np.sqrt(state["sum"]) + eps)


def clip_grad_norm(gradients, max_norm, norm_type=2.0, margin=1e-6):
    """torch.nn.utils.clip_grad_norm_: (gradients, norm before)."""
    flat = np.concatenate([np.abs(g.astype(np.float64)).ravel() for g in gradients])
    norm = flat.max(initial=0) if norm_type == np.inf else (flat**norm_type).sum() ** (1 / norm_type)
    coefficient = max_norm / (norm + margin)
    return [g * (coefficient if coefficient < 1 else 1.0) for g in gradients], norm
