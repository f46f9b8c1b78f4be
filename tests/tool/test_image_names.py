"""Images as public clouds name them: which system each has, and which is taken of a whole list."""

import re
from types import SimpleNamespace
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st
from openstack.image.v2.image import Image as GlanceImage

from skytier.openstack.choices import images
from skytier.openstack.choices.choices import offered_images
from skytier.openstack.choices.images import Image, Offer
from skytier.openstack.choices.systems import CODE_NAMES, Described, is_plain, system_of

UBUNTU_20, UBUNTU_22, UBUNTU_24 = ("ubuntu", (20, 4)), ("ubuntu", (22, 4)), ("ubuntu", (24, 4))
DEBIAN_11, DEBIAN_12, DEBIAN_13 = ("debian", (11,)), ("debian", (12,)), ("debian", (13,))

# Cloud to names: the system, and whether it is taken where nobody names an image.
NAMES = {
    "Cleura, City Cloud": {
        "Ubuntu 22.04 Jammy Jellyfish x86_64": (UBUNTU_22, True),
        "Ubuntu 24.04 Noble Numbat x86_64": (UBUNTU_24, True),
        "Debian 12 Bookworm x86_64": (DEBIAN_12, True),
        "Ubuntu 24.04 Noble Numbat aarch64": (UBUNTU_24, False),
    },
    "Open Telekom Cloud": {
        "Standard_Ubuntu_22.04_latest": (UBUNTU_22, True),
        "Standard_Ubuntu_20.04_latest": (UBUNTU_20, True),
        "Standard_Debian_12_latest": (DEBIAN_12, True),
        "Standard_Debian_11_prev": (DEBIAN_11, False),
        "Standard_Ubuntu_22.04_BMS_latest": (UBUNTU_22, False),
        "Standard_Ubuntu_22.04_GPU_latest": (UBUNTU_22, False),
        "Enterprise_RedHat_9_latest": (("", ()), False),
    },
    "OVHcloud": {
        "Ubuntu 22.04": (UBUNTU_22, True),
        "Ubuntu 24.10": (("ubuntu", (24, 10)), True),
        "Debian 12": (DEBIAN_12, True),
        "Ubuntu 22.04 - UEFI": (UBUNTU_22, False),
        "Debian 12 - Docker": (DEBIAN_12, False),
        "NVIDIA GPU Cloud (NGC) Ubuntu 22.04": (UBUNTU_22, False),
    },
    "Infomaniak": {
        "Ubuntu 22.04 LTS Jammy Jellyfish": (UBUNTU_22, True),
        "Ubuntu 24.04 LTS Noble Numbat": (UBUNTU_24, True),
        "Debian 12 bookworm": (DEBIAN_12, True),
        "Debian 11.5 bullseye": (DEBIAN_11, True),
    },
    "Optimist": {
        "Ubuntu 22.04 Jammy Jellyfish - Latest": (UBUNTU_22, True),
        "Ubuntu Minimal 24.04 LTS (Noble Numbat)": (UBUNTU_24, True),
        "Ubuntu 22.04 Jammy Jellyfish - 20240311": (UBUNTU_22, True),
        "Debian 12 Bookworm - Latest": (DEBIAN_12, True),
    },
    "VEXXHOST": {
        "Ubuntu 22.04.5 LTS (x86_64) [2025-03-27]": (UBUNTU_22, True),
        "Ubuntu 20.04.3 LTS (x86_64) [2021-10-04]": (UBUNTU_20, True),
        "Debian 11 (x86_64) [2021-10-04]": (DEBIAN_11, True),
    },
    "Jetstream2": {
        "Featured-Ubuntu24": (UBUNTU_24, True),
        "Featured-Ubuntu22": (UBUNTU_22, True),
        "JS-API-Featured-Ubuntu20-Latest": (UBUNTU_20, False),
    },
    "Nectar": {
        "NeCTAR Ubuntu 22.04 LTS (Jammy) amd64": (UBUNTU_22, True),
        "NeCTAR Debian 12 (Bookworm) x86_64": (DEBIAN_12, True),
        "NeCTAR Ubuntu 22.04 LTS (Jammy) amd64 (with Docker)": (UBUNTU_22, False),
    },
    "NREC": {
        "GOLD Ubuntu 24.04 LTS": (UBUNTU_24, True),
        "GOLD Debian 12": (DEBIAN_12, True),
        "vGPU Ubuntu 22.04 LTS": (UBUNTU_22, False),
    },
    "SWITCHengines": {
        "Debian Bookworm 12 (SWITCHengines)": (DEBIAN_12, True),
        "Ubuntu Jammy 22.04 (SWITCHengines)": (UBUNTU_22, True),
    },
    "Rackspace": {
        "Ubuntu 20.04 LTS (Focal Fossa) (PVHVM)": (UBUNTU_20, True),
        "Debian 11 (Bullseye) (PVHVM)": (DEBIAN_11, True),
        "OnMetal - Ubuntu 14.04 LTS (Trusty Tahr)": (("ubuntu", (14, 4)), False),
    },
    "Elastx": {
        "ubuntu-24.04-server-latest": (UBUNTU_24, True),
        "debian-12-server-latest": (DEBIAN_12, True),
        "ubuntu-22.04-server-20240322": (UBUNTU_22, True),
    },
    "Selectel": {
        "Ubuntu 22.04 LTS 64-bit": (UBUNTU_22, True),
        "Debian 12 (Bookworm) 64-bit": (DEBIAN_12, True),
        "Ubuntu 22.04 LTS 64-bit GPU Driver": (UBUNTU_22, False),
        "Ubuntu 22.04 LTS Machine Learning 64-bit": (UBUNTU_22, False),
    },
    "CSC, Binero, Fuga, Safespring, Catalyst": {
        "Ubuntu-22.04": (UBUNTU_22, True),
        "ubuntu-22-04-x86_64": (UBUNTU_22, True),
        "Ubuntu 22.04 LTS": (UBUNTU_22, True),
        "ubuntu-22.04-x86_64": (UBUNTU_22, True),
        "debian-12-x86_64": (DEBIAN_12, True),
    },
    "Sovereign Cloud Stack": {
        "Ubuntu 24.04": (UBUNTU_24, True),
        "Debian 12": (DEBIAN_12, True),
        "Ubuntu 24.04 Minimal": (UBUNTU_24, True),
        "ubuntu-capi-image v1.31.0": (("ubuntu", ()), False),
    },
    "what the distributions call their files": {
        "ubuntu-noble-2024-10-04": (UBUNTU_24, True),
        "noble-server-cloudimg-amd64": (UBUNTU_24, True),
        "noble-20241004": (UBUNTU_24, True),
        "ubuntu-24.04-minimal-cloudimg-amd64.img": (UBUNTU_24, True),
        "debian-12-genericcloud-amd64-20250316-2053": (DEBIAN_12, True),
        "debian-13-generic-amd64-daily-20260101": (DEBIAN_13, False),
        "Debian GNU/Linux 12 (bookworm)": (DEBIAN_12, True),
        "ubuntu_2204_20240101": (UBUNTU_22, True),
        "ubuntu-2004-20240524": (UBUNTU_20, True),
        "2024-10-04-ubuntu": (("ubuntu", ()), True),
        "ubuntu 04-10-2024": (("ubuntu", ()), True),
        "ubuntu-20241004": (("ubuntu", ()), True),
        "ubuntu-22.04-01-10-2019": (UBUNTU_22, True),
    },
}
EACH = {name: said for cloud in NAMES.values() for name, said in cloud.items()}


