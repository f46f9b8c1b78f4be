"""Versions as Poetry writes them."""

import pytest

from skytier.release.poetry_versions import allows


@pytest.mark.parametrize(
    ("constraint", "allowed", "others"),
    [
        ("*", ["0.1", "9"], []),
        ("^1.2.3", ["1.2.3", "1.99"], ["1.2.2", "2.0"]),
        ("^0.2.3", ["0.2.3", "0.2.9"], ["0.3.0"]),
        ("^0.0.3", ["0.0.3"], ["0.0.4"]),
        ("^0", ["0.9"], ["1.0"]),
        ("~1.2.3", ["1.2.9"], ["1.3.0"]),
        ("~1", ["1.9"], ["2.0"]),
        ("~=1.4.2", ["1.4.9"], ["1.5"]),
        ("1.*", ["1.9"], ["2.0"]),
        ("==1.2", ["1.2"], ["1.2.1"]),
        ("1.2", ["1.2.0"], ["1.3"]),
        ("=1.2", ["1.2"], ["1.3"]),
        (">= 1.2, < 2.0", ["1.2", "1.9"], ["2.0"]),
        (">=1.2 <2.0,!=1.5", ["1.2"], ["1.5", "2.0"]),
        ("^1.2 || >=3", ["1.3", "3.0"], ["2.0"]),
    ],
)
def test_a_constraint_allows_versions(
    constraint: str, allowed: list[str], others: list[str]
) -> None:
    assert [each for each in allowed if not allows(constraint, each)] == []
    assert [each for each in others if allows(constraint, each)] == []
