"""Modules of modules: Sequential as a list with names, the tree below a module, and how it prints."""

from collections import OrderedDict

import numpy as np
import pytest

from gpuconv import nn


def model():
    return nn.Sequential(nn.Linear(3, 4, seed=0), nn.ReLU(), nn.Linear(4, 2, seed=1))


X = np.ones((5, 3), np.float32)


def test_a_sequence_has_a_length_members_and_an_order():
    layers = [nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 2)]
    sequence = nn.Sequential(*layers)
    assert len(sequence) == 3
    assert list(sequence) == sequence.layers == layers
    assert (sequence[0], sequence[-1]) == (layers[0], layers[2])
    with pytest.raises(IndexError):
        sequence[3]


def test_a_slice_is_a_sequence_of_the_same_modules_under_the_same_names():
    whole = model()
    head, tail = whole[:2], whole[1:]
    assert type(head) is nn.Sequential
    assert head[0] is whole[0]
    assert list(tail.state_dict()) == ["2.weight", "2.bias"]
    assert np.array_equal(whole[2](head(X)), whole(X))
    assert len(whole[5:]) == 0


@pytest.mark.parametrize(
    "make",
    [
        lambda a, b: nn.Sequential(OrderedDict([("conv", a), ("relu", b)])),
        lambda a, b: nn.Sequential({"conv": a, "relu": b}),
        lambda a, b: nn.Sequential(conv=a, relu=b),
    ],
)
def test_modules_have_names(make):
    conv, relu = nn.Conv2d(1, 2, 3), nn.ReLU()
    sequence = make(conv, relu)
    assert list(sequence.state_dict()) == ["conv.weight", "conv.bias"]
    assert sequence.conv is sequence[0] is conv
    assert [name for name, _ in sequence.named_children()] == ["conv", "relu"]


def test_a_sequence_grows_and_shrinks():
    sequence = nn.Sequential(nn.Linear(3, 4))
    assert sequence.append(nn.ReLU()) is sequence
    sequence.extend([nn.Linear(4, 4), nn.ReLU()]).insert(1, nn.Identity())
    assert [type(layer).__name__ for layer in sequence] == ["Linear", "Identity", "ReLU", "Linear", "ReLU"]
    assert [name for name, _ in sequence.named_parameters()] == ["0.weight", "0.bias", "3.weight", "3.bias"]
    del sequence[1]
    sequence[0] = nn.Linear(3, 4, bias=False)
    assert list(sequence.state_dict()) == ["0.weight", "2.weight", "2.bias"]
    assert sequence(X).shape == (5, 4)
    del sequence[1:]
    assert len(sequence) == 1


def test_names_stay_when_numbers_change():
    sequence = nn.Sequential(first=nn.ReLU())
    sequence.append(nn.ReLU()).insert(0, nn.Identity())
    assert [name for name, _ in sequence.named_children()] == ["0", "first", "2"]


def test_a_change_that_is_refused_changes_nothing():
    sequence = model()
    with pytest.raises(ValueError, match="are the same ReLU"):
        sequence.append(sequence[1])
    with pytest.raises(TypeError, match="module 1 is the function"):
        sequence[1] = lambda x: x
    assert [type(layer).__name__ for layer in sequence] == ["Linear", "ReLU", "Linear"]


def test_an_attribute_joins_the_sequence():
    sequence = nn.Sequential(nn.Linear(3, 4))
    sequence.act = nn.ReLU()
    assert len(sequence) == 2
    assert sequence(X).min() >= 0


def test_the_tree_below_a_module():
    tree = nn.Sequential(nn.Residual(nn.ReLU()), nn.BatchNorm1d(3))
    residual, norm = tree
    assert list(tree.children()) == [residual, norm]
    assert list(tree.named_children()) == [("0", residual), ("1", norm)]
    assert list(tree.modules()) == [tree, residual, residual.body, norm]
    assert [path for path, _ in tree.named_modules()] == ["", "0", "0.body", "1"]
    assert [buffer.data.shape for buffer in tree.buffers()] == [(3,), (3,), ()]


def test_apply_visits_children_first():
    seen = []
    sequence = model()
    assert sequence.apply(lambda module: seen.append(type(module).__name__)) is sequence
    assert seen == ["Linear", "ReLU", "Linear", "Sequential"]


def test_zero_grad_forgets_or_fills():
    layer = nn.Linear(3, 2)
    layer.backward(np.ones_like(layer(X)))
    layer.zero_grad(set_to_none=False)
    assert not layer.weight.grad.any()
    layer.zero_grad()
    assert layer.weight.grad is None


def test_identity_stands_where_a_layer_is_left_out():
    layer = nn.Identity(3, 64, kernel_size=3)
    assert layer(X) is X
    assert layer.backward(X) is X
    assert layer.backward(X, input_grad=False) is None


def test_a_model_prints_as_a_tree():
    tree = nn.Sequential(stem=nn.Conv2d(3, 8, 3, bias=False), block=nn.Residual(nn.Sequential(nn.ReLU())))
    assert repr(tree).splitlines() == [
        "Sequential(",
        "  (stem): Conv2d(3, 8, kernel_size=(3, 3), stride=(1, 1), bias=False)",
        "  (block): Residual(",
        "    (body): Sequential(",
        "      (0): ReLU()",
        "    )",
        "  )",
        ")",
    ]


def test_arrays_of_a_model_print_what_they_are_and_not_their_elements():
    layer = nn.Linear(3, 2)
    assert repr(layer.weight) == "Parameter(shape=(2, 3), dtype=float32, device=cpu, grad=None)"
    layer.backward(np.ones_like(layer(X)))
    assert repr(layer.weight) == "Parameter(shape=(2, 3), dtype=float32, device=cpu, grad=array of shape (2, 3))"
    assert repr(nn.BatchNorm1d(3).running_var) == "Buffer(shape=(3,), dtype=float32, device=cpu)"


def test_a_loss_prints_the_options_that_are_not_the_defaults():
    assert repr(nn.CrossEntropyLoss(np.ones(3), label_smoothing=0.1)) == (
        "CrossEntropyLoss(weight=an array of shape (3,), label_smoothing=0.1)"
    )


def test_dir_lists_public_names_alone():
    assert dir(nn) == sorted(nn.__all__)
    assert dir(nn.init) == sorted(nn.init.__all__)
