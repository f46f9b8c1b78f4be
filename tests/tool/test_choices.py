"""Images, flavors and external networks: which is taken, and what is said when none can be."""

import re

import pytest

from skytier.errors import SkytierError
from skytier.listing import nearest_first
from skytier.openstack.choices import choices, images, picks
from skytier.openstack.choices.choices import ExternalNetwork
from skytier.openstack.choices.flavor import Flavor
from skytier.openstack.choices.images import Image, Offer
from skytier.openstack.choices.shape import Shape
from skytier.stackfile import StackFile, parse


def offer(name: str, created: str = "2026-01-01", **more: object) -> Offer:
    image = Image(f"id-{name}-{created}", name, f"{created}T00:00:00Z")
    return Offer(image, **more)  # type: ignore[arg-type]


SYSTEMS = {
    "ubuntu-24.04": ("ubuntu", (24, 4)),
    "Ubuntu 22.04 LTS (Jammy Jellyfish)": ("ubuntu", (22, 4)),
    "ubuntu-noble-server-cloudimg-amd64": ("ubuntu", (24, 4)),
    "ubuntu-server-2404-x86_64": ("ubuntu", (24, 4)),
    "noble-20241004-ubuntu": ("ubuntu", (24, 4)),
    "debian-12-genericcloud-amd64-20250316": ("debian", (12,)),
    "Debian 13 (trixie)": ("debian", (13,)),
    "debian-bookworm": ("debian", (12,)),
    "debian12": ("debian", (12,)),
    "Rocky 9": ("", ()),
    "ubuntu": ("ubuntu", ()),
}


@pytest.mark.parametrize(("name", "system"), SYSTEMS.items())
def test_a_system_is_told_from_an_images_name(
    name: str, system: tuple[str, tuple[int, ...]]
) -> None:
    assert offer(name).system == system


def test_a_system_is_told_from_an_images_properties() -> None:
    assert offer("Standard 64-bit", distribution="ubuntu", version="24.04").system == (
        "ubuntu",
        (24, 4),
    )


BY_RULE = {
    "the newest LTS": (
        [offer("ubuntu-22.04"), offer("ubuntu-24.04"), offer("ubuntu-25.04"), offer("debian-13")],
        "ubuntu-24.04",
    ),
    "an LTS and no half-yearly one": (
        [offer("ubuntu-24.10"), offer("ubuntu-22.04")],
        "ubuntu-22.04",
    ),
    "the newer of one release": (
        [offer("ubuntu-24.04", "2026-02-01"), offer("Ubuntu 24.04", "2026-03-01")],
        "Ubuntu 24.04",
    ),
    "Debian where there is no LTS": ([offer("ubuntu-25.10"), offer("debian-12")], "debian-12"),
    "the newest Debian": (
        [offer("debian-11"), offer("debian-13"), offer("debian-12")],
        "debian-13",
    ),
    "nothing for another processor": (
        [
            offer("ubuntu-24.04-arm64"),
            offer("ubuntu-22.04", architecture="aarch64"),
            offer("debian-12"),
        ],
        "debian-12",
    ),
    "nothing special": (
        [offer("ubuntu-24.04-kube-v1.31"), offer("ubuntu-24.04-nvidia"), offer("ubuntu-22.04")],
        "ubuntu-22.04",
    ),
    "no server's snapshot": (
        [offer("ubuntu-24.04", snapshot=True), offer("ubuntu-22.04")],
        "ubuntu-22.04",
    ),
    "nothing hidden": ([offer("ubuntu-24.04", hidden=True), offer("debian-12")], "debian-12"),
    "nothing that is not active": (
        [offer("ubuntu-24.04", status="deactivated"), offer("debian-12")],
        "debian-12",
    ),
}


@pytest.mark.parametrize(("offers", "taken"), BY_RULE.values(), ids=BY_RULE.keys())
def test_without_a_name_the_newest_plain_lts_is_taken_else_debian(
    offers: list[Offer], taken: str
) -> None:
    image, why = images.by_rule(offers, "image")

    assert image.name == taken
    assert ("Ubuntu LTS of the cloud" in why) == taken.lower().startswith("ubuntu")


