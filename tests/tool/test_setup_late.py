"""A machine that is not set up in time is told as such, and not as one that failed."""

import subprocess
from pathlib import Path

import pytest

from skytier.deploy.setup import ONE_AT_A_TIME, REFUSED, set_up
from skytier.errors import SkytierError
from skytier.hosts.host import CommandTimeoutError
from skytier.services.setup import Setup


class Late:
    """A host whose set-up does not end, and which says nothing meanwhile."""

    name = "shop-database-1"

    def run(self, script: str, stdin: bytes | None = None) -> str:
        raise CommandTimeoutError("A command did not end within 1800 s. It said:\n", "Look.", "")


def test_it_says_that_it_may_go_on() -> None:
    with pytest.raises(SkytierError) as raised:
        set_up(Late(), Setup([], ""), {}, lambda text: None)

    assert raised.value.what.startswith("shop-database-1 was not set up in time.")
    assert "within 1800 s" in raised.value.what
    assert "run skytier up again" in str(raised.value.do)


def test_another_one_begins_only_after_its_end(tmp_path: Path) -> None:
    lock, begun = tmp_path / "lock", tmp_path / "begun"
    script = ONE_AT_A_TIME.replace("/run/skytier-set-up.lock", str(lock))
    assert str(lock) in script
    # Its connection is lost, and it goes on until it is told to end.
    first = subprocess.Popen(
        ("bash", "-c", f"{script}\necho begun && exec cat"),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    with first:
        assert first.stdout
        assert first.stdout.readline() == b"begun\n"
        hasty = script.replace("--wait 600", "--wait 0")
        second = subprocess.run(
            ("bash", "-c", f"{hasty}\ntouch {begun}"), capture_output=True, text=True, check=False
        )
        first.communicate(timeout=60)
    assert second.returncode == 1
    assert second.stderr.splitlines()[0] == REFUSED
    assert "skytier up again" in second.stderr
    assert not begun.exists()
    subprocess.run(("bash", "-c", f"{hasty}\ntouch {begun}"), check=True)
    assert begun.exists()
