"""A new server of the database whose PostgreSQL could not read the data is refused beforehand."""

import re
import subprocess
from collections.abc import Mapping
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from skytier import roles
from skytier.deploy.kind import Found, Key, Known
from skytier.deploy.plan import Step, plan
from skytier.errors import SkytierError
from skytier.openstack.choices.choices import Choices, ExternalNetwork
from skytier.openstack.choices.images import Image
from skytier.openstack.choices.systems import Described, system_of
from skytier.openstack.plan import configurations
from skytier.openstack.plan.configurations import Configurations
from skytier.openstack.plan.desired import wanted
from skytier.openstack.plan.given_up import GIVEN_UP
from skytier.openstack.plan.kinds import RULES
from skytier.openstack.plan.losses import losses
from skytier.openstack.plan.other_files import NewServer, new_servers, refuse
from skytier.openstack.plan.resolved import ResolvedStack
from skytier.openstack.resources.volume import DATA, EXPECTED, KEPT, POSTGRESQL
from skytier.roles import ROLES
from skytier.stackfile import parse
from tests.applications import NOTHING
from tests.roles.topology import DATABASE, VOLUME, WEB, topology
from tests.tool.brought_up import brought_up
from tests.tool.test_order import PROJECT, SMALL

SERVER = Key("server", "skytier-database-1")
ON_VOLUME, MEMBERS = "database.volume_gib = 10\n", "database.members = 2\n"


def resolved(text: str, image: str, named: Mapping[str, str] | None = None) -> ResolvedStack:
    """`named` are images of the cloud with what they are by their properties."""
    stack = parse(f'image = "{image}"\n{text}')
    said = {image: image} | dict(named or {})
    choices = Choices(
        dict.fromkeys(stack.machines(), Image("i", image, "2026-01-01")),
        dict.fromkeys(stack.machines(), SMALL),
        ExternalNetwork("n", "public"),
        dict.fromkeys(stack.machines(), system_of(Described(said[image]))),
        named={name: system_of(Described(what)) for name, what in said.items()},
    )
    return ResolvedStack(stack, choices, ROLES, NOTHING)


def there(text: str, image: str = "debian-12", data: str = KEPT, noted: str = "") -> Known:
    """The stack as it was brought up."""
    before = resolved(text, image)
    return brought_up(
        lambda known: wanted(before, PROJECT, "key", known),
        lambda number, each: {
            "address": f"192.168.128.{number}",
            "launched_at": "2026-01-01",
            "data": data,
            "postgresql": noted,
            "role": each.creation.get("role", ""),
        },
    )


def planned(after: ResolvedStack, known: Known) -> list[Step]:
    return plan(wanted(after, PROJECT, "key", known), known.values(), RULES, losses(after, known))


def made(after: ResolvedStack, known: Known) -> list[NewServer]:
    return new_servers(after, known, planned(after, known))


def lost(known: Known) -> Known:
    """The server is gone, and its volume is there."""
    gone = (SERVER, Key("configuration", SERVER.name), Key("volume attachment", SERVER.name))
    return Known({key: each for key, each in known.items() if key not in gone})


@pytest.mark.parametrize("text", [ON_VOLUME, MEMBERS], ids=["on a volume", "of other members"])
def test_another_system_s_postgresql_is_refused_and_named(text: str) -> None:
    servers = made(resolved(text, "debian-13"), there(text))

    assert {(each.gets, each.has) for each in servers} == {(17, 15)}
    with pytest.raises(SkytierError, match="debian-13 has PostgreSQL 17, and the data") as error:
        refuse(servers, None, None)
    assert "Set database.version = 15" in (error.value.do or "")


@pytest.mark.parametrize("text", [ON_VOLUME, MEMBERS], ids=["on a volume", "of other members"])
def test_with_its_own_version_the_data_goes_over_to_the_other_system(text: str) -> None:
    after = resolved(f"{text}database.version = 15", "debian-13")
    servers = made(after, there(text))

    assert servers
    refuse(servers, 15, None)
    refuse(servers, 15, 15)


