"""`skytier cost forecast`"""

import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import typer
from rich.text import Text

from skytier.cli import console
from skytier.cli.chosen import Cloud, File, Json
from skytier.cli.cost import asked
from skytier.cli.cost.asked import Everything, MonitorUrl, RatesFile, Zone
from skytier.costs.forecast import ENOUGH_DAYS, LOOK_BACK_DAYS, Forecast, forecast
from skytier.costs.period import Period
from skytier.costs.rates import RatesBy

app = typer.Typer()


@app.command(name="forecast", epilog="Example: skytier cost forecast --cloud mycloud")
def look_ahead(
    cloud: Cloud = None,
    file: File = None,
    everything: Everything = False,
    rates: RatesFile = None,
    zone: Zone = "UTC",
    prometheus: MonitorUrl = None,
    as_json: Json = False,
) -> None:
    """Show the expected cost of this month, with a range, and compare it with the budget."""
    now = datetime.now(UTC).replace(microsecond=0)
    # One day more than the range looks back, since the first one may be one in part.
    back = Period(now - timedelta(days=LOOK_BACK_DAYS + 1), now, asked.time_zone(zone))
    stack = asked.cloud_stack(file, cloud)
    # CloudKitty's data are hours old, and what runs now is in none of them.
    found = asked.bill_of(stack, back, rates, prometheus, everything=everything, measured=True)
    bill = found.report
    ahead = forecast(bill.statement, now)
    budget = None if everything else stack.stack.cost.budget
    if as_json:
        print(json.dumps(_as_data(bill.about, ahead, budget, bill.rates_by), indent=2))  # noqa: T201
        return
    for line in _lines(bill.about, ahead, budget):
        console.out.print(Text(line))
    console.out.print(Text(f"{bill.source.capitalize()}.", "dim"))
    for note in bill.notes:
        console.out.print(Text(note, "dim"))


def _as_data(about: str, ahead: Forecast, budget: Decimal | None, by: RatesBy) -> dict[str, object]:
    ranged = ahead.days >= ENOUGH_DAYS
    return {
        "about": about,
        "month": f"{ahead.month:%Y-%m}",
        "currency": ahead.currency,
        "example_rates": by is RatesBy.EXAMPLES,
        "rates_by": str(by),
        "so_far": str(ahead.so_far),
        "per_hour": str(ahead.per_hour),
        "expected": str(ahead.expected),
        "low": str(ahead.low) if ranged else None,
        "high": str(ahead.high) if ranged else None,
        "days_of_range": ahead.days,
        "budget": None if budget is None else str(budget),
        "passes_budget": None if budget is None else ahead.passes(budget),
    }


def _lines(about: str, ahead: Forecast, budget: Decimal | None) -> list[str]:
    currency = ahead.currency
    lines = [
        f"{about}, {ahead.month:%B %Y}: {ahead.so_far} {currency} so far, "
        f"{ahead.per_hour} {currency} an hour now.",
        f"Expected at the month's end: {ahead.expected} {currency}.",
    ]
    if ahead.days >= ENOUGH_DAYS:
        lines.append(
            f"Between {ahead.low} and {ahead.high} {currency}, judged by the cheap and the "
            f"expensive days of the last {ahead.days}."
        )
    else:
        lines.append("No range yet: it needs two whole days.")
    if budget is not None:
        over = ahead.expected - budget
        verdict = f"exceeded by {over} {currency}" if ahead.passes(budget) else "kept"
        lines.append(f"The budget of {budget} {currency} a month would be {verdict}.")
    return lines
