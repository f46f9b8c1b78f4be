"""Which member of a database makes its backups, and is restored; with machines that only tell."""

from dataclasses import dataclass
from typing import Any, cast

import pytest

from skytier.deploy.keeper import OTHER, PRIMARY, RESTORING, keeper
from skytier.errors import SkytierError


@dataclass
class Machine:
    """Says what it is; nothing if it does not answer."""

    name: str
    is_: str

    def run(self, script: str) -> str:
        if not self.is_:
            raise SkytierError("It does not answer.", "Wait.")
        return f"{self.is_}\n"


def those(*words: str) -> Any:
    machines = [Machine(f"shop-database-{n}", each) for n, each in enumerate(words, 1)]
    return cast(Any, {each.name: each for each in machines})


@pytest.mark.parametrize(
    ("words", "any_one", "found"),
    [
        # One that is alone makes its backups whatever it is.
        (("",), False, 1),
        ((PRIMARY, OTHER), False, 1),
        ((OTHER, PRIMARY, ""), False, 2),
        # A restore goes on where it was begun.
        ((PRIMARY, OTHER, RESTORING), False, 3),
        ((PRIMARY, OTHER, RESTORING), True, 3),
        ((OTHER, PRIMARY), True, 2),
        (("", OTHER), True, 2),
    ],
)
def test_it_is_the_primary_or_the_one_that_is_being_restored(
    words: tuple[str, ...], any_one: bool, found: int
) -> None:
    assert keeper(those(*words), any_one=any_one).name == f"shop-database-{found}"


@pytest.mark.parametrize(
    ("words", "any_one", "said"),
    [
        ((OTHER, OTHER), False, "No member of the database is the primary"),
        (("", ""), True, "No member of the database is the primary"),
        ((PRIMARY, PRIMARY), False, "are both the primary"),
    ],
)
def test_without_one_primary_no_backup_is_made(
    words: tuple[str, ...], any_one: bool, said: str
) -> None:
    with pytest.raises(SkytierError, match=said):
        keeper(those(*words), any_one=any_one)