def test_another_build_of_the_same_system_is_taken() -> None:
    named = {"debian-12-new": "debian-12"}
    servers = made(resolved(ON_VOLUME, "debian-12-new", named), there(ON_VOLUME))

    assert servers == [NewServer(SERVER.name, "debian-12-new", 15, 15)]
    refuse(servers, None, 15)


def test_the_same_image_reads_the_data_whatever_it_has() -> None:
    """Someone built Debian 12 with PostgreSQL 16."""
    known = there(ON_VOLUME, "debian-12-pg16")
    gone = Known({**known, SERVER: replace(known[SERVER], fault="it is in ERROR")})
    servers = made(resolved(ON_VOLUME, "debian-12-pg16"), gone)

    refuse(servers, None, 16)


def test_properties_of_an_image_count_more_than_its_name() -> None:
    """The cloud says that what is called "golden" has Debian 13."""
    servers = made(resolved(ON_VOLUME, "golden", {"golden": "debian-13"}), there(ON_VOLUME))

    assert servers == [NewServer(SERVER.name, "golden", 17, 15)]


def test_what_nothing_tells_is_left_to_the_machine() -> None:
    servers = made(resolved(ON_VOLUME, "golden"), there(ON_VOLUME))

    assert servers == [NewServer(SERVER.name, "golden", None, 15)]
    refuse(servers, None, 15)


def test_an_upgrade_is_not_made_together_with_another_server() -> None:
    after = resolved(f"{ON_VOLUME}database.version = 17", "debian-13")
    servers = made(after, there(ON_VOLUME))

    with pytest.raises(SkytierError, match="is to be made again") as error:
        refuse(servers, 17, 15)
    assert "database.version = 15 and run skytier up" in (error.value.do or "")
    # Of what is not asked the image tells nothing: the stack file may have had the version before.
    assert [each.has for each in servers] == [None]
    refuse(servers, 17, None)
    refuse(servers, 17, 17)


def test_the_volume_of_a_lost_server_says_what_is_on_it() -> None:
    known = lost(there(ON_VOLUME, noted="15"))

    assert made(resolved(ON_VOLUME, "debian-13"), known) == [
        NewServer(SERVER.name, "debian-13", 17, 15)
    ]
    # One that was not set up since this is noted does not: the machine refuses it.
    unknown = lost(there(ON_VOLUME))
    assert made(resolved(ON_VOLUME, "debian-13"), unknown) == [
        NewServer(SERVER.name, "debian-13", 17, None)
    ]


def test_what_is_noted_counts_more_than_an_image() -> None:
    """A stack that had database.version = 17 on Debian 12."""
    servers = made(resolved(ON_VOLUME, "debian-13"), there(ON_VOLUME, noted="17"))

    assert servers == [NewServer(SERVER.name, "debian-13", 17, 17)]


@pytest.mark.parametrize("case", ["new", "the same", "an empty volume", "lost with the server"])
def test_where_no_data_is_found_nothing_is_in_the_way(case: str) -> None:
    known, after = {
        "new": (Known(), resolved(ON_VOLUME, "debian-13")),
        "the same": (there(ON_VOLUME), resolved(ON_VOLUME, "debian-12")),
        "an empty volume": (
            lost(there(ON_VOLUME, data=EXPECTED)),
            resolved(ON_VOLUME, "debian-13"),
        ),
        # Refused for another reason.
        "lost with the server": (there("", data=""), resolved("", "debian-13")),
    }[case]

    assert made(after, known) == []


def test_a_server_that_is_given_up_finds_no_data() -> None:
    known = there(MEMBERS)
    given: Found = replace(known[SERVER], fault="it is in ERROR", facts={**known[SERVER].facts, GIVEN_UP: True})  # fmt: skip  # noqa: E501
    known[SERVER] = given

    assert SERVER.name not in {each.name for each in made(resolved(MEMBERS, "debian-13"), known)}


def test_the_copy_of_an_upgrade_on_a_volume_is_no_data_of_another_version(tmp_path: Path) -> None:
    """As a server of Debian 13 finds the volume of one of Debian 12 after an upgrade."""
    for name in ("17", "kept-15"):
        (tmp_path / name / "main").mkdir(parents=True)
        (tmp_path / name / "main/PG_VERSION").write_text(name.removeprefix("kept-") + "\n")

    assert looked(tmp_path).returncode == 0
    (tmp_path / "kept-15").rename(tmp_path / "15")
    assert "data of PostgreSQL 15 and of 17" in looked(tmp_path).stderr
    (tmp_path / "17/main/PG_VERSION").unlink()
    assert "The data on the volume is of PostgreSQL 15" in looked(tmp_path).stderr


