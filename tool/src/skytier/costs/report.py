"""What was used in a period and what it cost, in rows that are the same for every format."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from enum import StrEnum

from skytier.costs.charge import Charge, charges
from skytier.costs.money import rounded
from skytier.costs.period import Period
from skytier.costs.rates import Rates, RatesBy
from skytier.costs.statement import Line, Statement, statement
from skytier.costs.usage import Usage

NONE = "(none)"
"""What is said of a resource without a role, a stack or a label."""


class By(StrEnum):
    """What a report has a row for."""

    RESOURCE = "resource"
    ROLE = "role"
    KIND = "kind"
    STACK = "stack"
    LABEL = "label"
    DAY = "day"
    MONTH = "month"


@dataclass(frozen=True)
class Report:
    """A bill of a period."""

    about: str
    """`stack shop` or `project demo`"""
    period: Period
    statement: Statement
    rates_by: RatesBy
    notes: Sequence[str] = ()
    """What the cloud could not tell."""
    rated: bool = False
    """Whether the amounts are those that CloudKitty has charged, and not what was used by rates."""

    @property
    def source(self) -> str:
        """`by the rates file`: where the amounts come from."""
        return "as CloudKitty has rated it" if self.rated else self.rates_by.words

    def amounts(self, by: By) -> list[tuple[str, Decimal]]:
        """Each row's name and amount; they add up to the statement's net."""
        if by is By.DAY:
            return [(f"{day}", amount) for day, amount in self.statement.by_day().items()]
        if by is By.MONTH:
            months = self.statement.by_month().items()
            return [(f"{month:%Y-%m}", amount) for month, amount in months]
        found = self.statement.by(NAMES[by])
        return sorted(found.items(), key=lambda row: (-row[1], row[0]))

    def rows(self, by: By) -> list[dict[str, str]]:
        """The rows as texts, for scripts: amounts have two places, quantities six."""
        if by is By.RESOURCE:
            return [self._line(line) for line in self.statement.lines()]
        return [
            {str(by): name, "amount": f"{amount}", "currency": self.statement.currency}
            for name, amount in self.amounts(by)
        ]

    def _line(self, line: Line) -> dict[str, str]:
        usage = line.usage
        return {
            "kind": str(usage.kind),
            "name": usage.name,
            "id": usage.id,
            "stack": usage.stack,
            "role": usage.role,
            "labels": labels_text(usage.labels),
            "part": line.what,
            "quantity": f"{rounded(line.quantity, _SIX):f}",
            "unit": line.unit,
            "rate": "" if line.rate is None else f"{line.rate:f}",
            "amount": f"{line.amount}" if line.rate is not None else "",
            "currency": self.statement.currency,
        }


_SIX = Decimal("0.000001")


def labels_text(labels: Mapping[str, str]) -> str:
    """`env=prod, team=shop`; a label has no comma in it."""
    return ", ".join(f"{key}={value}" for key, value in sorted(labels.items()))


NAMES: Mapping[By, Callable[[Charge], str]] = {
    By.RESOURCE: lambda charge: charge.resource,
    By.ROLE: lambda charge: charge.usage.role or NONE,
    By.KIND: lambda charge: str(charge.usage.kind),
    By.STACK: lambda charge: charge.usage.stack or NONE,
    By.LABEL: lambda charge: labels_text(charge.usage.labels) or NONE,
}


def report(
    rates: Rates,
    usages: Sequence[Usage],
    period: Period,
    about: str,
    notes: Sequence[str] = (),
    stack: str | None = None,
) -> Report:
    """The bill of a period for a stack, or for the whole project.

    `usages` are the project's since the start of the period's month: what is free and where a tier
    begins depends on all of it.
    """
    priced = period.charges(charges(rates, usages, period.zone))
    kept = [each for each in priced if stack is None or each.usage.stack == stack]
    summed = statement(rates, kept, period.zone)
    return Report(about, period, summed, rates.by, notes)


def days_and_kinds(bill: Report) -> dict[str, dict[date, Decimal]]:
    """Kind to day to amount, for a chart."""
    found: dict[str, dict[date, Decimal]] = {}
    for (day, kind), amount in bill.statement.by_day_and(NAMES[By.KIND]).items():
        found.setdefault(kind, {})[day] = amount
    return found
