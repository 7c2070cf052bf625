"""Weights and biases of channels on CUDA."""


def channel_values(values, x):
    """(values of the channels, 1), or (any array, 0) for None: one kernel takes both."""
    return (x.reshape(-1)[:1], 0) if values is None else (values, 1)
