"""What a machine says of its disks, clock and services -> what is wrong, and what mends it."""

import subprocess
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from skytier import roles
from skytier.deploy.condition import CLOCK_BOUND_S, FULL_PERCENT, Asked, Wrong, judged
from skytier.deploy.kind import Found, Key, Known, Wanted
from skytier.deploy.plan import Action, Step
from skytier.errors import SkytierError
from skytier.hosts.host import UnreachableError
from skytier.hosts.ssh import Ssh
from skytier.openstack.machines.look import look, scripts, to_mend
from skytier.openstack.plan.planned import Plan
from skytier.secrets.variables import Summary
from skytier.services.patroni import behind, pause
from skytier.services.patroni.service import PAUSED
from skytier.services.system.condition import Condition, Disk, Unit, read, script
from skytier.stackfile import parse
from skytier.status import Fault

SAID = """\
clock 1764421200.25
disk / 10737418240 42%
disk /var/lib/postgresql 52428800 96%
inodes / 100000 7%
inodes /boot/efi - -
unit nginx.service forking failed enabled
unit skytier-app.service notify active enabled
unit postgresql@15-main.service forking inactive -
"""


def test_what_a_machine_says_is_read() -> None:
    assert read(SAID) == Condition(
        1764421200.25,
        [
            Disk("/", 10737418240, 42),
            Disk("/var/lib/postgresql", 52428800, 96),
            Disk("/", 100000, 7, inodes=True),
        ],
        [
            Unit("nginx.service", "forking", "failed", "enabled"),
            Unit("skytier-app.service", "notify", "active", "enabled"),
            Unit("postgresql@15-main.service", "forking", "inactive", "-"),
        ],
    )


def test_the_question_names_the_units_and_is_none_without() -> None:
    assert "-- nginx 'postgresql@*'" in script(["nginx", "postgresql@*"])
    assert "systemctl" not in script([])


def asked(ahead: float = 0.0, took: float = 1.0, **parts: list[Disk] | list[Unit]) -> Asked:
    return Asked(Condition(1000.0 + ahead, **parts), 1000.0 - took / 2, 1000.0 + took / 2)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("disk", "what", "do"),
    [
        (Disk("/", 104857600, FULL_PERCENT), "/ is 95% full: 100.0 MiB left", "See what fills it"),
        (Disk("/", 12, 100, inodes=True), "/ is 100% full: 12 files left", "See what fills it"),
        (Disk("/var/lib/postgresql", 0, 100), "is 100% full: 0 B left", "volume_gib higher"),
    ],
)
def test_a_full_disk_is_named_and_nothing_is_deleted(disk: Disk, what: str, do: str) -> None:
    [wrong] = judged({"shop-web-1": asked(disks=[disk])})

    assert (wrong.fault.kind, wrong.fault.up, wrong.script) == ("disk", "", "")
    assert what in wrong.fault.what
    assert do in wrong.fault.do


@pytest.mark.parametrize(
    ("unit", "is_down"),
    [
        (Unit("nginx.service", "forking", "failed", "enabled"), True),
        (Unit("nginx.service", "forking", "inactive", "enabled"), True),
        (Unit("nginx.service", "forking", "active", "enabled"), False),
        (Unit("nginx.service", "forking", "activating", "enabled"), False),
        (Unit("postgresql@15-main.service", "forking", "failed", "-"), True),
        # It may be in the middle of a restore.
        (Unit("postgresql@15-main.service", "forking", "inactive", "enabled"), False),
        # The second process of the application waits for its turn.
        (Unit("skytier-second.service", "notify", "inactive", "-"), False),
        # A job that failed is not done again; its own line of `status` says so.
        (Unit("skytier-job@nightly.service", "oneshot", "failed", "static"), False),
    ],
)
def test_a_service_that_should_run_is_started(unit: Unit, is_down: bool) -> None:
    wrong = judged({"shop-web-1": asked(units=[unit])})

    assert [each.fault.what for each in wrong] == [f"{unit.name} is {unit.active}"] * is_down
    assert [f"systemctl start {unit.name}" in each.script for each in wrong] == [True] * is_down