@pytest.mark.parametrize("name", EACH)
def test_a_name_of_a_public_cloud_says_its_system_and_whether_it_is_plain(name: str) -> None:
    assert (system_of(Described(name)), is_plain(Described(name))) == EACH[name]


def offer(name: str, created: str = "2026-01-01", **more: str) -> Offer:
    return Offer(Image(f"id-{name}", name, f"{created}T00:00:00Z"), **more)  # type: ignore[arg-type]


TAKEN = {
    "Cleura, City Cloud": "Ubuntu 24.04 Noble Numbat x86_64",
    "Open Telekom Cloud": "Standard_Ubuntu_22.04_latest",
    "OVHcloud": "Ubuntu 22.04",
    "Infomaniak": "Ubuntu 24.04 LTS Noble Numbat",
    "Optimist": "Ubuntu Minimal 24.04 LTS (Noble Numbat)",
    "VEXXHOST": "Ubuntu 22.04.5 LTS (x86_64) [2025-03-27]",
    "Jetstream2": "Featured-Ubuntu24",
    "Nectar": "NeCTAR Ubuntu 22.04 LTS (Jammy) amd64",
    "NREC": "GOLD Ubuntu 24.04 LTS",
    "SWITCHengines": "Ubuntu Jammy 22.04 (SWITCHengines)",
    "Rackspace": "Ubuntu 20.04 LTS (Focal Fossa) (PVHVM)",
    "Elastx": "ubuntu-24.04-server-latest",
    "Selectel": "Ubuntu 22.04 LTS 64-bit",
    "Sovereign Cloud Stack": "Ubuntu 24.04",
}


