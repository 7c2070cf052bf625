"""One convolutional layer forward and backward with the plain functions, and the proof that its gradients are right.

The equation numbers are those of docs/backprop.md.
"""

import numpy as np

import gpuconv
from gpuconv.testing import check_adjoint, check_gradients

rng = np.random.default_rng(0)
o = rng.standard_normal((4, 3, 12, 12))  # o^{l-1}: four images of three channels
w = rng.standard_normal((8, 3, 5, 5))  # w^l: eight filters
b = rng.standard_normal(8)

x = gpuconv.conv2d(o, w, b)  # x^l, the pre-activation
y = gpuconv.relu(x)  # o^l
pooled, mask = gpuconv.max_pool2d(y, 2)
loss = gpuconv.mse_loss(pooled, np.zeros_like(pooled))
print(f"forward: {o.shape} -> {x.shape} -> pooled {pooled.shape}, loss {float(loss):.4f}")

d_pooled = gpuconv.mse_loss_grad(pooled, np.zeros_like(pooled))
dy = gpuconv.max_pool2d_input_grad(d_pooled, mask, y.shape, 2)
delta = gpuconv.relu_grad(dy, x)  # delta^l, equation (15)
dw = gpuconv.conv2d_weight_grad(o, delta, w.shape)  # equations (10) to (14)
db = gpuconv.conv2d_bias_grad(delta)
do = gpuconv.conv2d_input_grad(delta, w, o.shape)  # equations (17) to (21)
print(f"backward: dw {dw.shape}, db {db.shape}, do {do.shape}")

linear_part = gpuconv.conv2d(o, w)
error = check_adjoint(delta, linear_part, do, o, terms=w[0].size)
print(f"<conv(o, w), delta> = <o, do> to {error:.1e}")

report = check_gradients(
    gpuconv.conv2d,
    lambda dy, o, w, b: (
        gpuconv.conv2d_input_grad(dy, w, o.shape),
        gpuconv.conv2d_weight_grad(o, dy, w.shape),
        gpuconv.conv2d_bias_grad(dy),
    ),
    o,
    w,
    b,
)
print(f"finite differences agree to {report.error:.1e} (allowed {report.tolerance:.0e})")

step = 1e-3
better = gpuconv.max_pool2d(gpuconv.relu(gpuconv.conv2d(o, w - step * dw, b - step * db)), 2)[0]
new_loss = gpuconv.mse_loss(better, np.zeros_like(better))
print(f"a step against the gradient: loss {float(loss):.4f} -> {float(new_loss):.4f}")
if not new_loss < loss:
    raise SystemExit("the step went uphill")
