"""The random cases that PyTorch is asked for, against the oracle: no machine needs PyTorch for that.

GPUCONV_CASES=2000 takes as many of each family as `gpuconv check --against torch` does.
"""

import os

import pytest

from gpuconv.testing.torch_peer import FAMILIES, compare_family
from tests.testing.oracle_peer import oracle

CASES = int(os.environ.get("GPUCONV_CASES", "25"))


@pytest.mark.parametrize("family", FAMILIES)
def test_agrees_with_the_oracle(family):
    result = compare_family(family, oracle, CASES)
    assert result.differences == ()
    assert result.cases == CASES
    assert result.passes >= 2 * CASES
