"""Losses of one element and their derivatives, written once and compiled by both targets.

The pairwise ones are f(x, target, parameter) and f_grad(dloss, x, target, parameter) = dloss df/dx; those that need no
parameter do not look at it. At the corners and for NaN they return what PyTorch returns.
"""

from ..core.scalar_math import HALF, ONE, TWO, ZERO, exp_nonpositive, inlined, log1p


@inlined
def unless_weightless(weight, value):
    """The value; 0 for a weight of 0, which makes a loss count for nothing though it may be infinite or NaN."""
    return ZERO if weight == ZERO else value


@inlined
def weighted(weight, value):
    """weight value; 0 for a weight of 0, whatever the value."""
    return unless_weightless(weight, weight * value)


@inlined
def mse(x, target, parameter):
    """(x - target)^2: one term of the quadratic loss."""
    return (x - target) * (x - target)


@inlined
def mse_grad(dloss, x, target, parameter):
    """dloss * 2 (x - target)."""
    return dloss * TWO * (x - target)


@inlined
def l1(x, target, parameter):
    """|x - target|."""
    return abs(x - target)


@inlined
def l1_grad(dloss, x, target, parameter):
    """dloss times the sign of x - target, which is 0 for 0 and for NaN."""
    return dloss if x > target else (-dloss if x < target else ZERO)


@inlined
def huber(x, target, delta):
    """d^2 / 2 for d = |x - target| < delta, delta (d - delta / 2) otherwise."""
    d = abs(x - target)
    return HALF * d * d if d < delta else delta * (d - HALF * delta)


@inlined
def huber_grad(dloss, x, target, delta):
    """dloss times x - target, held between -delta and delta."""
    d = x - target
    return -dloss * delta if d <= -delta else (dloss * delta if d >= delta else dloss * d)


@inlined
def smooth_l1(x, target, beta):
    """d^2 / (2 beta) for d = |x - target| < beta, d - beta / 2 otherwise."""
    d = abs(x - target)
    return HALF * d * (d / beta) if d < beta else d - HALF * beta


@inlined
def smooth_l1_grad(dloss, x, target, beta):
    """dloss times (x - target) / beta, held between -1 and 1; 0 where x is the target, however small beta is."""
    d = x - target
    slope = -dloss if d < -beta else (dloss if d > beta else dloss * (d / beta))
    return ZERO if d == ZERO else slope


@inlined
def bce_with_logits(x, target, weight, pos_weight):
    """-weight (pos_weight t log s + (1 - t) log(1 - s)), s = sigmoid(x): nothing overflows, no digit is lost."""
    near = log1p(exp_nonpositive(-abs(x)))
    yes, no = near + (-x if x < ZERO else ZERO), near + (x if x > ZERO else ZERO)  # -log s, -log(1 - s)
    return weighted(weight, weighted(pos_weight * target, yes) + weighted(ONE - target, no))


@inlined
def bce_with_logits_grad(dloss, x, target, weight, pos_weight):
    """dloss weight ((1 - t) s - pos_weight t (1 - s)), s = sigmoid(x): 1 - s keeps its digits where s is near 1."""
    e = exp_nonpositive(-abs(x))
    small, large = e / (ONE + e), ONE / (ONE + e)
    yes, no = (small, large) if x < ZERO else (large, small)  # s, 1 - s
    return weighted(weight, dloss * ((ONE - target) * yes - pos_weight * target * no))


@inlined
def top_power(rest):
    """exp(x - max) = 1 of the class whose softmax is above 1/2, or 2, which no class has, where none is.

    rest is the sum of the other classes' powers. Of that class softmax may be all but 1, so that what it lacks is
    formed from the rest; below 1/2 no digit is lost, and the rest may be a sum of many.
    """
    return ONE if rest < ONE else TWO


@inlined
def mass_difference(power, expected, top, mass, per_power, others):
    """mass softmax_c - expected with softmax_c = power / total, power = exp(x_c - max) and per_power = mass / total.

    Of the top class others = mass (1 - softmax_c) is subtracted. 0 without mass: such a row counts for nothing.
    """
    difference = (mass - expected) - others if power == top else per_power * power - expected
    return unless_weightless(mass, difference)


@inlined
def softmax_grad(dy, power, top, total, products, others):
    """y (dy - sum_j dy_j y_j) for y = power / total, power = exp(x - max).

    products are that sum without the top class and with it. The top class takes the first: dy (1 - y) is what its
    term leaves of dy, with others = 1 - y.
    """
    y = power / total
    return y * ((others * dy - products[0]) if power == top else (dy - products[1]))


@inlined
def log_softmax_grad(dy, power, top, mass, per_power, others):
    """dy - mass softmax_c for mass = sum_j dy_j; as `mass_difference`."""
    return (dy - mass) + others if power == top else dy - per_power * power


@inlined
def negative_log(x, largest, log_total):
    """-log softmax(x) = log sum exp(x_j - max) + (max - x): in this order nothing small is lost in large logits."""
    return log_total + (largest - x)


@inlined
def smoothed(hit, spread, smoothing, classes):
    """(1 - smoothing) hit + smoothing mean: the loss of a label of which a part is spread over all classes.

    Without smoothing the hit alone, as the other classes' losses may be infinite (logits of -inf mask classes out).
    """
    return weighted(ONE - smoothing, hit) + smoothing / classes * spread if smoothing > ZERO else hit


PAIRWISE = {
    "mse": (mse, mse_grad),
    "l1": (l1, l1_grad),
    "huber": (huber, huber_grad),
    "smooth_l1": (smooth_l1, smooth_l1_grad),
}
"""By the name that the public functions pass down: the function and its gradient."""
