"""What a chart is: a figure with a title and a unit."""

from dataclasses import dataclass
from enum import StrEnum

from skytier import sizes
from skytier.charts.expression import Expression


class Unit(StrEnum):
    """What a figure counts."""

    PERCENT = "%"
    """0 to 100."""
    BYTES = "B"
    BYTES_PER_S = "B/s"
    SECONDS = "s"
    PER_S = "/s"
    COUNT = ""
    MONEY = "a month"
    """In the currency of the rates."""


class Group(StrEnum):
    """What a figure is about."""

    MACHINES = "Machines"
    APPLICATION = "Application"
    BALANCER = "Balancer"
    NGINX = "Nginx"
    POSTGRESQL = "PostgreSQL"
    REDIS = "Redis"
    COST = "Cost"


@dataclass(frozen=True)
class Chart:
    """One figure over time, with a line for each set of the labels `by`."""

    id: str
    """`cpu_percent`: for scripts and file names."""
    title: str
    group: Group
    unit: Unit
    expression: Expression

    @property
    def by(self) -> tuple[str, ...]:
        """The labels that tell its lines apart; none when there is only one line."""
        return self.expression.by

    @property
    def query(self) -> str:
        """PromQL, with Grafana's `$__rate_interval` for the time that rates are taken over."""
        return self.expression.promql()


def human(value: float, unit: Unit) -> str:
    """A figure for a person to read.

    >>> human(1536, Unit.BYTES_PER_S), human(0.0042, Unit.SECONDS), human(12.34, Unit.PERCENT)
    ('1.5 KiB/s', '4.2 ms', '12.3%')
    """
    if unit in (Unit.BYTES, Unit.BYTES_PER_S):
        return sizes.in_words(value) + ("/s" if unit is Unit.BYTES_PER_S else "")
    if unit is Unit.SECONDS:
        if value < 1:
            return f"{value * 1000:.1f} ms"
        return f"{value:.1f} s"
    if unit is Unit.MONEY:
        return f"{value:.2f}"
    text = f"{value:.1f}" if unit is not Unit.COUNT or value % 1 else f"{value:.0f}"
    return text + {Unit.PERCENT: "%", Unit.PER_S: "/s"}.get(unit, "")
