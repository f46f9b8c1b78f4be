"""What the cloud's services tell becomes usages: whose it is, since when, how much."""

from datetime import UTC, datetime
from fractions import Fraction
from typing import Any

import pytest
from openstack.block_storage.v3.snapshot import Snapshot
from openstack.block_storage.v3.volume import Volume
from openstack.compute.v2.server import Server as NovaServer
from openstack.image.v2.image import Image
from openstack.load_balancer.v2.load_balancer import LoadBalancer
from openstack.network.v2.floating_ip import FloatingIP
from openstack.object_store.v1.container import Container

from skytier.costs.usage import ResourceKind, Usage
from skytier.openstack.resources.project import LONGEST_DESCRIPTION, Project
from skytier.openstack.usages import (
    floating_ips,
    images,
    load_balancers,
    objects,
    owner,
    project,
    servers,
    volumes,
)
from skytier.openstack.usages.collected import Window
from skytier.openstack.usages.life import ServerAction, Size
from skytier.openstack.usages.owner import Owner
from skytier.openstack.usages.servers import Server

START, END = datetime(2026, 11, 1, tzinfo=UTC), datetime(2026, 11, 2, tzinfo=UTC)
WINDOW = Window(START, END)
MARKS = {"skytier:stack": "shop", "skytier:label:team": "web"}
USED = {
    "name": "shop-web-1",
    "flavor": "m1.small",
    "vcpus": 1,
    "memory_mb": 2048,
    "local_gb": 20,
    "started_at": "2026-10-31T12:00:00.000000",
    "ended_at": None,
    "state": "active",
}


def of(project_labels: dict[str, str], stack: str = "shop") -> Project:
    return Project(None, stack, project_labels)  # type: ignore[arg-type]  # nothing is asked


def usages(*found: Server, offered: tuple[Size, ...] = ()) -> tuple[list[Usage], list[str]]:
    collected = servers.usages(found, WINDOW, offered)
    return list(collected.usages), list(collected.notes)


def listed(**more: Any) -> NovaServer:
    return NovaServer(**{"id": "1", "name": "shop-web-1", "metadata": {}, **more})


def test_a_server_that_began_before_the_window_and_goes_on_fills_it() -> None:
    (usage,), notes = usages(Server("1", USED, listed(metadata=MARKS), []))

    assert (usage.start, usage.end, usage.state) == (START, END, "active")
    assert (usage.flavor, usage.vcpus, usage.ram_mib, usage.disk_gib) == ("m1.small", 1, 2048, 20)
    assert (usage.stack, usage.role, usage.labels) == ("shop", "web", {"team": "web"})
    assert notes == []


def test_a_deleted_server_is_known_by_its_description() -> None:
    told = of({"team": "web"}).told(role="web", flavor="m1.large")
    deleted = {**USED, "ended_at": "2026-11-01T06:00:00.000000"}

    (usage,), _ = usages(Server("1", deleted, listed(description=told), []))

    assert (usage.end.hour, usage.stack, usage.role) == (6, "shop", "web")
    assert usage.labels == {"team": "web"}


def test_a_deleted_server_without_one_is_guessed_by_its_key_pair() -> None:
    assert owner.of_key_pair("shop-key-pair", "shop-web-1") == Owner("shop", "web")
    assert owner.of_key_pair("shop-key-pair", "other-web-1") == Owner()
    assert owner.of_key_pair("", "shop-web-1") == Owner()


def test_a_server_that_never_ran_costs_nothing() -> None:
    assert usages(Server("1", None, listed(status="ERROR"), [])) == ([], [])


def test_a_server_that_only_the_lists_have_counts_too() -> None:
    flavor = {"vcpus": 2, "ram": 1024, "disk": 5, "ephemeral": 3, "original_name": "m1.own"}
    launched = {"OS-SRV-USG:launched_at": "2026-11-01T12:00:00.000000"}

    (usage,), _ = usages(Server("1", None, NovaServer(name="x", flavor=flavor, **launched), []))

    assert (usage.start.hour, usage.flavor, usage.vcpus) == (12, "m1.own", 2)
    assert (usage.ram_mib, usage.disk_gib) == (1024, 8)


@pytest.mark.parametrize(
    "carried",
    [
        {"metadata": {**MARKS, "skytier:flavor": "m1.large"}},
        {"description": "skytier:stack=shop,skytier:role=web,skytier:flavor=m1.large"},
    ],
    ids=["metadata", "description"],
)
def test_a_stacks_server_says_which_flavor_it_was_created_with(carried: dict[str, Any]) -> None:
    large = Size("m1.large", 4, 8192, 80)
    resized = [ServerAction("resize", datetime(2026, 11, 1, 12, tzinfo=UTC))]
    there = listed(**carried)

    found, notes = usages(Server("1", USED, there, resized), offered=(large,))

    assert [(each.flavor, each.vcpus, each.end.hour) for each in found] == [
        ("m1.large", 4, 12),
        ("m1.small", 1, 0),
    ]
    assert notes == []


