"""Which system an image has, and whether it has anything else: by its properties, then its name."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from skytier.release.platform import System

UNKNOWN: System = ("", ())

CODE_NAMES: dict[str, System] = {
    **{
        name: ("ubuntu", version)
        for name, version in {
            "trusty": (14, 4), "xenial": (16, 4), "bionic": (18, 4), "focal": (20, 4),
            "jammy": (22, 4), "kinetic": (22, 10), "lunar": (23, 4), "mantic": (23, 10),
            "noble": (24, 4), "oracular": (24, 10), "plucky": (25, 4), "questing": (25, 10),
            "resolute": (26, 4),
        }.items()
    },
    **{
        name: ("debian", (version,))
        for name, version in {
            "jessie": 8, "stretch": 9, "buster": 10, "bullseye": 11, "bookworm": 12,
            "trixie": 13, "forky": 14, "duke": 15,
        }.items()
    },
}  # fmt: skip

# A year, a month and perhaps a day, also with a time or another number behind it: 20241004,
# 2024-10-04, 202410041230. In the other order only where all the separators are the same.
_MONTH, _DAY = "(?:0[1-9]|1[0-2])", "(?:0[1-9]|[12][0-9]|3[01])"
_DATES = re.compile(
    rf"(?<!\d)(?:19|20)\d\d(?:[-._]?{_MONTH}[-._]?{_DAY}(?:\d{{4}}|\d{{6}})?|[-._]{_MONTH})(?!\d)"
    rf"|(?<!\d){_DAY}(?P<sep>[-._]){_MONTH}(?P=sep)(?:19|20)\d\d(?!\d)"
)
_BITS = re.compile(r"x86[-_ ]?64|amd64|64[-_ ]?bits?")
_UBUNTU = re.compile(r"(?<!\d)(\d\d)[-._ ]?(04|06|10)(?:\.\d+)*(?!\d)")
_UBUNTU_YEAR = re.compile(r"ubuntu[-._ ]?(\d\d)(?![-._]?\d)")
_DEBIAN = (
    re.compile(r"debian[-._ ]?(?:gnu/?linux[-._ ]?)?v?(\d{1,2})(?!\d)"),
    re.compile(r"(?<![\d.])(\d{1,2})(?!\d)"),
)

# Words that say nothing but which system it is, and for whom it was made. An image with other
# words in its name may be made for something special (a GPU, Kubernetes).
_PLAIN = re.compile(
    r"(?:ubuntu|debian)\d*|gnu|linux|server|cloud|cloudimg|cloudimage|generic|genericcloud|"
    r"standard|official|public|base|image|img|qcow2|raw|latest|current|lts|os|pvhvm|minimal|"
    r"x64|x86|v?\d+|"
    # The second words of code names.
    r"tahr|xerus|beaver|fossa|jellyfish|kudu|lobster|minotaur|numbat|oriole|puffin|quokka|raccoon|"
    # What clouds call the images that they keep up to date.
    r"featured|gold|nectar|switchengines|" + "|".join(CODE_NAMES)
)
_OTHER_PROCESSORS = re.compile(
    r"(?<![a-z0-9])(?:arm64|arm|armhf|armv\d\w*|aarch64|ppc64\w*|s390x|riscv64|i[3-6]86)(?![a-z0-9])"
)
_X86 = {"", "x86_64", "amd64", "x64"}
_GENERAL = {"generic", "minimal"}
"""What the property `os_purpose` says of images for ordinary machines."""


@dataclass(frozen=True)
class Described:
    """What an image says of itself, as Glance has it; what is not set is empty."""

    name: str
    distribution: str = ""
    """The property `os_distro`."""
    version: str = ""
    """The property `os_version`."""
    purpose: str = ""
    """The property `os_purpose`, of the Sovereign Cloud Stack's standard for images."""
    architecture: str = ""


def system_of(image: Described) -> System:
    """Such as `("ubuntu", (24, 4))`; the version is empty where nothing tells it.

    The properties count first, then code names, then versions. Dates are no versions.

    >>> system_of(Described("Standard_Ubuntu_22.04_latest"))
    ('ubuntu', (22, 4))
    """
    said, name = _cleaned(image.version), _cleaned(image.name)
    distribution = image.distribution.strip().lower()
    if distribution in ("", "linux", "other", "others", "unknown"):
        codes = [CODE_NAMES[word] for word in _words(name) if word in CODE_NAMES]
        distribution = next((d for d in ("ubuntu", "debian") if d in name), "")
        distribution = distribution or (codes[0][0] if codes else "")
    if distribution not in ("ubuntu", "debian"):
        return UNKNOWN
    for text in (said, name):
        for word in _words(text):
            if CODE_NAMES.get(word, UNKNOWN)[0] == distribution:
                return CODE_NAMES[word]
        if number := _number(distribution, text):
            return distribution, number
    return distribution, ()


def _number(distribution: str, text: str) -> tuple[int, ...]:
    if distribution == "ubuntu":
        if found := _UBUNTU.search(text):
            return int(found[1]), int(found[2])
        # Some clouds name the year alone, and mean the version of its April.
        year = _UBUNTU_YEAR.search(text)
        return (int(year[1]), 4) if year else ()
    found = next((found for form in _DEBIAN if (found := form.search(text))), None)
    return (int(found[1]),) if found else ()


def is_plain(image: Described) -> bool:
    """Whether it is nothing but a system, for an ordinary machine with an x86 processor.

    Where the cloud says what an image is for, that counts, else the words of its name.
    """
    name = image.name.lower()
    if image.architecture.lower() not in _X86 or _OTHER_PROCESSORS.search(name):
        return False
    if image.purpose:
        return image.purpose.lower() in _GENERAL
    return all(_PLAIN.fullmatch(word) for word in re.findall("[a-z0-9]+", _cleaned(name)))


def rank(image: Described) -> int:
    """Which of two plain images of one version is rather for an ordinary machine."""
    if image.purpose:
        return 3 if image.purpose.lower() == "generic" else 2
    return 0 if "minimal" in _words(image.name.lower()) else 1


def _words(text: str) -> list[str]:
    return re.findall("[a-z]+", text)


def _cleaned(text: str) -> str:
    """In lower case, without dates and without the number of bits."""
    return _BITS.sub(" ", _DATES.sub(" ", text.lower()))


def is_older(system: System, since: Mapping[str, tuple[int, ...]]) -> bool:
    """Whether a system is known to be older than the first version of its distribution in `since`.

    >>> since = {"debian": (13,), "ubuntu": (24, 4)}
    >>> is_older(("debian", (12,)), since), is_older(("debian", (13,)), since)
    (True, False)
    >>> is_older(("ubuntu", (22, 4)), since), is_older(("ubuntu", (24, 4)), since)
    (True, False)
    >>> is_older(("debian", ()), since), is_older(("rocky", (9,)), since)
    (False, False)
    """
    distribution, version = system
    first = since.get(distribution)
    return first is not None and bool(version) and version < first
