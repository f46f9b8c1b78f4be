"""The checks of a machine, asked in one go."""

import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from skytier.deploy import checks
from skytier.errors import SkytierError
from skytier.services.setup import ByHand, Check, Setup


class Here:
    """Runs scripts on this machine."""

    name = "shop-web-1"

    def run(self, script: str, stdin: bytes | None = None) -> str:
        return subprocess.run(
            ["bash", "-c", script], input=stdin, check=True, stdout=subprocess.PIPE
        ).stdout.decode()


def failing(*scripts: str) -> dict[str, str]:
    asked = [Check(str(number), script) for number, script in enumerate(scripts)]
    return checks.failing(Here(), asked)


def test_only_those_that_fail_are_told_with_what_they_said() -> None:
    assert failing("echo fine", "echo 'It is down.'; echo why >&2; exit 1", "exit 1") == {
        "1": "It is down.\nwhy",
        "2": "it fails without a message",
    }


def test_a_check_goes_on_after_a_question_that_is_answered_with_no() -> None:
    assert failing('state=$(false); echo "It is not."; exit 1') == {"0": "It is not."}


class Clock:
    """Time that passes by waiting alone."""

    def __init__(self) -> None:
        self.now = 0.0

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds * 50


@pytest.mark.parametrize(("with_others", "gives_up_after_s"), [(False, 150), (True, 950)])
def test_what_waits_for_other_machines_may_take_as_long_as_they_do(
    with_others: bool, gives_up_after_s: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = Clock()
    monkeypatch.setattr(checks, "time", clock)
    told: list[str] = []
    asked = [
        Check("ssh", "true"),
        Check("etcd", "echo no majority; exit 1", with_others=with_others),
    ]

    with pytest.raises(
        SkytierError, match="shop-web-1 is set up, but not healthy:\netcd: no majority"
    ):
        checks.wait_until_well(Here(), asked, told.append)

    assert clock.now == gives_up_after_s
    assert told[-1] == "checking, waiting for etcd"


def test_nobody_waits_for_what_a_person_has_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock()
    monkeypatch.setattr(checks, "time", clock)
    by_hand = ByHand("It is paused", "Resume it.")
    waits = Check("etcd", "echo no majority; exit 1", with_others=True, by_hand=by_hand)
    paused = replace(waits, script="echo It is paused.; echo See the log.; exit 1")

    with pytest.raises(SkytierError, match=r"It is paused\.\nSee the log\.") as error:
        checks.wait_until_well(Here(), [Check("ssh", "true"), paused], print)
    assert (clock.now, error.value.do) == (0, "Resume it.")

    # Another answer of the same check may pass.
    with pytest.raises(SkytierError, match="no majority"):
        checks.wait_until_well(Here(), [waits], print)
    assert clock.now > 900

    # It is no reason to set a machine up again.
    assert (
        Setup(checks=[paused]).fingerprint()
        == Setup(checks=[replace(paused, by_hand=None)]).fingerprint()
    )


def test_a_machine_that_becomes_well_meanwhile_is_well(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checks, "time", Clock())
    looks = f"echo >>{tmp_path}/looks; (($(wc -l <{tmp_path}/looks) > 5))"

    checks.wait_until_well(Here(), [Check("etcd", looks, with_others=True)], print)

    assert len((tmp_path / "looks").read_text().splitlines()) == 6


def test_patience_begins_when_a_check_begins_to_fail(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checks, "time", Clock())
    looks = f"echo >>{tmp_path}/looks; count=$(wc -l <{tmp_path}/looks);"
    asked = [
        Check("etcd", f"{looks} ((count > 8))", with_others=True),
        Check("nginx", f"! (($(wc -l <{tmp_path}/looks) == 6))"),  # once, after 250 s
    ]

    checks.wait_until_well(Here(), asked, print)

    assert len((tmp_path / "looks").read_text().splitlines()) == 9


def test_how_long_a_check_is_waited_for_is_in_no_fingerprint() -> None:
    patient = Setup([], "true", [Check("etcd", "true", with_others=True)])
    assert patient.fingerprint() == Setup([], "true", [Check("etcd", "true")]).fingerprint()
