"""The groups of tests, against the files that there are."""

from pathlib import Path

import pytest

from tests.side_by_side import ALONE, GROUPS, group, place

ROOT = Path(__file__).parents[1]


@pytest.mark.parametrize(
    "beginning", [*ALONE, *(each for all_ in GROUPS.values() for each in all_)]
)
def test_what_a_group_names_is_there(beginning: str) -> None:
    path, _, function = beginning.partition("::")
    assert (ROOT / path).exists()
    assert not function or f"def {function}(" in (ROOT / path).read_text()


def test_a_test_is_in_its_named_group_or_alone_or_with_its_file() -> None:
    visitor, openapi, other = (
        *("tests/pages/test_visitor.py::test_a[1]", "tests/app/test_openapi.py::test_b[::]"),
        "tests/tool/test_plan.py::test_c[a::b]",
    )
    assert [group(each) for each in (visitor, openapi, other)] == [
        *("pages", openapi, "tests/tool/test_plan.py")
    ]
    assert place(visitor) < place(openapi) < place(other)
