"""Which member of a database makes its backups, and is restored; with machines that only tell."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any, cast

import pytest

from skytier.deploy.keeper import OTHER, PRIMARY, RESTORING, keeper
from skytier.errors import SkytierError
from skytier.openstack.commands import database, psql
from skytier.stackfile import parse


@dataclass
class Machine:
    """Says what it is; nothing if it does not answer."""

    name: str
    is_: str
    attended: list[str] = field(default_factory=list)

    def run(self, script: str) -> str:
        if not self.is_:
            raise SkytierError("It does not answer.", "Wait.")
        return f"{self.is_}\n"

    def attend(self, *words: str, terminal: bool) -> int:
        self.attended.append(words[-1])
        return 0


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
        (("", ""), False, "No member of the database is the primary"),
        (("", ""), True, "No member of the database runs and answers"),
        ((), True, "No member of the database runs and answers"),
        ((PRIMARY, PRIMARY), False, "are both the primary"),
    ],
)
def test_without_one_primary_no_backup_is_made(
    words: tuple[str, ...], any_one: bool, said: str
) -> None:
    with pytest.raises(SkytierError, match=said):
        keeper(those(*words), any_one=any_one)


@pytest.mark.parametrize(
    ("words", "reached"),
    [
        # The first one is the primary, was lost, or does not answer: Nova tells of the others.
        ({1: PRIMARY, 2: OTHER}, 1),
        ({2: PRIMARY}, 2),
        ({1: "", 2: OTHER, 3: PRIMARY}, 3),
        ({1: "", 2: OTHER}, 2),
    ],
)
def test_psql_needs_no_particular_member(
    monkeypatch: pytest.MonkeyPatch, words: dict[int, str], reached: int
) -> None:
    there = {f"shop-database-{n}": Machine(f"shop-database-{n}", w) for n, w in words.items()}

    @contextmanager
    def machines(stack: Any, *, that_run: bool) -> Iterator[Any]:
        assert that_run
        yield there

    monkeypatch.setattr(database, "machines", machines)
    stack = cast(Any, SimpleNamespace(stack=parse('name = "shop"\ndatabase.members = 3')))
    assert psql.attend_psql(stack, "--list") == 0
    assert [name for name, each in there.items() if each.attended] == [f"shop-database-{reached}"]
