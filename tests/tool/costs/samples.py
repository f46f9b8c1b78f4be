"""What the tests of costs are about: a rate card and usages that are quick to say."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from skytier.costs.rates import EXAMPLE, Rates
from skytier.costs.usage import ResourceKind, Usage

SMALL = {"flavor": "m1.small", "vcpus": 1, "ram_mib": 2048, "disk_gib": 20}
LARGE = {"flavor": "m1.large", "vcpus": 4, "ram_mib": 8192, "disk_gib": 80}
GB = 2**30


def at(text: str) -> datetime:
    """`01-31 23:30` of 2026, in UTC; without a time it is midnight."""
    form = "%Y-%m-%d %H:%M:%S" if text.count(":") == 2 else "%Y-%m-%d %H:%M"
    full = text if " " in text else f"{text} 00:00"
    return datetime.strptime(f"2026-{full}", form).replace(tzinfo=UTC)


def server(start: str, end: str, name: str = "web-1", **more: Any) -> Usage:
    """An m1.small, unless it is said otherwise."""
    about = {"id": name, "name": name, **SMALL, **more}
    return Usage(kind=ResourceKind.SERVER, start=at(start), end=at(end), **about)


def address(start: str, end: str, name: str = "ip-1", **more: Any) -> Usage:
    return Usage(kind=ResourceKind.FLOATING_IP, id=name, start=at(start), end=at(end), **more)


def volume(start: str, end: str, size_gb: int, **more: Any) -> Usage:
    return Usage(
        kind=ResourceKind.VOLUME, id="v", start=at(start), end=at(end), size_gb=size_gb, **more
    )


def traffic(start: str, hours: int, gb: int, name: str = "web-1") -> Usage:
    begin = at(start)
    end = begin + timedelta(hours=hours)
    return Usage(kind=ResourceKind.TRAFFIC, id=name, start=begin, end=end, bytes_out=gb * GB)


def card(**more: Any) -> Rates:
    """The example rates with others in their place."""
    return EXAMPLE.model_copy(update=more)


def money(text: str) -> Decimal:
    return Decimal(text)
