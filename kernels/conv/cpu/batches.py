"""Batches whose working memory would grow with them: some images at a time.

A plan whose kernel copies x takes as much memory for it as x does. Of a large batch each plan here launches the plan of
a few images again and again; the gradients of the weights are added.
"""

from ...core import memory

COPIED_ELEMENTS = 1 << 22
"""Of working memory that grows with the batch, at most, where a batch has more than one image."""


def correlation_plan(make_plan, shape, dtype):
    """The plan of a forward pass or an input gradient, of as many images at a time as memory is allowed."""
    whole = make_plan(shape, dtype)
    images = _images(whole, shape)
    return whole if images >= shape.n else BatchedCorrelation(_parts(make_plan, shape, dtype, images), whole)


def gradient_plan(make_plan, shape, dtype):
    """The plan of a weight gradient, of as many images at a time as memory is allowed."""
    whole = make_plan(shape, dtype)
    images = _images(whole, shape)
    return whole if images >= shape.n else BatchedGradient(_parts(make_plan, shape, dtype, images))


class BatchedCorrelation:
    """A plan that launches one of fewer images; takes the arrays that a CorrelationPlan takes.

    Parameters
    ----------
    parts : list of (slice, CorrelationPlan)
    whole : CorrelationPlan
        Of all images; what stands for no bias and for no pre-activation.
    """

    __slots__ = ("no_bias", "no_pre_activation", "parts")

    def __init__(self, parts, whole):
        self.parts, self.no_bias, self.no_pre_activation = parts, whole.no_bias, whole.no_pre_activation

    def launch(self, x, w, bias, activation, slope, pre_activation, y):
        """Run the parts one after the other."""
        for images, plan in self.parts:
            outputs = pre_activation[images] if pre_activation.size else pre_activation
            plan.launch(x[images], w, bias, activation, slope, outputs, y[images])


class BatchedGradient:
    """A plan of a weight gradient that adds those of fewer images, in their order.

    Parameters
    ----------
    parts : list of (slice, Plan)
    """

    __slots__ = ("parts",)

    def __init__(self, parts):
        self.parts = parts

    def launch(self, x, dy, dw):
        """Run the parts one after the other."""
        (images, plan), *others = self.parts
        plan.launch(x[images], dy[images], dw)
        part = memory.new(dw.shape, dw.dtype)
        for images, plan in others:
            plan.launch(x[images], dy[images], part)
            dw += part


def _images(plan, shape):
    """Images at a time; all of them, if their working memory is small."""
    return shape.n if plan.scratch <= COPIED_ELEMENTS else max(1, COPIED_ELEMENTS // (plan.scratch // shape.n))


def _parts(make_plan, shape, dtype, images):
    """Some images of the batch and their plan, in order; all but the last share theirs."""
    plans, parts = {}, []
    for first in range(0, shape.n, images):
        part = slice(first, min(first + images, shape.n))
        count = part.stop - first
        if count not in plans:
            plans[count] = make_plan(shape._replace(n=count), dtype)
        parts.append((part, plans[count]))
    return parts