def test_without_a_plain_image_the_error_lists_what_there_is_and_the_key() -> None:
    with pytest.raises(SkytierError) as error:
        images.by_rule([offer("rocky-9"), offer("ubuntu-24.04-gpu")], "image")

    assert "It has ubuntu-24.04-gpu, rocky-9." in error.value.what
    assert error.value.do
    assert 'image = "..."' in error.value.do


def test_of_one_name_the_newest_active_image_is_taken() -> None:
    offers = [
        offer("mine", "2026-01-01"),
        offer("mine", "2026-03-01"),
        offer("mine", "2026-04-01", status="queued"),
        offer("mine", "2026-02-01"),
    ]

    assert images.by_name(offers, "mine", "image").created == "2026-03-01T00:00:00Z"
    assert images.by_name(offers, "id-mine-2026-02-01", "image").created.startswith("2026-02")


def stack(**keys: str) -> StackFile:
    return StackFile.model_validate(keys)


TINY, SMALL = Flavor("1", "m1.tiny", 1, 512, 1), Flavor("2", "m1.small", 1, 2048, 20)
LARGE = Flavor("4", "m1.large", 4, 8192, 80)
PUBLIC, OTHER = ExternalNetwork("n1", "public"), ExternalNetwork("n2", "other")

MISSING = {
    "an image": (
        lambda: choices.choose_images(
            [offer("ubuntu-22.04"), offer("rocky-9")], stack(image="ubuntu-24.04")
        ),
        r"no image 'ubuntu-24.04'. It has ubuntu-22.04, rocky-9\.",
        "image =",
    ),
    "a role's image": (
        lambda: choices.choose_images(
            [offer("debian-12")], parse("image = 'debian-12'\nweb.image = 'x'")
        ),
        r"no image 'x'",
        "web.image =",
    ),
    "an image that is not active": (
        lambda: choices.choose_images([offer("mine", status="queued")], stack(image="mine")),
        r"The image 'mine' \(id-mine-2026-01-01\) is queued, not active\.",
        "image",
    ),
    "a flavor": (
        lambda: choices.choose_flavors([LARGE, TINY, SMALL], stack(flavor="m1.smal")),
        r"no flavor 'm1.smal'. It has m1.small \(1 vCPU, 2048 MiB, 20 GiB\), m1",
        "flavor =",
    ),
    "a role's flavor": (
        lambda: choices.choose_flavors([SMALL], parse("database.flavor = 'db'")),
        r"no flavor 'db'",
        "database.flavor =",
    ),
    "any flavor": (lambda: choices.choose_flavors([], stack()), r"It has none\.", "flavor ="),
    "an external network": (
        lambda: choices.choose_external_network([OTHER, PUBLIC], stack(external_network="pubic")),
        r"no external network 'pubic'. It has public, other\.",
        "external_network =",
    ),
    "any external network": (
        lambda: choices.choose_external_network([], stack()),
        r"no external network",
        "Ask who runs",
    ),
    "which external network": (
        lambda: choices.choose_external_network([OTHER, PUBLIC], stack()),
        r"several external networks: other, public\.",
        "external_network =",
    ),
    "which of two of one name": (
        lambda: choices.choose_external_network(
            [PUBLIC, ExternalNetwork("n3", "public")], stack(external_network="public")
        ),
        r"'public': n1, n3\.",
        "by its id",
    ),
}


@pytest.mark.parametrize(("choose", "what", "do"), MISSING.values(), ids=MISSING.keys())
def test_what_is_missing_is_said_with_what_there_is_and_the_key(
    choose: object, what: str, do: str
) -> None:
    assert callable(choose)
    with pytest.raises(SkytierError) as error:
        choose()

    assert re.search(what, error.value.what)
    assert error.value.do
    assert do in error.value.do


def test_each_role_may_have_its_own_image_and_flavor_by_name_or_id() -> None:
    wanted = parse("image = 'a'\nweb.image = 'b'\nweb.flavor = 'm1.small'\ndatabase.flavor = '4'")

    found = choices.choose_images([offer("a"), offer("b")], wanted)
    flavors = choices.choose_flavors([SMALL, LARGE], wanted)

    assert {role: image.name for role, image in found.items()} == {"web": "b", "database": "a"}
    assert flavors == {"web": SMALL, "database": LARGE}


