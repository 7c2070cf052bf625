"""Every public name is on exactly one page of the API reference."""

import importlib
import importlib.util
import re
from collections import Counter

import pytest

import gpuconv

from .snippets import ROOT


def load_reference():
    spec = importlib.util.spec_from_file_location("docs_reference", ROOT / "docs" / "reference.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_every_public_name_is_on_one_page():
    reference = load_reference()
    named = Counter(name for pages in reference.operations().values() for names in pages.values() for name in names)
    named.update(reference.ELSEWHERE.keys())
    named.update(path for path in reference.SUBPACKAGES if "." not in path)
    assert named == Counter(set(gpuconv.__all__) - {"__version__"})


def test_a_gradient_is_on_the_page_of_its_operation():
    reference = load_reference()
    pages = reference.operations()
    assert {"conv1d", "conv2d", "conv3d_weight_grad"} <= set(pages["conv"]["conv"])
    assert set(pages["activation"]["gelu"]) == {"gelu", "gelu_grad"}
    assert "relu" not in pages["loss"]


def test_what_a_subpackage_describes_is_public_in_it():
    reference = load_reference()
    for name, path in reference.ELSEWHERE.items():
        assert name in reference.resolve(path).__all__


@pytest.mark.parametrize(("target", "title"), [("cpu", "CPU"), ("cuda", "CUDA")])
def test_the_algorithms_of_a_target_are_listed_in_the_concepts(target, title):
    rows = re.findall(rf"^\| `(\w+)` \| {title} \|", (ROOT / "docs" / "concepts.md").read_text(), re.MULTILINE)
    assert tuple(rows) == importlib.import_module(f"gpuconv.kernels.conv.{target}").ALGORITHMS
