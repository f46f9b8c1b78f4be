"""`skytier cost advise`"""

import json
from datetime import UTC, datetime
from decimal import Decimal
from typing import Annotated

import typer
from rich.text import Text

from skytier.cli import console
from skytier.cli.chosen import Cloud, File, Json
from skytier.cli.cost import asked
from skytier.cli.cost.asked import MonitorUrl, RatesFile, Zone
from skytier.costs.advice.decide import advise
from skytier.costs.advice.facts import ENOUGH_H, Advice, Advised, Facts
from skytier.moment import moment

app = typer.Typer()


@app.command(
    name="advise",
    epilog="Example: skytier cost advise --cloud mycloud --from -7d\n\n"
    "Example: skytier cost advise --prometheus http://127.0.0.1:9090 --json",
)
def give_advice(
    cloud: Cloud = None,
    file: File = None,
    start: Annotated[
        str, typer.Option("--from", metavar="TIME", help="The start of the period of the figures.")
    ] = "-7d",
    prometheus: MonitorUrl = None,
    rates: RatesFile = None,
    zone: Zone = "UTC",
    as_json: Json = False,
) -> None:
    """Show what would save money, with the figures and the command for it. Changes nothing.

    Unused resources are looked for in the whole project. Advice about flavors and about hours of
    the day needs figures of at least a day. Advice never breaks the stack's latency objective.
    """
    now = datetime.now(UTC).replace(microsecond=0)
    where = asked.time_zone(zone)
    begin = moment(start, now, where)
    stack = asked.cloud_stack(file, cloud)
    from skytier.openstack.spending.advice import facts

    known, missing = facts(stack, rates, prometheus, begin, now)
    advised = advise(known, where)
    if as_json:
        print(json.dumps(_as_data(known, advised, missing), indent=2))  # noqa: T201
        return
    _show(known, advised, missing)


def _enough(known: Facts) -> bool:
    return known.measured_h() >= ENOUGH_H


def _as_data(known: Facts, advised: Advised, missing: str) -> dict[str, object]:
    return {
        "currency": known.rates.currency,
        "example_rates": known.rates.is_example,
        "rates_by": str(known.rates.by),
        "period": "a month of 730 hours",
        "measured_hours": round(known.measured_h(), 1),
        "enough_data": _enough(known),
        "no_figures": missing or None,
        "advice": [
            {
                "what": each.what,
                "saving": None if each.saving is None else str(each.saving),
                "evidence": each.evidence,
                "reaches": each.reaches or None,
                "do": each.do,
            }
            for each in advised.advice
        ],
        "refrained": advised.refrained,
    }


def _show(known: Facts, advised: Advised, missing: str) -> None:
    currency = known.rates.currency
    for each in advised.advice:
        console.out.print(Text.assemble((f"{_saving(each, currency)}  ", "bold"), each.what))
        console.out.print(Text(f"    because  {each.evidence}"))
        if each.reaches:
            console.out.print(Text(f"    then     {each.reaches}"))
        console.out.print(Text(f"    do       {each.do}"))
    if not advised.advice:
        console.out.print("Nothing was found that would save money.")
    for sentence in advised.refrained:
        console.out.print(Text(f"Not advised: {sentence}", "yellow"))
    if missing:
        console.out.print(Text(f"No figures, so machines were not looked at: {missing}", "yellow"))
    elif not _enough(known):
        console.out.print(
            Text(
                f"Not enough data to judge machines: {known.measured_h():.1f} hours of figures, "
                f"and it takes {ENOUGH_H:.0f}.",
                "yellow",
            )
        )
    console.out.print(Text(f"{known.rates.by.words.capitalize()}, without tax.", "dim"))


def _saving(each: Advice, currency: str) -> str:
    if each.saving is None:
        return f"? {currency} a month (no known price)"
    return "free" if each.saving == Decimal(0) else f"{each.saving} {currency} a month"