@pytest.mark.parametrize(
    ("ahead", "named"),
    [
        ({"a": 0, "b": 0}, []),
        ({"a": CLOCK_BOUND_S + 0.4, "b": 0}, []),  # within what the answer took
        ({"a": 40, "b": 0}, [("a", "its clock is 40 s ahead")]),
        ({"a": 0, "b": 0, "c": -3600}, [("c", "its clock is 3600 s behind")]),
        ({"a": -40}, [("a", "its clock is 40 s behind")]),
        # All machines agree: it is this one that is wrong.
        ({"a": 60, "b": 60}, [("this machine", "this machine's clock is 60 s behind")]),
    ],
)
def test_a_clock_that_is_off_is_set(ahead: Mapping[str, float], named: list[object]) -> None:
    wrong = judged({name: asked(each) for name, each in ahead.items()})

    assert [(each.fault.resource, each.fault.what) for each in wrong] == named
    for each in wrong:
        assert ("chronyc makestep" in each.script) == (each.fault.resource in ahead)


@pytest.mark.parametrize(
    ("has", "does"),
    [
        ({"chrony"}, "chronyc makestep"),
        ({"chrony", "systemd-timesyncd"}, "chronyc makestep"),
        ({"systemd-timesyncd"}, "systemctl restart systemd-timesyncd"),
        (set(), "date --utc --set @1764421200"),
    ],
)
def test_a_clock_is_set_by_what_the_machine_has(tmp_path: Path, has: set[str], does: str) -> None:
    [wrong] = judged({"a": asked(-40)})
    log = tmp_path / "log"
    commands = {
        "systemctl": f'case "$1 $2 $3" in {"|".join(f"*{each}*" for each in has) or "-"}) '
        f'[ "$1" != restart ] || echo systemctl "$@" >>{log};; *) exit 4;; esac',
        "chronyc": f'echo chronyc "$@" >>{log}',
        "date": f'echo date "$@" >>{log}',
        "cat": '[ "$1" = /sys/class/rtc/rtc0/since_epoch ] && echo 1764421200',
    }
    for name, body in commands.items():
        (tmp_path / name).write_text(f"#!/bin/sh\n{body}\n")
        (tmp_path / name).chmod(0o755)

    subprocess.run(
        ["/bin/bash", "-euo", "pipefail", "-c", wrong.script],
        check=True, env={"PATH": str(tmp_path)},
    )  # fmt: skip

    assert log.read_text().split() == does.split()


def test_what_can_be_mended_makes_the_configuration_of_its_machine_be_done_again() -> None:
    found = [Found(Key("configuration", name), name, {"fingerprint": "f"}) for name in "abc"]
    wrong = [
        Wrong(Fault("a", "unit", "nginx.service is failed", "it is started", ""), "start nginx"),
        Wrong(Fault("a", "clock", "its clock is 40 s ahead", "it is set", ""), "set clock"),
        Wrong(Fault("b", "disk", "/ is full", "", "Look.")),
    ]

    mended = to_mend(found, wrong)

    assert [bool(each.fault) for each in mended] == [True, False, False]
    assert mended[0].fault == "nginx.service is failed; its clock is 40 s ahead"
    assert mended[0].mend == "it is started; it is set"
    assert scripts(wrong) == {"a": "start nginx\nset clock"}


class Shell:
    """Machines that say the same, or do not answer."""

    def __init__(self, *away: str) -> None:
        self.away = away
        self.asked: set[str] = set()

    def run(self, name: str, command: str, stdin: bytes = b"", timeout_s: float = 0) -> str:
        self.asked.add(name)
        if name in self.away:
            raise UnreachableError(f"{name} cannot be reached: it does not answer.", "Look.")
        return "clock 0\nunit nginx.service forking failed enabled"


def servers(**power: str) -> Known:
    """Servers of these states; all were set up but for `new`."""
    known = Known()
    for name, state in power.items():
        facts = {"role": "web", "number": 1}
        fault = "it is in ERROR" if state == "error" else ""
        of_server = Found(Key("server", name), f"id-{name}", {"power": state}, facts, fault=fault)
        known[of_server.key] = of_server
        if name != "new":
            key = Key("configuration", name)
            known[key] = Found(key, name, {})
    return known


def test_machines_that_run_and_were_set_up_are_asked() -> None:
    shell = Shell()
    known = servers(a="running", b="running", off="shutoff", broken="error", new="running")

    wrong = look(cast(Ssh, cast(Any, shell)), known, parse(""))

    assert shell.asked == {"a", "b"}
    services = [each.fault for each in wrong if each.fault.kind == "unit"]
    assert [each.resource for each in services] == ["a", "b"]
    # The time that both say is 1970.
    assert [each.fault.resource for each in wrong if each.fault.kind == "clock"] == ["this machine"]


