"""Bills for scripts. Money is a string, so that it stays exact."""

from decimal import Decimal
from typing import Any

from skytier.costs.bill import Bill, difference
from skytier.costs.price import Price
from skytier.costs.rates import HOURS_A_MONTH
from skytier.costs.usage import Resource


def of_bill(bill: Bill) -> dict[str, Any]:
    """A bill with all its parts."""
    total, told = bill.total, bill.per_month is not None
    return {
        "currency": total.currency,
        "example_rates": bill.rates.is_example,
        "rates_by": str(bill.rates.by),
        "hours_a_month": HOURS_A_MONTH,
        "resources": [
            _data(each, price) for each, price in zip(bill.resources, bill.prices, strict=True)
        ],
        "reduction": str(total.reduction),
        "tax": str(total.tax),
        "per_hour": str(total.per_hour) if told else None,
        "per_month": text(bill.per_month),
        "unknown_prices": total.unknown,
        "notes": list(bill.notes),
    }


def _data(resource: Resource, price: Price) -> dict[str, Any]:
    lines = [
        {name: getattr(line, name) for name in ("what", "unit", "period")}
        | {
            name: f"{getattr(line, name):f}"
            for name in ("quantity", "rate", "per_hour", "per_month")
        }
        for line in price.lines
    ]
    return {
        "kind": str(resource.kind),
        "name": resource.name,
        "flavor": resource.flavor or None,
        "hours_a_week": f"{float(resource.share * 168):g}",
        "per_hour": text(price.per_hour),
        "per_month": text(price.per_month),
        "unknown": price.unknown or None,
        "lines": lines,
    }


def of_changes(before: Bill, after: Bill) -> dict[str, Any]:
    """From one bill to another in the same currency."""
    found = difference(before, after)
    return {"difference": str(found.amount), "changes": list(found.words)}


def text(amount: Decimal | None) -> str | None:
    """An amount; None stays null."""
    return None if amount is None else str(amount)
