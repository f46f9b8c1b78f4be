"""Zones of machines and their volumes: by role, in turn, and what stays where it is."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from types import SimpleNamespace
from typing import Any, cast

import pytest

from skytier.deploy.kind import Found, Key, Known, Wanted
from skytier.deploy.plan import Action, Step, nothing_to_do, plan
from skytier.errors import SkytierError
from skytier.openstack.choices import roots
from skytier.openstack.choices.choices import Choices, ExternalNetwork
from skytier.openstack.choices.flavor import Flavor
from skytier.openstack.choices.images import Image
from skytier.openstack.commands import scratch
from skytier.openstack.plan import zones
from skytier.openstack.plan.desired import wanted
from skytier.openstack.plan.kinds import RULES
from skytier.openstack.plan.planned import Plan
from skytier.openstack.plan.resolved import ResolvedStack
from skytier.openstack.resources.project import Project
from skytier.openstack.resources.root_volume import RootVolume
from skytier.openstack.resources.volume import KEPT, ROOT, Volume
from skytier.roles import ROLES
from skytier.stackfile import StackFile, parse
from tests.applications import NOTHING

from .brought_up import brought_up

PROJECT = Project(cast(Any, None), "skytier")
DISK = Flavor("1", "m1.small", 2, 4096, 20)
ZONED = ("server", "root volume", "volume")
WEB, DATABASE = Key("server", "skytier-web-1"), Key("server", "skytier-database-1")
VOLUME, ROOT_VOLUME = Key("volume", "skytier-database-1"), Key("root volume", "skytier-web-1")
DATA = 'image = "debian-12"\ndatabase.volume_gib = 10\n'
A, B = 'availability_zone = "a"\n', 'availability_zone = "b"\n'
BOTH_A, BOTH_B = f'{A}volume_zone = "a"\n', f'{B}volume_zone = "b"\n'


def resolved(stack: StackFile) -> ResolvedStack:
    images = {
        role: Image("i", stack.image_of(role) or "debian-12", "2026-01-01")
        for role in stack.machines()
    }
    flavors = dict.fromkeys(images, DISK)
    chosen = roots.choose(stack, flavors, images)
    choices = Choices(images, flavors, ExternalNetwork("n", "public"), roots=chosen)
    return ResolvedStack(stack, choices, ROLES, NOTHING)


def all_wanted(stack: StackFile, known: Known) -> list[Wanted]:
    return wanted(resolved(stack), PROJECT, "ssh-ed25519 key", known)


def zones_of(made: Iterable[Wanted]) -> dict[str, str | None]:
    """What has a zone, to the one that it is made in."""
    return {str(w.key): w.creation["zone"] for w in made if w.key.kind in ZONED}


def there(text: str, **others: str) -> dict[Key, Found]:
    """What is there once the stack of a file is up; each in the zone that is named for it, or in
    that of `others`, by kind."""

    def facts(_: int, each: Wanted) -> Mapping[str, Any]:
        kind = each.key.kind.replace(" ", "_")
        return {
            "address": "192.168.128.9",
            "data": KEPT,
            "role": each.creation.get("role", ""),
            "number": 1,
            "zone": others.get(kind) or each.creation.get("zone") or "",
        }

    return dict(brought_up(lambda known: all_wanted(parse(text), known), facts))


def steps(found: Mapping[Key, Found], text: str) -> list[Step]:
    return plan(all_wanted(parse(text), Known(found)), found.values(), RULES)


def actions(made: Iterable[Step]) -> dict[Key, Action]:
    kept = Action.KEEP
    return {s.key: s.action for s in made if s.key.kind in ZONED and s.action is not kept}


def test_each_machine_and_each_of_its_volumes_gets_the_zone_of_its_number() -> None:
    stack = parse(
        'availability_zone = ["a", "b"]\nvolume_zone = ["x", "y"]\nroot_gib = 10\n'
        "web.count = 3\ndatabase.members = 2\ndatabase.volume_gib = 10"
    )
    made = {
        key: zone for key, zone in zones_of(all_wanted(stack, Known())).items() if "bal" not in key
    }
    assert made == {
        "server skytier-web-1": "a",
        "server skytier-web-2": "b",
        "server skytier-web-3": "a",
        "root volume skytier-web-1": "x",
        "root volume skytier-web-2": "y",
        "root volume skytier-web-3": "x",
        "server skytier-database-1": "a",
        "server skytier-database-2": "b",
        "root volume skytier-database-1": "x",
        "root volume skytier-database-2": "y",
        "volume skytier-database-1": "x",
        "volume skytier-database-2": "y",
    }


def test_a_role_has_zones_of_its_own_and_an_empty_list_is_none() -> None:
    stack = parse(
        f"{BOTH_A}root_gib = 10\n[web]\navailability_zone = []\nvolume_zone = []\n[database]\n"
        'availability_zone = "c"\nvolume_zone = "d"\nvolume_gib = 10\n[monitor]\ndedicated = true'
    )
    assert zones_of(all_wanted(stack, Known())) == {
        "server skytier-web-1": None,
        "root volume skytier-web-1": None,
        "server skytier-database-1": "c",
        "root volume skytier-database-1": "d",
        "volume skytier-database-1": "d",
        "server skytier-monitor-1": "a",
        "root volume skytier-monitor-1": "a",
    }


def test_one_zone_of_volumes_is_for_all_machines() -> None:
    stack = parse('availability_zone = ["a", "b"]\nvolume_zone = "x"\nweb.count = 2')
    assert [stack.volume_zone_of("web", number) for number in (1, 2, 3)] == ["x", "x", "x"]


def test_a_baked_image_and_a_scratch_server_are_made_where_their_role_is() -> None:
    stack = parse(f'{BOTH_A}[web]\nimage_baked = true\navailability_zone = ["w", "v"]')
    [builder] = [w for w in all_wanted(stack, Known()) if w.key.kind == "image"]
    assert builder.creation["zone"] == "w"
    stack = parse(f'{BOTH_A}[database]\navailability_zone = "c"\nvolume_zone = "d"')
    made = {w.key.kind: w for w in scratch.wanted(resolved(stack), PROJECT, DISK, 30)}
    assert made["server"].creation["zone"] == "c"
    assert made["server"].creation["root_zone"] == made["root volume"].creation["zone"] == "d"


@pytest.mark.parametrize(
    ("text", "key", "said"),
    [
        (
            'availability_zone = ["a", "b", "c"]\nvolume_zone = ["a", "b"]',
            "line 2: volume_zone names 2 zones",
            r"availability_zone 3 .* \(volume_zone\)",
        ),
        ('volume_zone = ["a", "b"]', "volume_zone names 2 zones", "availability_zone none"),
        (
            'availability_zone = ["a", "b"]\nvolume_zone = ["a", "b"]\n[web]\n'
            'availability_zone = "a"',
            "volume_zone names 2 zones for the volumes of the web",
            r"\(web\.volume_zone\)",
        ),
        (
            'availability_zone = "a"\n[database]\nvolume_zone = ["a", "b"]',
            "database.volume_zone names 2 zones",
            r"\(database\.volume_zone\)",
        ),
        ('volume_zone = ""', "volume_zone", "is empty"),
        ("web.availability_zone = 1", "web.availability_zone", "the name of a zone of Nova"),
    ],
)
def test_zones_that_do_not_go_together_are_refused(text: str, key: str, said: str) -> None:
    with pytest.raises(SkytierError, match=said) as refused:
        parse(text)
    assert key in str(refused.value)


def test_what_is_there_stays_in_its_zone_and_the_plan_says_so() -> None:
    stack = f"{DATA}root_gib = 10\n"
    found = there(f"{stack}{BOTH_A}")
    made = steps(found, f"{stack}{BOTH_B}")

    assert nothing_to_do(made)
    zones.check(made)
    [said] = Plan(made, resolved(parse(f"{stack}{BOTH_B}")), "key").zones
    for each in ("server skytier-web-1", "root volume skytier-web-1", "volume skytier-database-1"):
        assert f"{each} (a, not b)" in said
    assert "never replaced" in said
    assert zones.news(steps(found, f"{stack}{BOTH_A}")) == []


def test_nothing_is_said_where_no_zone_is_named_or_none_is_told() -> None:
    found = there(f"{DATA}{BOTH_A}")
    assert zones.news(steps(found, DATA)) == []
    untold = {k: replace(e, facts={**e.facts, "zone": ""}) for k, e in found.items()}
    assert zones.news(steps(untold, f"{DATA}{BOTH_B}")) == []
    # Nova tells the zone without the host.
    found = there(f"{DATA}{A}")
    assert zones.news(steps(found, f'{DATA}availability_zone = "a:host-1"')) == []


def test_a_server_that_is_replaced_goes_to_the_other_zone_and_the_plan_says_so() -> None:
    found = there(f"{DATA}{BOTH_A}root_gib = 10")
    text = f'{DATA}{BOTH_A}root_gib = 10\nweb.root_gib = 20\nweb.availability_zone = "b"'
    made = steps(found, text)

    assert actions(made) == {WEB: Action.REPLACE, ROOT_VOLUME: Action.CREATE}
    assert zones.news(made) == ["skytier-web-1 is replaced by one in the zone b; now it is in a."]


def test_a_server_is_not_replaced_in_another_zone_than_its_volume_stays_in() -> None:
    found = there(f"{DATA}{BOTH_A}")
    anew = f"{BOTH_B}{DATA.replace('12', '13')}"
    made = steps(found, anew)
    assert actions(made) == {WEB: Action.REPLACE, DATABASE: Action.REPLACE}

    with pytest.raises(SkytierError, match=r"server skytier-database-1 .* zone b.* zone a") as said:
        zones.check(made)
    assert "Name a for both" in str(said.value.do)
    # As it says.
    made = steps(found, f'{anew}database.availability_zone = "a"\ndatabase.volume_zone = "a"')
    assert actions(made) == {WEB: Action.REPLACE, DATABASE: Action.REPLACE}
    zones.check(made)
    # Where its volume is known to be in another zone, the cloud attaches it all the same.
    apart = f'availability_zone = "b"\nvolume_zone = "x"\n{DATA.replace("12", "13")}'
    zones.check(steps(found, apart))


def test_of_a_server_that_leaves_its_volume_behind_the_plan_says_that_it_may_be_refused() -> None:
    text = f"{B}{DATA.replace('12', '13')}"
    for volume, said in {"a": True, "nova": False}.items():
        made = steps(there(f"{DATA}{A}", volume=volume), text)
        zones.check(made)
        assert any("may refuse to attach" in each for each in zones.news(made)) == said


def test_a_new_volume_is_not_made_in_another_zone_than_its_server_stays_in() -> None:
    found = there(BOTH_A)
    made = steps(found, f"{DATA}{BOTH_B}")
    assert actions(made) == {VOLUME: Action.CREATE}
    with pytest.raises(SkytierError, match=r"volume skytier-database-1 .* zone b.* zone a"):
        zones.check(made)
    for fits in (BOTH_A, f'{B}volume_zone = "a"\n', B, 'volume_zone = "b"\n'):
        zones.check(steps(found, f"{DATA}{fits}"))


class _Cinder:
    """Volumes in the zone that is asked for, or else in the default one."""

    def __init__(self) -> None:
        self.there: list[Any] = []
        self.gone: list[str] = []

    def create_volume(self, **asked: Any) -> Any:
        made = SimpleNamespace(
            **{
                "id": f"volume-{len(self.there) + len(self.gone)}",
                "status": "available",
                "attachments": [],
                "volume_type": "usual",
                "created_at": "2026-01-01",
                "availability_zone": "usual",
                **asked,
            }
        )
        self.there.append(made)
        return made

    def get_volume(self, volume: str) -> Any:
        return next((each for each in self.there if each.id == volume), None)

    def delete_volume(self, volume: str, *, ignore_missing: bool) -> None:
        self.there = [each for each in self.there if each.id != volume]
        self.gone.append(volume)

    def set_volume_metadata(self, volume: str, **metadata: str) -> None:
        self.get_volume(volume).metadata.update(metadata)

    def volumes(self, *, details: bool) -> list[Any]:
        return list(self.there)


def cinder_and_volumes() -> tuple[_Cinder, Volume, RootVolume]:
    cinder = _Cinder()
    project = Project(cast(Any, SimpleNamespace(block_storage=cinder)), "skytier")
    volumes = Volume(project, there=True)
    return cinder, volumes, RootVolume(project, volumes)


@pytest.mark.parametrize(("text", "zone"), [(BOTH_B, "b"), ("", "usual")])
def test_volumes_are_made_in_their_zone(text: str, zone: str) -> None:
    cinder, volumes, root_volumes = cinder_and_volumes()
    by_key = {w.key: w for w in all_wanted(parse(f"{DATA}root_gib = 9\n{text}"), Known())}
    assert volumes.create(by_key[VOLUME], Known()).facts["zone"] == zone
    server = by_key[WEB]
    creation = {**server.creation, "root_gib": 9}
    made = root_volumes.ready(WEB.name, creation, lambda text: None)
    assert cinder.get_volume(made).availability_zone == zone


@pytest.mark.parametrize(("zone", "used"), [(None, True), ("usual", True), ("b", False)])
def test_a_root_volume_that_a_killed_run_left_in_another_zone_is_not_used(
    zone: str | None, *, used: bool
) -> None:
    cinder, _, root_volumes = cinder_and_volumes()
    creation = {"role": "web", "image_id": "i", "root_gib": 9}
    left = root_volumes.ready(WEB.name, creation, lambda text: None)
    cinder.set_volume_metadata(left, **{ROOT: "new"})
    made = root_volumes.ready(WEB.name, {**creation, "root_zone": zone}, lambda text: None)
    assert (made == left) == used
    assert cinder.gone == ([] if used else [left])