def test_a_machine_that_does_not_answer_is_named_and_never_rebooted() -> None:
    known = servers(a="running")

    [wrong] = look(cast(Ssh, cast(Any, Shell("a"))), known, parse(""))

    assert wrong.fault.what == (
        "it runs, and does not answer: a cannot be reached: it does not answer."
    )
    assert (wrong.fault.up, wrong.script) == ("", "")
    assert "openstack console log show id-a" in wrong.fault.do
    assert to_mend(list(known.values()), [wrong]) == list(known.values())


class Members(Shell):
    """Machines on which Patroni is paused."""

    def run(self, name: str, command: str, stdin: bytes = b"", timeout_s: float = 0) -> str:
        super().run(name, command, stdin, timeout_s)
        asked = pause.QUESTION in stdin.decode()
        return f"clock {time.time()}\n" + ("patroni-paused\n" if asked else "")


def test_a_paused_patroni_is_told_once_with_the_command_that_resumes_it() -> None:
    known = servers(a="running", b="running", web="running")
    for name in "ab":
        known[Key("server", name)].facts["role"] = "database"  # type: ignore[index]

    [wrong] = look(cast(Ssh, cast(Any, Members())), known, parse("database.members = 2"))

    assert (wrong.fault.resource, wrong.fault.what, wrong.script) == ("a", PAUSED, "")
    assert "skytier exec a '/opt/skytier-patroni/bin/patronictl" in wrong.fault.do
    assert to_mend(list(known.values()), [wrong]) == list(known.values())


class Behind(Shell):
    """Machines of which one is a replica that cannot follow any more."""

    def run(self, name: str, command: str, stdin: bytes = b"", timeout_s: float = 0) -> str:
        super().run(name, command, stdin, timeout_s)
        asked = behind.QUESTION in stdin.decode()
        return f"clock {time.time()}\n" + ("patroni-behind\n" if asked and name == "b" else "")


def test_a_replica_that_cannot_follow_any_more_is_cloned() -> None:
    known = servers(a="running", b="running", web="running")
    for name in "ab":
        known[Key("server", name)].facts["role"] = "database"  # type: ignore[index]

    [wrong] = look(cast(Ssh, cast(Any, Behind())), known, parse("database.members = 2"))

    assert (wrong.fault.resource, wrong.fault.up) == ("b", "it is cloned from the primary")
    assert wrong.script.split()[-4:] == ["reinit", "skytier", "b", "--force"]
    mended = {each.key: each.mend for each in to_mend(list(known.values()), [wrong])}
    assert [key.name for key, mend in mended.items() if mend] == ["b"]


def test_up_refuses_to_change_the_database_of_a_paused_patroni() -> None:
    wrong = Wrong(Fault("a", "patroni", PAUSED, "", "Resume it."))

    def plan(action: Action, role: str, members: int = 2, *, server: bool = False) -> Plan:
        here = SimpleNamespace(stack=parse(f"database.members = {members}"))
        key = Key("configuration", f"shop-{role}-1")
        wanted = Wanted(key, {}, {"role": role})
        steps = [Step(action, key, "", (), wanted)]
        if server:
            steps.append(replace(steps[0], key=Key("server", key.name)))
        return Plan(steps, cast(Any, here), "", None, Summary(), wrong=[wrong])

    for action, role in ((Action.KEEP, "database"), (Action.CHANGE, "web")):
        plan(action, role).check_members()
    # Patroni is taken away, which goes on by itself.
    plan(Action.CHANGE, "database", members=1).check_members()
    # A machine that is off may be in the middle of a restore.
    plan(Action.CHANGE, "database", server=True).check_members()
    with pytest.raises(SkytierError, match="Nothing was changed") as error:
        plan(Action.CHANGE, "database").check_members()
    assert error.value.do == "Resume it."


@pytest.mark.parametrize(
    ("text", "role", "units"),
    [
        ("", "database", {"postgresql@*", "prometheus-postgres-exporter"}),
        # Patroni alone starts PostgreSQL.
        (
            "database.members = 3",
            "database",
            {"skytier-patroni", "etcd", "prometheus-postgres-exporter"},
        ),
        (
            "monitor.enabled = false",
            "web",
            {"skytier-app", "nginx"},
        ),
    ],
)
def test_what_runs_as_long_as_a_machine_does(text: str, role: str, units: set[str]) -> None:
    running = roles.running_on(parse(text), role, 1)

    assert {*running} - {"prometheus-node-exporter"} == units