def test_what_nova_cannot_tell_is_said() -> None:
    resized = ServerAction("resize", datetime(2026, 11, 1, 12, tzinfo=UTC))

    _, notes = usages(
        Server("1", {**USED, "name": "resized"}, listed(), [resized]),
        Server("2", {**USED, "name": "silent"}, listed(), None),
        Server("3", {**USED, "name": "forgotten"}, None, []),
    )

    assert [note.rpartition(": ")[2] for note in notes] == ["resized.", "silent.", "forgotten."]


def test_what_nova_is_still_at_has_changed_nothing_yet() -> None:
    stopping = ServerAction("stop", datetime(2026, 11, 1, 12, tzinfo=UTC))
    busy = listed(**{"OS-EXT-STS:task_state": "powering-off"})

    (usage,), _ = usages(Server("1", USED, busy, [stopping]))

    assert usage.state == "active"


def test_a_description_holds_whole_labels_only() -> None:
    labels = {f"label{n}": "x" * 30 for n in range(9)}

    told = of(labels).told(role="web", flavor="m1.large")

    assert len(told) <= LONGEST_DESCRIPTION
    assert owner.of_marks(told.split(",")).labels.items() < labels.items()
    assert owner.of_marks(told.split(",")).role == "web"


def test_a_floating_ip_counts_from_its_allocation_on_whoever_has_it() -> None:
    ours = FloatingIP(
        id="1",
        floating_ip_address="203.0.113.7",
        description="skytier:stack=shop shop-web-1",
        tags=["skytier:stack=shop", "skytier:label:team=web"],
        created_at="2026-11-01T06:00:00Z",
    )
    foreign = FloatingIP(id="2", floating_ip_address="203.0.113.8", description="mine, hands off")

    usage = floating_ips.usage(ours, START, END)
    other = floating_ips.usage(foreign, START, END)

    assert (usage.kind, usage.start.hour, usage.end) == (ResourceKind.FLOATING_IP, 6, END)
    assert (usage.name, usage.stack, usage.role) == ("shop-web-1", "shop", "web")
    assert usage.labels == {"team": "web"}
    assert (other.name, other.stack, other.start) == ("203.0.113.8", "", START)


@pytest.mark.parametrize("size", [None, 0])
def test_an_image_that_is_not_there_yet_has_no_size(size: int | None) -> None:
    image = Image(id="1", name="x", size=size, created_at="2026-11-01T06:00:00Z")
    assert images.usage(image, END).size_gb == 0


def test_an_image_is_sized_by_what_is_stored() -> None:
    image = Image(id="1", name="x", size=3 * 2**29, created_at="2026-11-01T06:00:00Z")

    usage = images.usage(image, END)

    assert (usage.kind, usage.size_gb) == (ResourceKind.IMAGE, Fraction(3, 2))


def test_volumes_and_their_snapshots_are_known_by_their_metadata() -> None:
    more = {"size": 10, "created_at": "2026-11-01T06:00:00.000000", "metadata": MARKS}

    volume = volumes.usage(ResourceKind.VOLUME, Volume(id="1", volume_type="ssd", **more), END)
    snapshot = volumes.usage(ResourceKind.SNAPSHOT, Snapshot(id="2", **more), END)

    assert (volume.size_gb, volume.volume_type, volume.stack) == (10, "ssd", "shop")
    assert (snapshot.size_gb, snapshot.volume_type, snapshot.labels) == (10, "", {"team": "web"})


def test_load_balancers_and_containers_count_since_they_were_created() -> None:
    balancer = LoadBalancer(
        id="1",
        name="shop-balancer-1",
        tags=["skytier:stack=shop"],
        created_at="2026-11-01T06:00:00",
    )
    container = Container(name="media", bytes=2**30, timestamp="1793512800.12345")

    usage, kept = load_balancers.usage(balancer, END), objects.usage(container, END)

    assert (usage.start.hour, usage.stack, usage.role) == (6, "shop", "balancer")
    assert (kept.start, kept.size_gb) == (datetime(2026, 11, 1, 6, tzinfo=UTC), 1)


def test_what_is_of_a_stack_and_has_no_label_gets_the_stacks() -> None:
    first = Usage(kind=ResourceKind.SERVER, id="1", stack="shop", start=START, end=END)
    second = Usage(
        kind=ResourceKind.FLOATING_IP,
        id="2",
        stack="shop",
        labels={"team": "web"},
        start=START,
        end=END,
    )
    foreign = Usage(kind=ResourceKind.SERVER, id="3", start=START, end=END)

    found = project.labelled([first, second, foreign])

    assert [dict(each.labels) for each in found] == [{"team": "web"}, {"team": "web"}, {}]


def test_what_is_outside_of_the_window_is_cut_off() -> None:
    before = Usage(
        kind=ResourceKind.SERVER, id="1", start=datetime(2026, 10, 1, tzinfo=UTC), end=START
    )
    after = Usage(
        kind=ResourceKind.SERVER, id="2", start=END, end=datetime(2026, 12, 1, tzinfo=UTC)
    )
    around = Usage(kind=ResourceKind.SERVER, id="3", start=before.start, end=after.end)

    assert [(u.id, u.start, u.end) for u in WINDOW.clip([before, after, around])] == [
        ("3", START, END)
    ]
