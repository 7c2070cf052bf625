"""Problem lists: named ones, files, and every option of a layer."""

import csv

import pytest

from gpuconv.bench import problems
from gpuconv.bench.problems import ConvProblem, conv_problems, read_problems
from gpuconv.conv.shape import conv_shape

LAYER = dict.fromkeys(problems.LAYER_COLUMNS, "1x1") | {"N": "2", "G": "1", "C": "3", "K": "4", "size": "9x8"}


def write(path, *layers):
    rows = [
        problems.LAYER_COLUMNS,
        *([{**LAYER, **layer}[name] for name in problems.LAYER_COLUMNS] for layer in layers),
    ]
    path.write_text("# a comment\n" + "".join("\t".join(row) + "\n" for row in rows))
    return path


@pytest.mark.parametrize("name", ["resnet50", "vgg", "googlenet", "mobilenet", "alexnet", "ssd", "networks"])
def test_a_networks_list_has_each_layer_once(name):
    found = conv_problems(name, batch=4)
    assert len(set(found)) == len(found) > 4
    assert {problem.n for problem in found} == {4}


def test_the_sizes_are_those_of_the_lists_and_of_conv2d():
    with problems.BENCHDNN.open() as lines:
        listed = list(csv.DictReader((line for line in lines if line[0] != "#"), delimiter="\t"))
    assert len(listed) > 400
    for row in listed:
        problem = problems._layer(row)
        assert "x".join(map(str, problem.y_shape[2:])) == row["result"], row
        shape = conv_shape("test", problem.x_shape, problem.w_shape, **problem.options)
        assert shape.y_shape == problem.y_shape
        assert shape.flops == problem.flops


def test_networks_have_every_kind_of_layer():
    found = conv_problems("networks")
    assert 35 <= len(found) <= 45
    assert max(problem.n for problem in found) <= 4
    depthwise = {(p.r, p.stride) for p in found if p.groups == p.c}
    assert {(3, 1), (3, 2), (5, 1), (5, 2), (7, 1)} <= depthwise
    assert {p.c // p.groups for p in found if 1 < p.groups < p.c} >= {4, 8, 16, 32}
    assert {(p.r, p.s) for p in found} >= {(1, 1), (2, 2), (1, 7), (7, 1), (7, 7)}
    assert any(p.dilation == 12 for p in found)


def test_a_layer_of_a_file_may_have_any_option(tmp_path):
    options = {"G": "1", "kernel": "3x2", "stride": "2x1", "dilation": "1x2"}
    file = write(
        tmp_path / "layers.tsv",
        {},
        {**options, "pad_before": "1x0", "pad_after": "1x2"},
        {"kernel": "3x3", "pad_before": "0x0"},
    )
    plain, every, asymmetric = read_problems(file)
    assert plain == ConvProblem(2, 3, 9, 8, 4, 1, 1, 1, 1)
    assert every == ConvProblem(2, 3, 9, 8, 4, 3, 2, (2, 1), ((1, 1), (0, 2)), 1, (1, 2))
    assert str(every) == "2x3x9x8 -> 4, 3x2/2x1+1:1x0:2 dilation 1x2"
    assert str(asymmetric) == "2x3x9x8 -> 4, 3x3+0:1x0:1"
    assert conv_problems(str(file), 1)[0].n == 1


def test_padding_that_no_window_reads_is_the_same_on_both_sides(tmp_path):
    """224 + 3 + 2 - 7 and 224 + 3 + 3 - 7 are as many strides of 2, and a model has one number."""
    layer = {"size": "224x224", "kernel": "7x7", "stride": "2x2", "pad_before": "3x3", "pad_after": "2x2"}
    tail = {"size": "56x56", "stride": "2x2", "pad_before": "0x0", "pad_after": "-1x-1"}
    padded, cut = read_problems(write(tmp_path / "layers.tsv", layer, tail))
    assert (padded.pad, padded.y_shape[2:]) == (3, (112, 112))
    assert (cut.pad, cut.y_shape[2:]) == (0, (28, 28))


@pytest.mark.parametrize(
    ("layer", "message"),
    [
        ({"size": "9"}, "line 3: size is '9', expected HxW: only convolutions over two axes"),
        ({"size": "3x9x9"}, "line 3: size is '3x9x9', expected HxW"),
        ({"kernel": "3"}, "expected HxW"),
        ({"pad_before": "-1x0"}, "expected no negative padding"),
        ({"G": "2"}, "a divisor of C and K"),
        ({"C": "many"}, "line 3: invalid literal"),
    ],
)
def test_a_row_that_cannot_be_timed_is_refused_with_its_line(layer, message, tmp_path):
    with pytest.raises(ValueError, match=message):
        read_problems(write(tmp_path / "layers.tsv", layer))


def test_a_file_without_the_columns_is_refused(tmp_path):
    for text in ("", "# nothing\n", "N\tC\n1\t2\n"):
        (tmp_path / "layers.tsv").write_text(text)
        with pytest.raises(ValueError, match="no column"):
            read_problems(tmp_path / "layers.tsv")


def test_an_unknown_list_names_the_others():
    with pytest.raises(ValueError, match=r"one of standard, lenet, .*, networks, .*, resnet50, "):
        conv_problems("alexnet2")


def test_the_lists_of_before_are_what_they_were():
    assert len(conv_problems("standard")) == 10
    assert {problem.n for problem in conv_problems("deepbench")} == {8}
    assert conv_problems("depthwise") == [ConvProblem(32, 128, 56, 56, 128, 3, 3, 1, 1, 128)]
