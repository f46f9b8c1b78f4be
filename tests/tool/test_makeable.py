"""What the cloud would refuse half way is refused in the plan, before a server goes for it."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from types import SimpleNamespace
from typing import Any, cast

import pytest
from openstack.exceptions import ForbiddenException, HttpException

from skytier.deploy.kind import Found, Key, Known
from skytier.deploy.plan import Action, Step, plan
from skytier.doctor import State, cloud, examine
from skytier.doctor.cloud import Subject
from skytier.errors import SkytierError
from skytier.openstack.choices import roots
from skytier.openstack.choices.choices import Choices, ExternalNetwork
from skytier.openstack.choices.flavor import Flavor
from skytier.openstack.choices.images import Image
from skytier.openstack.plan import makeable
from skytier.openstack.plan.desired import wanted
from skytier.openstack.plan.kinds import RULES
from skytier.openstack.plan.resolved import ResolvedStack
from skytier.openstack.resources.project import Project
from skytier.openstack.stack import CloudStack
from skytier.roles import ROLES
from skytier.stackfile import StackFile, parse
from tests.applications import NOTHING

from .brought_up import brought_up

WEB, DATABASE = Key("server", "skytier-web-1"), Key("server", "skytier-database-1")
SMALL = Flavor("1", "m1.small", 2, 4096, 20)
TINY = Flavor("3", "m1.tiny", 1, 768, 4)
ZERO = Flavor("0", "zero", 2, 4096, 0)
OLD = Image("o", "debian-12", "2026-01-01", 3)
LARGE = Image("l", "debian-13", "2026-01-01", 25)
WIDE = Image("w", "debian-13", "2026-01-01", virtual_gib=21)
HUNGRY = Image("h", "debian-13", "2026-01-01", 3, 8192)
IMAGED = 'image = "debian-12"\n'
NEWER = 'image = "debian-13"\ndatabase.volume_gib = 10\n'
KEPT = "database.volume_gib = 10\n"


class Cloud:
    """A connection to what there is, which counts what it is asked."""

    def __init__(
        self,
        zones: Mapping[str, bool] | Exception,
        types: Sequence[str] | Exception = ("ssd", "slow"),
    ) -> None:
        self.asked: list[str] = []
        self.zones, self.types = zones, types
        self.compute = SimpleNamespace(availability_zones=self._zones)
        self.block_storage = SimpleNamespace(types=self._types, availability_zones=self._volumes)

    def _volumes(self) -> list[Any]:
        self.asked.append("volume zones")
        return self._all()

    def _zones(self) -> list[Any]:
        self.asked.append("zones")
        return self._all()

    def _all(self) -> list[Any]:
        if isinstance(self.zones, Exception):
            raise self.zones
        return [
            SimpleNamespace(name=name, state={"available": can_be_used})
            for name, can_be_used in self.zones.items()
        ]

    def _types(self) -> list[Any]:
        self.asked.append("types")
        if isinstance(self.types, Exception):
            raise self.types
        return [SimpleNamespace(id=f"id-{name}", name=name) for name in self.types]


def usual() -> Cloud:
    return Cloud({"a": True, "b": True, "off": False})


def chosen(stack: StackFile, image: Image, flavor: Flavor) -> Choices:
    images = dict.fromkeys(stack.machines(), image)
    flavors = dict.fromkeys(stack.machines(), flavor)
    network = ExternalNetwork("n", "public")
    return Choices(images, flavors, network, roots=roots.choose(stack, flavors, images))


def all_wanted(stack: StackFile, known: Known, choices: Choices) -> list[Any]:
    project = Project(cast(Any, None), "skytier")
    return wanted(ResolvedStack(stack, choices, ROLES, NOTHING), project, "ssh-ed25519 key", known)


def there(text: str, flavor: Flavor = SMALL) -> dict[Key, Found]:
    """What is there once a stack is up; the database's data is on its volume, if it has one."""
    stack = parse(text)
    choices = chosen(stack, OLD, flavor)
    return dict(
        brought_up(
            lambda known: all_wanted(stack, known, choices),
            lambda number, each: {
                "address": "192.168.128.9",
                "data": "kept",
                "role": each.creation.get("role", ""),
                "launched_at": "2026-01-01",
                "disk_gib": flavor.disk_gib,
            },
        )
    )