@pytest.mark.parametrize("cloud", TAKEN)
def test_of_a_public_clouds_list_the_newest_plain_lts_is_taken(cloud: str) -> None:
    assert images.by_rule([offer(name) for name in NAMES[cloud]], "image")[0].name == TAKEN[cloud]


PROPERTIES = {
    "they count before the name": (
        Described("Debian 12", distribution="ubuntu", version="24.04"),
        UBUNTU_24,
    ),
    "a code name as the version": (
        Described("standard", distribution="ubuntu", version="jammy"),
        UBUNTU_22,
    ),
    "a version with words": (
        Described("x", distribution="Ubuntu", version="22.04 LTS"),
        UBUNTU_22,
    ),
    "a point release of Debian": (
        Described("x", distribution="debian", version="12.5"),
        DEBIAN_12,
    ),
    "no version: the name has it": (Described("noble-server", distribution="ubuntu"), UBUNTU_24),
    "a version that says nothing: the name has it": (
        Described("ubuntu-22.04", distribution="ubuntu", version="latest"),
        UBUNTU_22,
    ),
    "another distribution, whatever its name": (
        Described("Rocky 9, as good as ubuntu-24.04", distribution="rocky"),
        ("", ()),
    ),
    "a distribution that is none": (Described("debian-13", distribution="linux"), DEBIAN_13),
}


@pytest.mark.parametrize("case", PROPERTIES)
def test_properties_count_before_names(case: str) -> None:
    image, system = PROPERTIES[case]
    assert system_of(image) == system


PURPOSES = {
    "generic before minimal": (
        [offer("a 24.04", "2026-02-01", purpose="minimal"), offer("b 24.04", purpose="generic")],
        "b 24.04",
    ),
    "minimal before what does not say it": (
        [offer("ubuntu 24.04", "2026-02-01"), offer("a 24.04", purpose="minimal")],
        "a 24.04",
    ),
    "nothing for something else, however plain its name": (
        [offer("ubuntu 24.04", purpose="k8snode"), offer("ubuntu 22.04", purpose="generic")],
        "ubuntu 22.04",
    ),
    "a name that says nothing": ([offer("golden-7f3a", purpose="generic")], "golden-7f3a"),
    "the newer version before the better purpose": (
        [offer("old", version="22.04", purpose="generic"), offer("ubuntu-24.04")],
        "ubuntu-24.04",
    ),
    "nothing for another processor": (
        [offer("ubuntu-24.04-arm64", purpose="generic"), offer("ubuntu-22.04")],
        "ubuntu-22.04",
    ),
}


@pytest.mark.parametrize("case", PURPOSES)
def test_where_an_image_says_its_purpose_that_counts(case: str) -> None:
    offers, taken = PURPOSES[case]
    offers = [
        offer(
            o.image.name,
            o.image.created[:10],
            purpose=o.purpose,
            distribution="ubuntu",
            version=o.version or ("" if re.search(r"\d\d\.\d\d", o.image.name) else "24.04"),
        )
        for o in offers
    ]
    assert images.by_rule(offers, "image")[0].name == taken


SEPARATORS = st.sampled_from(["-", "_", " ", "."])


@given(
    code=st.sampled_from(sorted(CODE_NAMES)),
    sep=SEPARATORS,
    date=st.dates().map(lambda d: d.replace(year=2010 + d.year % 40)),
    form=st.sampled_from(["%Y%m%d", "%Y-%m-%d", "%Y.%m.%d", "%Y_%m_%d", "%d-%m-%Y", "%Y-%m"]),
    first=st.booleans(),
)
def test_a_date_is_never_a_version(
    code: str, sep: str, date: object, form: str, first: bool
) -> None:
    distribution, version = CODE_NAMES[code]
    day = format(date, form)  # type: ignore[arg-type]
    parts = [day, distribution, code] if first else [distribution, code, day]

    assert system_of(Described(sep.join(parts))) == (distribution, version)
    assert system_of(Described(" ".join([distribution, day]))) == (distribution, ())