def test_a_name_goes_before_another_ones_id() -> None:
    trap = Flavor("m1.small", "trap", 1, 1, 1)

    assert choices.choose_flavors([trap, SMALL], stack())["web"] == SMALL


@pytest.mark.parametrize(
    ("offers", "wanted", "taken"),
    [
        ([PUBLIC], None, "n1"),
        ([PUBLIC, OTHER], "other", "n2"),
        ([PUBLIC, OTHER], "n2", "n2"),
        ([PUBLIC, ExternalNetwork("n4", "main", default=True)], None, "n4"),
    ],
    ids=["the only one", "by name", "by id", "the cloud's default"],
)
def test_the_external_network_is_the_one_that_can_be_meant(
    offers: list[ExternalNetwork], wanted: str | None, taken: str
) -> None:
    found = choices.choose_external_network(offers, StackFile(external_network=wanted))

    assert found.id == taken


@pytest.mark.parametrize(
    "offers",
    [
        [PUBLIC, ExternalNetwork("n4", "main", default=True)],
        [ExternalNetwork("n1", "public", default=True), OTHER],
        [PUBLIC, OTHER],
        [OTHER],
        [],
    ],
    ids=["another default", "the default", "several", "only another one", "none that is seen"],
)
def test_what_the_router_leads_to_stays_where_none_is_named(offers: list[ExternalNetwork]) -> None:
    assert choices.choose_external_network(offers, StackFile(), leads_to="n1").id == "n1"


def test_one_that_is_named_counts_whatever_the_router_leads_to() -> None:
    named = StackFile(external_network="other")
    assert choices.choose_external_network([PUBLIC, OTHER], named, leads_to="n1") == OTHER
    without = parse('network = "n"\npublic = "fixed"')
    assert choices.choose_external_network([], without, leads_to="n1").id == ""


FLAVORS = {
    "the usual one": ([LARGE, SMALL], "m1.small"),
    "the smallest good one": ([LARGE, TINY, Flavor("6", "c4", 2, 4096, 40)], "c4"),
    "none with a GPU": ([Flavor("7", "gpu.small", 2, 4096, 40), LARGE], "m1.large"),
    "none without a disk": ([Flavor("8", "v2", 2, 4096, 0), LARGE], "m1.large"),
    "none at all": ([TINY], None),
}


@pytest.mark.parametrize(("flavors", "picked"), FLAVORS.values(), ids=FLAVORS.keys())
def test_the_flavor_for_a_newcomer(flavors: list[Flavor], picked: str | None) -> None:
    found = choices.smallest_good_flavor(flavors, None)

    assert (found[0].name if found else None) == picked


def test_a_flavor_for_a_newcomer_holds_the_image() -> None:
    image = Image("i", "big", "2026-01-01", min_disk_gib=40, min_ram_mib=8192)

    found = choices.smallest_good_flavor([SMALL, Flavor("6", "c4", 2, 4096, 40), LARGE], image)

    assert found
    assert found[0] == LARGE


def test_picks_say_what_and_why_and_leave_open_what_is_not_sensible() -> None:
    found = picks.pick([offer("ubuntu-24.04")], [TINY], Shape([PUBLIC, OTHER]))

    assert found.picked["image"].value == "ubuntu-24.04"
    assert found.picked["image"].said == (
        "ubuntu-24.04 of 2026-01-01: the newest Ubuntu LTS of the cloud"
    )
    assert set(found.undecided) == {"flavor", "external_network"}
    assert found.options["external_network"] == ["public", "other"]


def test_a_network_whose_name_is_not_its_own_is_picked_by_id() -> None:
    twin = ExternalNetwork("n9", "public", default=True)

    assert picks.pick([], [], Shape([PUBLIC, twin])).picked["external_network"].value == "n9"


def test_a_long_list_is_cut() -> None:
    listed = nearest_first("m1.small", [f"flavor-{number}" for number in range(20)])

    assert listed.endswith(" and 12 more")
    assert listed.count(",") == 7
