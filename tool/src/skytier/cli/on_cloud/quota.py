"""The quotas that a plan needs, as people read them."""

from collections.abc import Sequence

from rich import box
from rich.table import Table

from skytier.openstack.choices.quota import Row, Verdict, words

_COLOURS = {Verdict.SHORT: "red", Verdict.LOW: "yellow", Verdict.UNKNOWN: "yellow"}
_HEADINGS = ("Quota", "Limit", "Used", "Remaining", "Needed", "Short by")


def table(rows: Sequence[Row]) -> Table:
    """A line for each row; `low` stands where nothing is short and little remains."""
    made = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for heading in _HEADINGS:
        made.add_column(heading, justify="left" if heading == "Quota" else "right", no_wrap=True)
    for row in rows:
        amounts = [row.limit, row.used, row.remaining]
        endless = "?" if row.verdict is Verdict.UNKNOWN else "endless"
        shown = [endless if amount is None else str(amount) for amount in amounts]
        short = str(row.short_by) if row.short_by else row.verdict.value.replace("fits", "")
        style = _COLOURS.get(row.verdict, "")
        made.add_row(words(row.name), *shown, str(row.needed), short, style=style)
    return made


def worth_showing(rows: Sequence[Row]) -> list[Row]:
    """The rows that are short or low."""
    return [row for row in rows if row.verdict in (Verdict.SHORT, Verdict.LOW)]
