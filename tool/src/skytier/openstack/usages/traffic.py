"""What went out to the internet, from a Prometheus: OpenStack itself does not count it."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime

from skytier.costs.usage import ResourceKind, Usage
from skytier.metrics.catalogue import BY_ID
from skytier.metrics.source import Series, Source
from skytier.openstack.stack import CloudStack
from skytier.openstack.usages.collected import Collected, Window
from skytier.openstack.watching import figures

STEP_S = 3600
NOTE = (
    "Traffic is what left the machines that have a floating IP, by Prometheus: what they sent to "
    "machines of the stack itself is in it, too."
)


def collect(stack: CloudStack, url: str | None, kept: Iterable[Usage], window: Window) -> Collected:
    """What went out of a stack's servers behind the floating IPs among `kept`.

    By the Prometheus at a URL, without one by the stack's own monitor; a note says where neither
    can be asked.
    """
    name, public = stack.stack.name, ResourceKind.FLOATING_IP
    doors = [each for each in kept if each.kind is public and each.stack == name]
    if not doors:
        return Collected()
    told, why = figures.ask(stack, url, lambda source: sent(source, doors, window))
    return told or Collected(notes=[f"The traffic of {name} is not counted: {why}"])


def sent(source: Source, doors: Iterable[Usage], window: Window) -> Collected:
    """The same by a source at hand, by whole hours. Raises SkytierError."""
    series = source.series(
        BY_ID["network_tx_bytes_per_s"],
        window.start.timestamp(),
        window.end.timestamp(),
        STEP_S,
    )
    owners = {each.name: each for each in doors}
    found = [used for each in series for used in usages(each, owners.get(_machine(each)))]
    return Collected(window.clip(found), [NOTE] if found else [])


def usages(sent: Series, public: Usage | None) -> list[Usage]:
    """A machine's traffic as usages of the hour before each point; none without a floating IP."""
    if public is None:
        return []
    name = _machine(sent)
    return [
        replace(
            public,
            kind=ResourceKind.TRAFFIC,
            id=f"traffic of {name}",
            name=name,
            start=datetime.fromtimestamp(int(point.at) - STEP_S, UTC),
            end=datetime.fromtimestamp(int(point.at), UTC),
            bytes_out=round(point.value * STEP_S),
        )
        for point in sent.points
    ]


def _machine(series: Series) -> str:
    return series.labels.get("machine", "")
