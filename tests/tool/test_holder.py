"""Who holds a lock, written into a tag and read from it."""

import os
import time

import pytest

from skytier.cloud.holder import LENGTH, Holder, who


def test_a_tag_is_read_as_it_was_written() -> None:
    me = Holder.me("up")
    assert Holder.read(me.tag) == me
    assert Holder.read(me.renewed().tag) == me.renewed()


@pytest.mark.parametrize("what", ["up", "down"])
def test_a_tag_fits_also_after_a_day(what: str) -> None:
    old = Holder("abcdef", int(time.time()), 86400, 4194304, what, "u" * 20)
    assert len(old.tag) <= LENGTH
    assert Holder.read(old.tag) == old


@pytest.mark.parametrize("tag", ["", "skytier:stack=shop", "lock:", "20261124T150300Z up ok a@b"])
def test_any_other_tag_is_no_holder(tag: str) -> None:
    assert Holder.read(tag) is None


def test_on_its_own_machine_the_process_says_whether_it_is_alive() -> None:
    now = int(time.time())
    assert Holder("abcdef", now, 0, os.getpid(), "up", who()).is_alive(150)
    assert not Holder("abcdef", now, 0, 2**22 + 1, "up", who()).is_alive(150)
    assert Holder("abcdef", now, 0, 2**22 + 1, "up", "alice@elsewhere").is_alive(150)
    assert not Holder("abcdef", now - 200, 0, 1, "up", "alice@elsewhere").is_alive(150)
    assert Holder("abcdef", now - 200, 100, 1, "up", "alice@elsewhere").is_alive(150)
