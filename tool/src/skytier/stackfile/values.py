"""What single values of a stack file may be. Each says on refusal what is wrong with the value."""

import re
from ipaddress import IPv4Address, IPv4Network, IPv6Network, ip_address
from typing import TypeVar

# A tag of Neutron holds 60 characters in older clouds, and a label is one of them.
LABEL_TAG_PREFIX = "skytier:label:"
LONGEST_TAG = 60

_Network = TypeVar("_Network", IPv4Network, IPv6Network)

_PRIVATE = tuple(
    IPv4Network(each) for each in ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10")
)
_DOMAIN = re.compile(r"(?=.{4,253}$)([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z][a-z0-9-]*[a-z0-9]")


def text(value: str) -> str:
    """A name as the cloud shows it. Never empty, never with spaces around it."""
    if not value.strip():
        raise ValueError("is empty; leave the key out to have the default")
    if value != value.strip() or not value.isprintable():
        raise ValueError("has spaces around it, or characters that cannot be seen")
    return value


def stack_name(value: str) -> str:
    """2 to 32 characters that are good in a host name: `shop-web-1` comes from `shop`."""
    if not 2 <= len(value) <= 32:
        raise ValueError("is too short" if len(value) < 2 else "is too long")
    if not re.fullmatch("[a-z][a-z0-9-]*[a-z0-9]", value):
        raise ValueError("has other characters, or a hyphen at an end, or does not begin with a-z")
    return value


def network(value: str) -> str:
    """An IPv4 network with its prefix; a bare address becomes a network of one: `/32`."""
    return str(_network(value))


def any_network(value: str) -> str:
    """An IPv4 or IPv6 network; a bare address becomes a network of one: `/32`, `/128`."""
    return str(_ipv6_network(value)) if ":" in value else network(value)


def ipv6_prefix(value: str) -> str:
    """An IPv6 network of 64 bits that machines can have addresses of."""
    found = _ipv6_network(value)
    if found.prefixlen != 64:
        raise ValueError("does not have 64 bits, and machines choose the other half by themselves")
    if found.is_multicast or found.is_link_local or found.is_loopback or found.is_unspecified:
        raise ValueError("is of a range that no machine can be reached in")
    return str(found)


def private_network(value: str) -> str:
    """A network for the machines: of the private ranges, big enough and not too big."""
    found = _network(value)
    if found.prefixlen < 16:
        raise ValueError("is too large")
    if found.prefixlen > 28:
        raise ValueError("is too small")
    if not any(found.subnet_of(private) for private in _PRIVATE):
        raise ValueError("is not private: the machines could not reach its real owners")
    return str(found)


def _network(value: str) -> IPv4Network:
    return _of_kind(IPv4Network, value, "is not an IPv4 network")


def _ipv6_network(value: str) -> IPv6Network:
    return _of_kind(IPv6Network, value, "is not a network")


def _of_kind(kind: type[_Network], value: str, wrong: str) -> _Network:
    try:
        return kind(value)
    except ValueError:
        pass
    try:
        wide = kind(value, strict=False)
    except ValueError:
        raise ValueError(wrong) from None
    host = f"{value.partition('/')[0]}/{wide.max_prefixlen}"
    raise ValueError(f"has an address before the slash; write {wide} for all of it, or {host}")


def addresses_once(values: tuple[str, ...]) -> tuple[str, ...]:
    """Without repetitions: Neutron refuses the second of two equal rules."""
    return tuple(dict.fromkeys(values))


def some(values: tuple[str, ...]) -> tuple[str, ...]:
    """At least one of them."""
    if not values:
        raise ValueError("is empty")
    return values


def ipv4(value: str) -> str:
    """One IPv4 address."""
    try:
        return str(IPv4Address(value))
    except ValueError:
        pass
    try:
        ip_address(value)
    except ValueError:
        raise ValueError("is not an address") from None
    raise ValueError("is an IPv6 address")


def domain(value: str) -> str:
    """A full host name, in lower case."""
    lower = value.lower()
    if not _DOMAIN.fullmatch(lower):
        raise ValueError("is not a full domain name")
    return lower


def jump_host(value: str) -> str:
    """A host as ssh takes it: `jump.example.org`, `me@jump`, or a Host of ~/.ssh/config."""
    word = "[A-Za-z0-9][A-Za-z0-9._-]*"
    if not re.fullmatch(f"({word}@)?{word}", value):
        raise ValueError("is not a host")
    return value


def in_a_list(value: object) -> object:
    """One value as a list of one."""
    return [value] if isinstance(value, str) else value


def email(value: str) -> str:
    """An address that can be written to."""
    local, at, host = value.rpartition("@")
    if not at or not re.fullmatch(r"[^\s@\"<>,;]+", local) or not _DOMAIN.fullmatch(host.lower()):
        raise ValueError("is not an e-mail address")
    return value


def size(value: str) -> str:
    """An amount of data as Prometheus writes it: `2GB` is 2^31 bytes."""
    if not re.fullmatch("[1-9][0-9]{0,5}(MB|GB|TB)", value):
        raise ValueError("is not a size")
    return value


def url(value: str) -> str:
    """An address that takes POST requests."""
    if not re.fullmatch(r"https?://[^\s/\"\\]+(/[^\s\"\\]*)?", value):
        raise ValueError("is not an address that begins with https:// or http://")
    return value


def https_origin(value: str) -> str:
    """An address that pages load files from: `https://cdn.example.org`."""
    if not re.fullmatch(r"https://[A-Za-z0-9.-]+(:[1-9][0-9]{0,4})?", value):
        raise ValueError("is not an address that begins with https:// and has no path")
    return value


def server(value: str) -> str:
    """A server with its port: `smtp.example.org:587`."""
    host, _, port = value.rpartition(":")
    if not re.fullmatch("[A-Za-z0-9.-]+", host) or not re.fullmatch("[1-9][0-9]{0,4}", port):
        raise ValueError("is not a server with its port")
    return value


def currency(value: str) -> str:
    """An ISO 4217 code."""
    if not (len(value) == 3 and value.isascii() and value.isalpha() and value.isupper()):
        raise ValueError("is not a currency's code")
    return value


def package(value: str) -> str:
    """The name of a Debian package. It becomes a word of a command on the machine."""
    if not re.fullmatch("[a-z0-9][a-z0-9+.-]+", value):
        raise ValueError("is not the name of a package")
    return value


def labels(value: dict[str, str]) -> dict[str, str]:
    """Labels that go on every resource, as metadata and as the tag `skytier:label:KEY=VALUE`."""
    for key, meaning in value.items():
        if not re.fullmatch("[A-Za-z0-9][A-Za-z0-9_.-]*", key):
            raise ValueError(f"has the key {key!r}, which is not of letters, digits and _.- only")
        if not meaning or meaning != meaning.strip() or not meaning.isprintable():
            raise ValueError(f"has no good value for {key!r}")
        if set(",/") & set(meaning):
            raise ValueError(f"has a comma or a slash in the value of {key!r}")
        over = len(f"{LABEL_TAG_PREFIX}{key}={meaning}") - LONGEST_TAG
        if over > 0:
            raise ValueError(f"is too long at {key!r}, by {over} characters")
    return value