@given(
    year=st.integers(14, 40),
    month=st.sampled_from([4, 10]),
    sep=SEPARATORS,
    form=st.sampled_from(["{y}.{m:02}", "{y}-{m:02}", "{y}{m:02}", "{y}_{m:02}", "{y}.{m:02}.3"]),
    rest=st.sampled_from(["", "LTS", "server", "x86_64", "amd64", "64-bit", "latest"]),
)
def test_a_version_is_found_between_any_separators(
    year: int, month: int, sep: str, form: str, rest: str
) -> None:
    name = sep.join(part for part in ("Ubuntu", form.format(y=year, m=month), rest) if part)
    assert system_of(Described(name)) == ("ubuntu", (year, month))
    assert is_plain(Described(name))


@given(st.text(), st.text(), st.text())
def test_whatever_an_image_is_called_it_is_read(name: str, distribution: str, version: str) -> None:
    offer(name, distribution=distribution, version=version)


def offered(**properties: object) -> Offer:
    """An image as openstacksdk reads it from Glance's answer."""
    answer: dict[str, Any] = {
        "id": "8d8a2d3b",
        "name": "golden",
        "status": "active",
        "created_at": "2026-04-21T10:00:00Z",
        "min_disk": 5,
        "min_ram": 512,
        "virtual_size": 2**31 + 1,
        "os_hidden": False,
        "visibility": "public",
        "tags": [],
        **properties,
    }
    listed = [GlanceImage.existing(**answer)]
    conn = SimpleNamespace(image=SimpleNamespace(images=lambda **query: listed))
    (offer,) = offered_images(cast(Any, conn))
    return offer


def test_an_image_of_glance_is_offered_with_its_sizes_and_its_time() -> None:
    assert offered().image == Image("8d8a2d3b", "golden", "2026-04-21T10:00:00Z", 5, 512, 3)
    bare = offered(name=None, created_at=None, min_disk=None, min_ram=None, virtual_size=None)
    assert bare.image == Image("8d8a2d3b", "", "")


@pytest.mark.parametrize(
    ("properties", "system", "plain"),
    [
        ({}, ("", ()), False),
        ({"os_distro": "ubuntu", "os_version": "24.04"}, UBUNTU_24, False),
        ({"os_distro": "debian", "os_version": "12", "os_purpose": "generic"}, DEBIAN_12, True),
        ({"name": "Ubuntu 24.04"}, UBUNTU_24, True),
        ({"name": "Ubuntu 24.04", "os_purpose": "k8snode"}, UBUNTU_24, False),
        ({"name": "Ubuntu 22.04", "os_distro": "ubuntu", "os_version": "24.04"}, UBUNTU_24, True),
        ({"name": "Debian 12", "architecture": "aarch64"}, DEBIAN_12, False),
        ({"name": "Debian 12", "architecture": "x86_64"}, DEBIAN_12, True),
        ({"name": "Debian 12", "os_hidden": True}, DEBIAN_12, False),
        ({"name": "Debian 12", "status": "queued"}, DEBIAN_12, False),
        ({"name": "Debian 12", "image_type": "snapshot"}, DEBIAN_12, False),
    ],
)
def test_what_glance_says_of_an_image_gets_to_the_rule(
    properties: dict[str, object], system: tuple[str, tuple[int, ...]], plain: bool
) -> None:
    offer = offered(**properties)
    assert (offer.system, offer.plain) == (system, plain)


words = st.text("abcdefgh0123456789._-", min_size=1, max_size=12)


@given(words, words, words, words, st.booleans(), st.sampled_from(["active", "queued", "killed"]))
def test_each_property_of_glance_is_offered_as_what_it_is(
    distribution: str, version: str, purpose: str, architecture: str, hidden: bool, status: str
) -> None:
    offer = offered(
        os_distro=distribution,
        os_version=version,
        os_purpose=purpose,
        architecture=architecture,
        os_hidden=hidden,
        status=status,
    )
    found = (offer.distribution, offer.version, offer.purpose, offer.architecture)
    assert found == (distribution, version, purpose, architecture)
    assert (offer.hidden, offer.status, offer.snapshot) == (hidden, status, False)
