"""The major version of PostgreSQL: where it comes from, when a database is upgraded, and what is
refused beforehand."""

import json
import subprocess
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from skytier import roles
from skytier.cli import console
from skytier.cli.dialog import Context
from skytier.cli.on_cloud import plan as shown
from skytier.cli.on_cloud import up
from skytier.deploy.kind import Known
from skytier.deploy.restore import INSTALLED
from skytier.deploy.upgrade import failed
from skytier.errors import SkytierError
from skytier.local.home import Home
from skytier.local.stack import LocalStack
from skytier.openstack.plan.planned import Plan
from skytier.openstack.plan.upgrades import NOT_ASKED, due, words
from skytier.services.postgresql.upgrade import PROGRAM, Standing, decided, program
from skytier.services.system.service import INSTALL, PGDG
from skytier.stackfile import parse
from tests.roles.topology import DATABASE, MEMBERS, WEB, topology
from tests.tool.test_order import planned, resolved, there

GIB = 2**30
THERE = Standing(15, size=2 * GIB, free=40 * GIB, tablespaces=0, prepared=0)
REFUSED: Mapping[str, tuple[Standing, int, str, str]] = {
    "a lower version": (THERE, 14, "cannot read the files", "skytier database export FILE"),
    "too little room": (
        replace(THERE, free=2 * GIB),
        17,
        "2.6 GiB.*2.0 GiB are free",
        "volume_gib",
    ),
    "tablespaces": (replace(THERE, tablespaces=1), 17, "has tablespaces", "pg_default"),
    "an open transaction": (replace(THERE, prepared=2), 17, "2 prepared", "ROLLBACK PREPARED"),
    "a slot": (replace(THERE, slots=1), 17, "1 slots of logical", "subscriptions"),
    "another copy": (replace(THERE, kept=True), 17, "/var/lib/postgresql/kept-15", "forget 15"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_work_is_refused_with_what_to_do(case: str) -> None:
    standing, wanted, what, do = REFUSED[case]

    with pytest.raises(SkytierError, match=what) as error:
        decided(standing, wanted)

    assert do in (error.value.do or "")


def test_several_members_are_told_the_way_by_one() -> None:
    with pytest.raises(SkytierError, match="several members") as error:
        decided(THERE, 17, members=2)

    assert "database.members = 1 with version = 15" in (error.value.do or "")
    # Of the same version, or before there is a database, they may be as many as they like.
    assert decided(replace(THERE, version=17), 17, members=3) is None
    assert decided(Standing(), 17, members=3) is None


def test_the_volume_comes_first() -> None:
    with pytest.raises(SkytierError, match="volume"):
        decided(THERE, 17, on_volume=True)

    assert decided(replace(THERE, mounted=True), 17, on_volume=True)


def test_a_person_is_told_that_it_stops_and_where_the_copy_is() -> None:
    found = decided(THERE, 17)

    assert found
    assert "PostgreSQL 15 becomes 17" in found.words
    assert "2.0 GiB are copied" in found.words
    assert "/var/lib/postgresql/kept-15" in found.words


@pytest.mark.parametrize("version", [15, 17])
def test_one_that_was_cut_short_is_settled_whatever_is_in_the_way(version: int) -> None:
    cut = Standing(version, unfinished=True, kept=True)

    found = decided(cut, 17)

    assert found
    assert found.unfinished


def test_a_plan_asks_only_while_the_configuration_changes() -> None:
    before, after = parse(""), parse("database.version = 17")
    known = Known(there(before))

    assert due(after, known, planned(after, known)) == ["skytier-database-1"]
    assert due(before, known, planned(before, known)) == []
    settled = Known(there(after))
    assert due(after, settled, planned(after, settled)) == []
    # Before there is any machine, nothing is to be upgraded.
    assert due(after, Known(), planned(after, Known())) == []


def test_what_a_plan_says() -> None:
    stack = parse("database.version = 17")

    assert words(stack, 1, None) == NOT_ASKED
    assert "15 becomes 17" in words(stack, 1, THERE)
    assert words(stack, 1, replace(THERE, version=17)) == ""
    with pytest.raises(SkytierError, match="several members"):
        words(stack, 2, THERE)


def test_after_a_failure_a_person_is_told_what_serves() -> None:
    undone = failed("db", 17, THERE, "x")
    silent = failed("db", 17, replace(THERE, tablespaces=None), "x")
    half = failed("db", 17, replace(THERE, unfinished=True), "17 does not serve yet.")

    assert "15 serves as before" in undone.what
    assert "set database.version to 15" in (undone.do or "")
    assert "15 has its data, and does not answer" in silent.what
    assert half.what == "db: 17 does not serve yet."


def test_only_one_database_has_the_program() -> None:
    one = topology("database.version = 17")
    two = topology("database = {version = 17, members = 2}", [WEB, *MEMBERS[:2]])

    assert PROGRAM in {file.path for file in roles.setup(one, DATABASE).files}
    assert PROGRAM not in {file.path for file in roles.setup(two, MEMBERS[0]).files}
    assert "database.members = 1" in roles.setup(two, MEMBERS[0]).script
    paths = [file.path for file in roles.setup(one, DATABASE).files]
    assert len(paths) == len(set(paths))


# The distribution has it; the first boot; the set-up; a release that is out of support; nowhere.
PROJECT = "https://apt.postgresql.org/pub/repos/apt bookworm-pgdg"
ARCHIVE = "https://apt-archive.postgresql.org/pub/repos/apt focal-pgdg-archive"
SOURCES = {
    "the distribution": ("bookworm", True, True, "", "postgresql-17"),
    "the first boot": ("bookworm", False, False, "", ""),
    "the project": ("bookworm", False, True, PROJECT, "postgresql-17"),
    "its archive": ("focal", False, True, ARCHIVE, "postgresql-17"),
}


@pytest.mark.parametrize("case", SOURCES)
def test_where_a_version_comes_from(tmp_path: Path, case: str) -> None:
    codename, offered, has_key, source, installed = SOURCES[case]

    done = install(tmp_path, codename, offered=offered, has_key=has_key)

    assert done.returncode == 0, done.stderr
    lists = tmp_path / "lists/skytier-pgdg.list"
    assert (source in lists.read_text()) if source else not lists.exists()
    asked = (tmp_path / "installed").read_text().split()
    assert "unattended-upgrades" in asked
    assert [each for each in asked if each.startswith("postgresql")] == installed.split()


def test_a_version_that_nobody_has_leaves_no_source_behind(tmp_path: Path) -> None:
    done = install(tmp_path, "bookworm", offered=False, has_key=True, project=False)

    assert done.returncode == 1
    assert "it cannot be reached" in done.stderr
    assert not (tmp_path / "lists/skytier-pgdg.list").exists()
    assert not (tmp_path / "pins/skytier-pgdg").exists()


def install(
    home: Path, codename: str, *, offered: bool, has_key: bool, project: bool = True
) -> subprocess.CompletedProcess[str]:
    """Run the machine's program with an apt that notes what it is to install."""
    (one,) = [f for f in roles.setup(topology("database.version = 17"), DATABASE).files if f.path == INSTALL]  # fmt: skip  # noqa: E501
    for name in ("lists", "pins", "state", "bin"):
        (home / name).mkdir()
    (home / "os-release").write_text(f"VERSION_CODENAME={codename}\n")
    text = one.text
    for place, here in {
        "/etc/apt/sources.list.d": home / "lists",
        "/etc/apt/preferences.d": home / "pins",
        "/var/lib/skytier": home / "state",
        "/etc/os-release": home / "os-release",
        PGDG: home / "key",
    }.items():
        text = text.replace(place, str(here))
    if has_key:
        (home / "key").touch()
    has = f'[ -n "{"yes" if offered else ""}" ]'
    # Once its source is there, the project has it.
    has += f" || {{ {str(project).lower()} && [ -e {home}/lists/skytier-pgdg.list ]; }}"
    programs = {
        "dpkg-query": "exit 1",
        "apt-cache": f"if {has}; then echo postgresql-17; fi",
        "apt-get": f'case "$*" in *" install "*) echo "$@" >{home}/installed ;; esac',
    }
    for name, body in programs.items():
        (home / "bin" / name).write_text(f"#!/bin/bash\n{body}\n")
        (home / "bin" / name).chmod(0o755)
    environment = {"PATH": f"{home}/bin:/usr/bin:/bin"}
    return subprocess.run(["bash", "-c", text], env=environment, capture_output=True, text=True)


def test_a_machine_tells_the_version_that_it_runs(tmp_path: Path) -> None:
    script = INSTALLED.replace("/etc/postgresql", f"{tmp_path}/etc").replace(
        "/usr/lib/postgresql", f"{tmp_path}/lib"
    )
    for version in ("9.6", "15", "17"):
        (tmp_path / "lib" / version).mkdir(parents=True)

    def told() -> str:
        return subprocess.run(["bash", "-c", script], capture_output=True, text=True).stdout.strip()

    assert told() == "17"
    (tmp_path / "etc/15/main/conf.d").mkdir(parents=True)
    (tmp_path / "etc/15/main/conf.d/skytier.conf").touch()
    assert told() == "15"


# What is on the disk when an upgrade from 15 to 17 was cut, and what is there once it is settled.
FORMER = {"home/15/main/PG_VERSION", "etc/15/main/postgresql.conf", "etc/15/main/start.conf"}
NEW = {"home/17/main/PG_VERSION", "etc/17/main/postgresql.conf", "etc/17/main/start.conf"}
NEW |= {"home/kept-15/main/PG_VERSION", "state/analyze"}
NEW |= {"kept-15/postgresql.conf", "kept-15/start.conf"}
BEGUN = {"state/from", "state/to"}
UNPROVEN = {"home/17/unproven/PG_VERSION", "etc/17/main/postgresql.conf"}
PROVEN = {"home/17/main/PG_VERSION", "home/17/main/skytier.proven", "etc/17/main/postgresql.conf"}
CUTS: Mapping[str, tuple[set[str], set[str]]] = {
    "nothing was begun": (FORMER, FORMER),
    "before the new cluster": (FORMER | BEGUN, FORMER),
    "while the data was copied": (FORMER | BEGUN | UNPROVEN, FORMER),
    "proven, and not named": (
        FORMER | BEGUN | UNPROVEN | {"home/17/unproven/skytier.proven"},
        FORMER,
    ),
    "named": (FORMER | BEGUN | PROVEN, NEW),
    "the former data is moved": (
        FORMER - {"home/15/main/PG_VERSION"} | BEGUN | PROVEN | {"home/kept-15/main/PG_VERSION"},
        NEW,
    ),
    "all is moved": (
        NEW - {"etc/17/main/start.conf"} | BEGUN | PROVEN,
        NEW,
    ),
}


@pytest.mark.parametrize("case", CUTS)
def test_a_cut_run_is_finished_or_undone(tmp_path: Path, case: str) -> None:
    before, after = CUTS[case]
    for name in before:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(
            {"state/from": "15", "state/to": "17"}.get(name, "17" if "17" in name else "15")
        )
    (tmp_path / "state").mkdir(exist_ok=True)

    for _ in range(2):  # a second time changes nothing
        done = settle(tmp_path)

        assert done.returncode == 0, done.stderr
        left = {str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*") if path.is_file()}
        assert {each for each in left if not each.startswith(("bin/", "state/state"))} == after
    assert (tmp_path / "state/state").read_text() == "failed\nIt was interrupted.\n"
    if before != after:
        version = 17 if after == NEW else 15
        assert (tmp_path / "bin/serves").read_text().strip() == f"postgresql@{version}-main"
        start = tmp_path / f"etc/{version}/main/start.conf"
        assert start.read_text().strip() == "auto"


def settle(home: Path) -> subprocess.CompletedProcess[str]:
    """The machine's program on directories of a test, without PostgreSQL and systemd."""
    text = program(17, f"{home}/skytier", backups=False)
    for place, here in {
        "/var/lib/skytier/postgresql-upgrade": home / "state",
        "/var/lib/postgresql": home / "home",
        "/etc/postgresql": home / "etc",
        f"{home}/skytier-kept": f"{home}/kept",
        "install -d -o postgres -g postgres": "install -d",
    }.items():
        text = text.replace(place, str(here))
    (home / "bin").mkdir(exist_ok=True)
    serves = home / "bin/serves"
    stubs = {
        "pg_conftool": "",
        "runuser": "",
        "systemctl": f"""case "$*" in
            start*) echo "$2" >{serves} ;;
            *is-active*) [ "$3" = "$(cat {serves} 2>/dev/null)" ] ;;
        esac""",
    }
    for name, body in stubs.items():
        (home / "bin" / name).write_text(f"#!/bin/bash\n{body}\n")
        (home / "bin" / name).chmod(0o755)
    environment = {"PATH": f"{home}/bin:/usr/bin:/bin"}
    return subprocess.run(
        ["bash", "-c", text, "upgrade", "settle"], env=environment, capture_output=True, text=True
    )


def test_up_says_what_stops_and_asks(monkeypatch: pytest.MonkeyPatch) -> None:
    stack, known = parse("database.version = 17"), Known(there(parse("")))
    steps = planned(stack, known)
    plan = Plan(steps, resolved(stack), "key", upgrade="PostgreSQL 15 becomes 17: it stops.")
    asked: list[str] = []
    monkeypatch.setattr(up, "confirm", lambda dialog, question: asked.append(question))
    backend: Any = SimpleNamespace(quota=lambda plan: [])

    with console.out.capture() as said:
        up.approve(Context(backend, None, yes=False, as_json=False), plan)
        up.approve(
            Context(backend, None, yes=False, as_json=False), Plan(steps, resolved(stack), "")
        )

    assert asked == ["Do this, and upgrade the database?", "Do this?"]
    assert said.get().count("PostgreSQL 15 becomes 17: it stops.") == 1
    assert json.loads(shown.as_json(plan, []))["upgrade"] == plan.upgrade


def test_this_machine_says_that_it_ignores_a_version(tmp_path: Path) -> None:
    asks, not_asked = (
        LocalStack(Home(tmp_path), parse(text)).plan() for text in ("database.version = 17", "")
    )

    assert len(asks.warnings) == len(not_asked.warnings) + 1
    assert "database.version is ignored on this machine" in asks.warnings[-1]
