"""Who holds a lock, written into a tag and read from it."""

import os
import re
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from skytier import openstack
from skytier.openstack import holder as holders
from skytier.openstack.holder import LENGTH, Holder, who

DEAD = 2**22 + 1
"""A process that there cannot be."""
COMMANDS = sorted(
    {
        what
        for path in Path(openstack.__file__).parent.rglob("*.py")
        for what in re.findall(r'\.held\("([^"]+)"', path.read_text())
    }
)
"""All that take the lock."""


@pytest.mark.parametrize("what", COMMANDS)
def test_a_tag_is_read_as_it_was_written(what: str) -> None:
    me = replace(Holder.me(what), who="a@b")
    assert Holder.read(me.tag) == me
    assert Holder.read(me.renewed().tag) == me.renewed()


@pytest.mark.parametrize("what", ["", "Up", "static:push", "x" * 60])
def test_what_nobody_could_read_in_a_tag_is_refused(what: str) -> None:
    with pytest.raises(ValueError, match="cannot be in the tag of a lock"):
        Holder.me(what)


@pytest.mark.parametrize("what", ["up", "down"])
def test_a_tag_fits_also_after_a_day(what: str) -> None:
    old = Holder("abcdef", int(time.time()), 86400, "zzzzzz", 4194304, what, "u" * 18)
    assert len(old.tag) <= LENGTH
    assert Holder.read(old.tag) == old


@given(
    began=st.integers(0, 2**32),
    age_s=st.integers(0, 10**6),
    pid=st.integers(1, 2**22),
    what=st.sampled_from(COMMANDS),
    who=st.text("abz019@._-", max_size=18),
)
def test_any_holder_is_read_from_its_tag(
    began: int, age_s: int, pid: int, what: str, who: str
) -> None:
    holder = Holder("0a1b2c", began, age_s, holders.machine(), pid, what, who)
    read = Holder.read(holder.tag)
    assert read is not None
    assert len(holder.tag) <= LENGTH
    assert replace(read, who="") == replace(holder, who="")
    assert holder.who.startswith(read.who)


@pytest.mark.parametrize("tag", ["", "skytier:stack=shop", "lock:", "20261124T150300Z up ok a@b"])
def test_any_other_tag_is_no_holder(tag: str) -> None:
    assert Holder.read(tag) is None


def test_on_its_own_machine_the_process_says_whether_it_is_alive() -> None:
    now, here = int(time.time()), holders.machine()
    assert Holder("abcdef", now, 0, here, os.getpid(), "up", who()).is_alive(150)
    assert not Holder("abcdef", now, 0, here, DEAD, "up", who()).is_alive(150)


def test_on_another_machine_of_the_same_user_and_name_only_the_time_says_it() -> None:
    now = int(time.time())
    assert Holder("abcdef", now, 0, "other1", DEAD, "up", who()).is_alive(150)
    assert not Holder("abcdef", now - 200, 0, "other1", DEAD, "up", who()).is_alive(150)
    assert Holder("abcdef", now - 200, 100, "other1", DEAD, "up", who()).is_alive(150)


@pytest.mark.skipif(
    subprocess.run(["unshare", "--pid", "--fork", "true"], check=False).returncode != 0,
    reason="it takes the right to make a namespace",
)
def test_a_container_of_the_same_name_is_another_machine() -> None:
    ask = "from skytier.openstack import holder; print(holder.machine(), holder.who())"

    def asked(*before: str) -> list[str]:
        command = [*before, sys.executable, "-c", ask]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()

    here, again = asked(), asked()
    inside = asked("unshare", "--pid", "--fork")
    assert here == again == [holders.machine(), who()]
    assert (inside[0] == here[0], inside[1] == here[1]) == (False, True)


def test_where_the_system_does_not_tell_no_machine_is_taken_for_this_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def refuse(path: Path) -> Path:
        raise OSError

    monkeypatch.setattr(Path, "readlink", refuse)
    assert holders.machine() != holders.machine()