def test_a_machine_leaves_data_on_a_volume_that_its_postgresql_cannot_read(tmp_path: Path) -> None:
    (tmp_path / "15/main").mkdir(parents=True)
    (tmp_path / "15/main/PG_VERSION").write_text("15\n")

    # A copy that was interrupted is in nobody's way.
    (tmp_path / "17.new/main").mkdir(parents=True)
    (tmp_path / "17.new/main/PG_VERSION").write_text("17\n")

    refused = looked(tmp_path, "")

    assert refused.returncode == 1
    assert "The data on the volume is of PostgreSQL 15, but 17 is installed" in refused.stderr


def test_a_copy_to_a_volume_that_was_cut_short_is_begun_again(tmp_path: Path) -> None:
    (tmp_path / "17.new/main").mkdir(parents=True)
    (tmp_path / "17.new/main/PG_VERSION").write_text("17\n")

    assert looked(tmp_path, "").returncode == 0


def looked(volume: Path, version: str = "version = 17,") -> subprocess.CompletedProcess[str]:
    """The part of the set-up that looks at the data of a volume, where PostgreSQL is 17."""
    stack = topology(
        f"database = {{{version} volume_gib = 20}}", [WEB, replace(DATABASE, volume=VOLUME)]
    )
    setup = roles.setup(stack, stack.of("database")[0])
    [loop] = re.findall(r"^ +for other in \"\$aside.*?^ +done$", setup.script, re.M | re.S)
    begin = (
        "version=17; umount() { :; }; refuse() { printf '%s\\n' \"$@\" >&2; exit 1; }\n"
        'fail() { refuse "$@"; }\n'
    )
    return subprocess.run(
        ["bash", "-c", f"aside={volume}; {begin}{loop}"], capture_output=True, text=True
    )


@pytest.mark.parametrize(
    ("text", "noted", "fails", "notes"),
    [
        ("", "", False, [{DATA: KEPT, POSTGRESQL: "15"}]),
        ("database.version = 15\n", "15", False, [{DATA: KEPT, POSTGRESQL: "15"}]),
        (
            "database.version = 17\n",
            "15",
            False,
            [{POSTGRESQL: ""}, {DATA: KEPT, POSTGRESQL: "17"}],
        ),
        # Whoever finds the volume then has to look at the data.
        ("database.version = 17\n", "15", True, [{POSTGRESQL: ""}]),
    ],
    ids=["the distribution's", "kept", "upgraded", "an upgrade that fails"],
)
def test_a_volume_is_noted_with_the_version_of_its_data(
    monkeypatch: pytest.MonkeyPatch, text: str, noted: str, fails: bool, notes: list[object]
) -> None:
    after, known = resolved(ON_VOLUME + text, "debian-12"), there(ON_VOLUME, noted=noted)
    said: list[object] = []

    def upgrade(*_: object) -> None:
        if fails:
            raise SkytierError("It was interrupted.")

    monkeypatch.setattr(configurations, "upgrade", upgrade)
    for name in ("set_up", "wait_until_well"):
        monkeypatch.setattr(configurations, name, lambda *_, **__: None)
    host = SimpleNamespace(name=SERVER.name, run=lambda script: "15\n")
    parts: Any = (
        SimpleNamespace(note=lambda server_id, noted: None),
        after,
        SimpleNamespace(open=lambda *_: host),
        SimpleNamespace(get=lambda *_, **__: {}, marks=lambda *_: []),
        SimpleNamespace(note=lambda volume_id, noted: said.append(noted)),
    )
    configuration = Key("configuration", SERVER.name)
    [want] = [e for e in wanted(after, PROJECT, "key", known) if e.key == configuration]

    with pytest.raises(SkytierError) if fails else nullcontext():
        Configurations(*parts).reconcile(want, known[configuration], known, lambda text: None)

    assert said == notes
