"""Periods as bills have them: `2026-11` is a whole month. And what of charges is in one."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, tzinfo
from fractions import Fraction

from skytier import moment
from skytier.costs import clock
from skytier.costs.charge import Charge


@dataclass(frozen=True)
class Period:
    """From a moment on until another, to the second, with the zone whose days and months count."""

    start: datetime
    end: datetime
    """The first moment that is not in it."""
    zone: tzinfo = UTC

    @property
    def month_start(self) -> datetime:
        """When the month of its start began: allowances and tiers count from there on."""
        first = self.start.astimezone(self.zone).date().replace(day=1)
        return datetime.fromtimestamp(clock.midnight(first, self.zone), UTC)

    @property
    def days(self) -> tuple[date, date]:
        """The first and the last day that have a second in it."""
        last = self.end - timedelta(seconds=1)
        return self.start.astimezone(self.zone).date(), last.astimezone(self.zone).date()

    def charges(self, charges: Iterable[Charge]) -> list[Charge]:
        """What of the charges is in the period: they are spread evenly over their time."""
        start, end = clock.second_of(self.start), clock.second_of(self.end)
        return [part for each in charges if (part := _part(each, start, end))]


def period(start: str, end: str, zone: tzinfo = UTC, now: datetime | None = None) -> Period:
    """The period from one time to another as `moment` reads them, in a zone, cut off at now.

    Raises SkytierError.

    >>> now = datetime(2027, 1, 1, tzinfo=UTC)
    >>> november = period("2026-11", "2026-11", now=now)
    >>> f"{november.start:%m-%d} {november.end:%m-%d}"
    '11-01 12-01'
    """
    first, last = moment.period(start, end, zone, now)
    return Period(first.replace(microsecond=0), last.replace(microsecond=0), zone)


def _part(charge: Charge, start: int, end: int) -> Charge | None:
    begin, stop = max(charge.begin, start), min(charge.end, end)
    if begin >= stop:
        return None
    share = Fraction(stop - begin) / (charge.end - charge.begin)
    return charge._replace(
        begin=begin,
        end=stop,
        quantity=charge.quantity * share,
        amount=charge.amount * share,
    )
