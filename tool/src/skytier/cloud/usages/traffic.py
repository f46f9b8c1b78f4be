"""What went out to the internet, from a Prometheus: OpenStack itself does not count it."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime

from skytier.cloud.usages.collected import Collected, Window
from skytier.costs.usage import Kind, Usage
from skytier.metrics.catalogue import BY_ID
from skytier.metrics.source import Series, Source

STEP_S = 3600
UNCOUNTED = "Traffic is not counted: only a monitor does that (--prometheus URL)."
NOTE = (
    "Traffic is what left the machines that have a floating IP, by Prometheus: what they sent to "
    "machines of the stack itself is in it, too."
)


def collect(source: Source | None, kept: Iterable[Usage], window: Window) -> Collected:
    """What went out of the servers behind the floating IPs among `kept`, by whole hours.

    Raises SkytierError when the source cannot be asked.
    """
    if source is None:
        return Collected(notes=[UNCOUNTED])
    series = source.series(
        BY_ID["network_tx_bytes_per_s"],
        window.start.timestamp(),
        window.end.timestamp(),
        STEP_S,
    )
    owners = {each.name: each for each in kept if each.kind is Kind.FLOATING_IP and each.stack}
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
            kind=Kind.TRAFFIC,
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
