"""What follows from a machine's log of releases."""

import pytest

from skytier.errors import SkytierError
from skytier.release import history
from skytier.release.history import NOBODY, Author, History

KEPT = {"a", "b", "c", "d"}


def log(*events: str) -> History:
    """From `a` (a healthy release), `a!` (one that failed), `a?` (cut short), `<a` (rollback)."""
    lines = []
    for each in events:
        name = each.strip("!?<")
        if each.startswith("<"):
            lines.append(history.rolled_back(name, NOBODY))
            continue
        lines.append(history.begun(name, NOBODY))
        if not each.endswith("?"):
            lines.append(history.ended(name, healthy=not each.endswith("!")))
    return history.read("\n".join(lines))


def states(said: History) -> list[str]:
    return [f"{each.id} {each.state}" for each in said.entries]


@pytest.mark.parametrize(
    ("events", "before"),
    [
        (["a", "b"], "a"),
        (["a", "b!"], None),
        (["a", "b!", "c"], "a"),
        (["a", "b?", "c"], "a"),
        (["a", "b", "c", "<b"], "a"),
        (["a", "b", "c", "<b", "d"], "b"),
        (["a", "b", "<a", "b"], "a"),
        (["a", "b", "a"], "b"),
        (["a", "b", "a", "<b"], "a"),
        (["a", "x", "b"], "a"),
        (["a"], None),
        ([], None),
        (["a", "b", "c", "<a", "<c"], "a"),
    ],
)
def test_the_release_before(events: list[str], before: str | None) -> None:
    said = log(*events)
    if before is None:
        with pytest.raises(SkytierError, match="There is no release to go back to"):
            said.before(KEPT)
    else:
        assert said.before(KEPT).id == before


def test_a_rollback_pins_until_the_next_healthy_release() -> None:
    assert log("a", "b", "<a").pinned
    assert log("a", "b", "<a", "c!").pinned
    assert not log("a", "b", "<a", "c").pinned


def test_states_say_how_each_went() -> None:
    said = log("a", "b!", "c?", "d", "<a")
    assert states(said) == ["a healthy", "b failed", "c begun", "d rolled back"]
    assert said.current == 1


def test_a_release_is_named_by_its_number_or_its_id() -> None:
    said = log("a", "b", "a")
    assert said.named("2", KEPT).id == "b"
    assert said.named("a", KEPT).number == 3
    with pytest.raises(SkytierError, match="not kept any more"):
        said.named("1", {"b"})


def test_who_and_when_stay_with_it_and_broken_lines_are_skipped() -> None:
    author = Author("s", "2026-11-28T17:03:21Z", "ada@engine", "3f2a9c8 with changes")
    said = history.read(f'{{"what": "beg\n[]\n{history.begun("a", author)}\n')
    assert [each.author for each in said.entries] == [author]


def test_a_machine_that_never_saw_the_release_begin_knows_it_by_its_end() -> None:
    said = log("<a")
    assert (states(said), said.current, said.pinned) == (["a healthy"], 1, True)
