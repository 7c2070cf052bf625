"""Options given by name: what counts as a choice."""

from enum import StrEnum

import pytest

from gpuconv.core.options import one_of


class Pool(StrEnum):
    MAX = "max"


def test_a_member_of_a_string_enum_is_its_string():
    one_of("op", "pool", Pool.MAX, ("avg", "max"))


@pytest.mark.parametrize("value", [True, 1.0, "1"])
def test_an_equal_value_of_another_kind_is_refused(value):
    with pytest.raises(ValueError, match="op: axis is"):
        one_of("op", "axis", value, (0, 1))