def refuse(
    found: Mapping[Key, Found],
    text: str,
    image: Image = OLD,
    flavor: Flavor = SMALL,
    offered: Cloud | None = None,
) -> list[Step]:
    """The steps, after the same checks as in the plan of a stack."""
    stack = parse(text)
    choices = chosen(stack, image, flavor)
    steps = plan(all_wanted(stack, Known(found), choices), found.values(), RULES)
    asked = SimpleNamespace(connection=offered or usual(), stack=stack)
    CloudStack._refuse_unmakeable(cast(Any, asked), choices, steps)
    return steps


def replaced(steps: Sequence[Step]) -> set[Key]:
    return {step.key for step in steps if step.action is Action.REPLACE}


# What is there, the stack file then, the image, what is said, and which key is named.
REFUSED: dict[str, tuple[str, str, Image, str, str]] = {
    "an image for larger disks": (
        IMAGED + KEPT, NEWER, LARGE,
        "The image debian-13 needs a disk of 25 GiB, and m1.small (2 vCPU, 4096 MiB, 20 GiB) is "
        "too small.", "flavor"),
    "an image whose own disk is larger": (
        IMAGED + KEPT, NEWER, WIDE, "debian-13 needs a disk of 21 GiB", "root_gib"),
    "an image for more memory": (
        IMAGED + KEPT, NEWER, HUNGRY,
        "debian-13 needs 8192 MiB of RAM, and m1.small (2 vCPU, 4096 MiB, 20 GiB) is too small",
        "flavor"),
    "more memory, and a root volume": (
        IMAGED + KEPT, NEWER + "root_gib = 30", HUNGRY, "needs 8192 MiB of RAM", "flavor"),
    "another image, and a zone that is not there": (
        IMAGED + KEPT, NEWER + 'availability_zone = "typo"', replace(OLD, name="debian-13"),
        "Nova has no availability zone 'typo' that can be used, and skytier-database-1 is to be "
        "made there. It has a, b.", "availability_zone"),
    "another size, and a zone that is off": (
        "web.root_gib = 10", 'web.root_gib = 20\navailability_zone = "off"', OLD,
        "no availability zone 'off'", "availability_zone"),
    "another size, and a type that is not there": (
        "web.root_gib = 10", 'web.root_gib = 20\nvolume_type = "typo"', OLD,
        "Cinder has no volume type 'typo' for this project, and skytier-web-1 is to get a volume "
        "of it. It has ", "volume_type"),
    "the type of a role": (
        "web.root_gib = 10", 'web.root_gib = 20\nweb.volume_type = "typo"', OLD,
        "no volume type 'typo'", "web.volume_type"),
    "a new volume for data": (
        "", 'database.volume_gib = 10\nvolume_type = "typo"', OLD,
        "skytier-database-1 is to get a volume of it", "volume_type"),
    "a second machine, in another zone": (
        "web.count = 2", 'web.count = 3\navailability_zone = ["a", "b", "typo"]', OLD,
        "skytier-web-3 is to be made there", "availability_zone"),
    "the zone of a role": (
        "web.root_gib = 10", 'web.root_gib = 20\nweb.availability_zone = "typo"', OLD,
        "skytier-web-1 is to be made there", "file: web.availability_zone."),
    "the zone of a root volume": (
        "web.root_gib = 10", 'web.root_gib = 20\nvolume_zone = "typo"', OLD,
        "a volume of skytier-web-1 is to be made there", "file: volume_zone."),
    "the zone of a new volume for data, by role": (
        "", 'database.volume_gib = 10\ndatabase.volume_zone = "off"', OLD,
        "a volume of skytier-database-1 is to be made there", "file: database.volume_zone."),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_be_made_is_refused_in_the_plan(case: str) -> None:
    before, after, image, what, key = REFUSED[case]
    found = there(before)

    with pytest.raises(SkytierError) as refused:
        refuse(found, after, image)

    assert what in refused.value.what
    assert key in (refused.value.do or "")
    # A stack that is new is refused for the same reason.
    with pytest.raises(SkytierError):
        refuse({}, after, image)


def test_an_image_baked_in_a_zone_that_is_not_there_is_refused() -> None:
    text = 'web.image_baked = true\navailability_zone = "typo"'
    found = there(IMAGED)
    with pytest.raises(SkytierError, match="skytier-web-"):
        refuse(found, text)


def test_what_there_is_is_made() -> None:
    found = there(IMAGED + KEPT)
    text = NEWER + 'availability_zone = ["a", "b"]\nvolume_type = "ssd"\nweb.root_gib = 30\n'
    fits = replace(LARGE, min_disk_gib=20)
    assert replaced(refuse(found, text, fits)) == {WEB, DATABASE}
    # By id, and with a host, which administrators may name.
    by_id = text.replace('"ssd"', '"id-slow"').replace('["a", "b"]', '"a:host"')
    assert replaced(refuse(found, by_id, fits)) == {WEB, DATABASE}


def test_what_stays_may_have_what_there_is_no_more() -> None:
    """A zone that was renamed, a type that is gone, an image that is too large by now."""
    found = there(IMAGED + KEPT + "web.root_gib = 30")
    offered = usual()
    text = IMAGED + KEPT + 'web.root_gib = 30\navailability_zone = "typo"\nvolume_type = "typo"'
    steps = refuse(found, text, replace(LARGE, name="debian-12"), offered=offered)
    assert {step.action for step in steps} == {Action.KEEP}
    # Nothing is made, so nothing is asked.
    assert offered.asked == []


def test_the_cloud_is_asked_only_for_what_is_named() -> None:
    for text, asked in (
        ("root_gib = 10", []),
        ('availability_zone = "a"', ["zones"]),
        ('root_gib = 10\nvolume_type = "ssd"', ["types"]),
        ('root_gib = 10\nvolume_zone = "b"', ["volume zones"]),
        ('database.volume_gib = 10\nvolume_zone = "b"', ["volume zones"]),
        ('volume_zone = "b"', []),
        ('volume_type = "ssd"', []),
    ):
        offered = usual()
        refuse({}, text, offered=offered)
        assert offered.asked == asked


@pytest.mark.parametrize(
    ("text", "machine"),
    [
        ('root_gib = 10\nvolume_zone = "c"', "database-1"),
        ('database.volume_gib = 10\nvolume_zone = ["off"]', "database-1"),
        ('database.volume_gib = 10\nweb.volume_zone = "a"\ndatabase.volume_zone = "c"', "database"),
    ],
)
def test_a_zone_that_cinder_does_not_have_is_refused(text: str, machine: str) -> None:
    with pytest.raises(SkytierError, match=f"volume of skytier-{machine}") as refused:
        refuse({}, text, offered=usual())
    assert "Cinder has no availability zone" in refused.value.what
    assert "It has a and b" in refused.value.what or "It has a, b" in refused.value.what
    with pytest.raises(SkytierError, match="Cinder has no availability zone"):
        cloud.volume_zones(looked(text, usual()))


def test_a_cloud_that_shows_no_list_refuses_nothing() -> None:
    hidden = ForbiddenException("by policy", http_status=403)
    offered = Cloud(hidden, hidden)
    text = 'root_gib = 10\navailability_zone = "mine"\nvolume_type = "mine"'
    assert refuse({}, text, offered=offered)
    assert offered.asked == ["zones", "types"]


def test_a_cloud_that_cannot_be_asked_is_no_cloud_without_zones() -> None:
    broken = Cloud(HttpException("Service Unavailable", http_status=503))
    with pytest.raises(SkytierError, match="zones and volume types of the cloud could not be"):
        refuse({}, 'availability_zone = "a"', offered=broken)


@pytest.mark.parametrize("flavor", [TINY, ZERO])
def test_a_running_server_gets_no_flavor_with_a_smaller_disk(flavor: Flavor) -> None:
    found = there(KEPT)
    with pytest.raises(SkytierError, match="Nova makes no disk smaller") as refused:
        refuse(found, KEPT, flavor=flavor)
    assert "has a disk of 20 GiB" in refused.value.what
    assert f"the flavor {flavor.name} one of {flavor.disk_gib} GiB" in refused.value.what
    assert "Name a flavor with a disk at least as large." in (refused.value.do or "")
    assert ".root_gib" in (refused.value.do or "")


def test_a_server_whose_data_would_be_lost_is_not_advised_to_be_made_anew() -> None:
    found = there("")
    del found[WEB]
    with pytest.raises(SkytierError, match="skytier-database-1 has a disk") as refused:
        refuse(found, "", flavor=TINY)
    assert "root_gib" not in (refused.value.do or "")


def test_a_server_on_a_root_volume_gets_any_flavor() -> None:
    found = there("root_gib = 10")
    steps = refuse(found, "root_gib = 10", flavor=ZERO)
    assert {s.action for s in steps if s.key in (WEB, DATABASE)} == {Action.CHANGE}


def test_a_disk_that_the_cloud_does_not_tell_refuses_nothing() -> None:
    found = {
        key: replace(each, facts={**each.facts, "disk_gib": 0}) for key, each in there("").items()
    }
    steps = refuse(found, "", flavor=TINY)
    assert {s.action for s in steps if s.key in (WEB, DATABASE)} == {Action.CHANGE}


def test_a_server_that_another_image_replaces_gets_what_a_new_one_has() -> None:
    """With a flavor without a disk that is a root volume; else Nova refuses what was planned."""
    found = there(IMAGED + KEPT)
    steps = refuse(found, NEWER, replace(OLD, name="debian-13"), ZERO)
    made = {step.key: step for step in steps}
    for server in (WEB, DATABASE):
        assert made[server].action is Action.REPLACE
        step = made[server].wanted
        assert step is not None
        assert step.attributes["root_gib"] == 20
        assert made[Key("root volume", server.name)].action is Action.CREATE


def looked(text: str, offered: Cloud, with_root: bool = True) -> Subject:
    subject = Subject(parse(text), "c")
    subject.__dict__["conn"] = offered
    subject.roots = dict.fromkeys(subject.stack.machines(), 20 if with_root else 0)
    return subject


def test_the_doctor_looks_at_zones_and_types() -> None:
    text = 'availability_zone = ["a", "b"]\nvolume_type = "ssd"'
    assert cloud.zones(looked(text, usual())).said == "a"
    assert cloud.zones(looked("web.count = 2\n" + text, usual())).said == "a, b"
    assert cloud.volume_types(looked(text, usual())).said == "ssd"
    assert "no volume" in cloud.volume_types(looked(text, usual(), with_root=False)).said
    with pytest.raises(SkytierError, match="no availability zone 'off'"):
        cloud.zones(looked('availability_zone = "off"', usual()))
    with pytest.raises(SkytierError, match="no volume type 'typo'"):
        cloud.volume_types(looked('volume_type = "typo"', usual()))
    hidden = Cloud(ForbiddenException("by policy"), ForbiddenException("by policy"))
    found = cloud.zones(looked(text, hidden))
    assert (found.state, "does not tell" in found.said) == (State.OK, True)


def test_the_doctor_has_a_line_for_what_the_stack_file_names(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("skytier.doctor.CLOUD", ())
    monkeypatch.setattr("skytier.doctor.MACHINE", ())
    monkeypatch.setattr(Subject, "conn", usual())
    names = {
        text: [name for name, _ in examine(parse(text), "c")]
        for text in ("", 'availability_zone = "a"', 'web.volume_type = "ssd"', 'volume_zone = "a"')
    }
    assert list(names.values()) == [[], ["zone"], ["volume type"], ["volume zone"]]


def test_the_doctor_takes_all_machines_for_new() -> None:
    stack = parse('web.count = 2\navailability_zone = ["a", "b"]\ndatabase.volume_gib = 5\n'
                  'volume_type = "ssd"\nweb.volume_type = "slow"')  # fmt: skip
    new = makeable.of_stack(stack, {"web": 20, "database": 0, "balancer": 0})
    assert new.zones == {
        ("skytier-web-1", "web"): "a",
        ("skytier-web-2", "web"): "b",
        ("skytier-database-1", "database"): "a",
        ("skytier-balancer-1", "balancer"): "a",
    }
    assert new.types == {
        ("skytier-web-1", "web"): "slow",
        ("skytier-web-2", "web"): "slow",
        ("skytier-database-1", "database"): "ssd",
    }
