"""A server's life from Nova's actions, worked out by hand."""

from datetime import UTC, datetime, timedelta

import pytest

from skytier.openstack.usages.life import ServerAction, Size, Stretch, stretches

SMALL, LARGE = Size("m1.small", 1, 2048, 20), Size("m1.large", 4, 8192, 80)


def at(minute: int) -> datetime:
    return datetime(2026, 11, 1, tzinfo=UTC) + timedelta(minutes=minute)


def life(*actions: tuple[str, int], launched: int = 1, first: Size | None = None) -> list[Stretch]:
    """A small server of two hours."""
    done = [ServerAction(name, at(minute)) for name, minute in actions]
    return stretches(at(launched), at(120), SMALL, done, first)


def test_a_server_to_which_nothing_happened_is_one_stretch() -> None:
    assert life(("create", 1)) == [Stretch(at(1), at(120), "active", SMALL)]


def test_without_any_action_it_begins_when_it_was_launched() -> None:
    assert life(launched=7) == [Stretch(at(7), at(120), "active", SMALL)]


def test_stopped_shelved_suspended_and_paused_are_stretches_of_their_own() -> None:
    found = life(
        ("create", 1),
        ("stop", 10),
        ("start", 20),
        ("shelve", 30),
        ("shelveOffload", 31),
        ("unshelve", 40),
        ("suspend", 50),
        ("resume", 60),
        ("pause", 70),
        ("unpause", 80),
        launched=40,  # an unshelved server says that it was launched anew
    )

    assert [(each.start, each.state) for each in found] == [
        (at(1), "active"),
        (at(10), "stopped"),
        (at(20), "active"),
        (at(30), "shelved_offloaded"),
        (at(40), "active"),
        (at(50), "suspended"),
        (at(60), "active"),
        (at(70), "paused"),
        (at(80), "active"),
    ]
    assert [each.end for each in found] == [*(each.start for each in found[1:]), at(120)]


def test_what_changes_nothing_ends_no_stretch() -> None:
    other = ("reboot", "lock", "attach_volume", "live-migration", "createImage", "rebuild")
    assert len(life(("create", 1), *((name, 10) for name in other))) == 1


def test_the_order_in_which_nova_lists_the_actions_does_not_matter() -> None:
    assert life(("start", 20), ("stop", 10)) == life(("stop", 10), ("start", 20))


def test_what_failed_was_not_done() -> None:
    failed = [ServerAction("create", at(1)), ServerAction("resize", at(5), failed=True)]
    assert stretches(at(1), at(120), SMALL, failed) == [Stretch(at(1), at(120), "active", SMALL)]


def test_a_resize_is_priced_with_the_size_of_each_time_where_the_first_is_known() -> None:
    assert life(("create", 1), ("resize", 30), ("confirmResize", 32), launched=30, first=LARGE) == [
        Stretch(at(1), at(30), "active", LARGE),
        Stretch(at(30), at(120), "active", SMALL),
    ]


def test_before_a_resize_of_which_nobody_knows_the_size_it_is_a_guess() -> None:
    assert life(("create", 1), ("resize", 30), launched=30) == [
        Stretch(at(1), at(30), "active", SMALL, guessed=True),
        Stretch(at(30), at(120), "active", SMALL),
    ]


def test_a_reverted_resize_gives_the_old_size_back() -> None:
    found = life(("create", 1), ("resize", 30), ("revertResize", 40), launched=30)

    assert found == [
        Stretch(at(1), at(30), "active", SMALL),
        Stretch(at(30), at(40), "active", SMALL, guessed=True),
        Stretch(at(40), at(120), "active", SMALL),
    ]


def test_a_reverted_migration_does_not_undo_an_earlier_resize() -> None:
    found = life(("resize", 30), ("confirmResize", 31), ("migrate", 50), ("revertResize", 55))

    assert [(each.start, each.guessed) for each in found] == [(at(1), True), (at(30), False)]


def test_a_stopped_server_that_is_resized_stays_stopped() -> None:
    found = life(("create", 1), ("stop", 10), ("resize", 30), first=LARGE)

    assert [(each.state, each.size) for each in found] == [
        ("active", LARGE),
        ("stopped", LARGE),
        ("stopped", SMALL),
    ]


@pytest.mark.parametrize("minute", [119, 120, 121])
def test_nothing_lasts_longer_than_the_server(minute: int) -> None:
    found = life(("create", 1), ("stop", minute))

    assert found[0].start == at(1)
    assert found[-1].end == at(120)
    assert all(each.start < each.end for each in found)
