"""A rate card from CloudKitty's quotes, which any member of a project may ask for."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from fractions import Fraction
from typing import Any

from skytier.costs.cloudkitty.metrics import KEYS, KINDS, TABLES, CloudKittyRates, factor, number
from skytier.costs.usage import ResourceKind

LARGE = 100
"""How many units the second quote is about, that shows whether a price goes by the size."""


@dataclass(frozen=True)
class Question:
    """One price to ask for: of one unit for one period."""

    metric: str
    name: str = ""
    """The flavor or the volume type that it is about; empty for all."""
    fields: Mapping[str, str] = field(default_factory=dict, hash=False)
    """What CloudKitty's rules may look at."""
    quantity: int = 1

    def body(self, project: str) -> dict[str, Any]:
        """The JSON of `POST /v1/rating/quote`."""
        # Since version 14 rules are shown the inner two; before it the outer ones.
        desc = {
            **self.fields,
            "metadata": dict(self.fields),
            "groupby": {"project_id": project},
        }
        return {"resources": [{"service": self.metric, "desc": desc, "volume": str(self.quantity)}]}


def questions(
    metrics: Iterable[str],
    flavors: Iterable[Mapping[str, str]],
    volume_types: Iterable[str] = (),
) -> list[Question]:
    """What has to be asked for a rate card.

    `metrics` are those that the cloud measures, `flavors` have a `flavor_name` and what else is
    known of them.
    """
    sizes = list(flavors)
    found = []
    for metric in metrics:
        kind = KINDS.get(metric)
        if kind is ResourceKind.SERVER:
            found += [Question(metric, each["flavor_name"], each) for each in sizes]
        elif kind is not None:
            found += [Question(metric, quantity=many) for many in (1, LARGE)]
        if kind is ResourceKind.VOLUME:
            found += [Question(metric, each, {"volume_type": each}) for each in volume_types]
    return found


def card(
    quotes: Mapping[Question, Decimal],
    units: Mapping[str, str],
    currency: str,
    period_s: int,
) -> tuple[CloudKittyRates, list[str]]:
    """The rate card, and sentences about what it cannot tell.

    `units` is metric to unit. What the cloud does not measure is in no quote, and stays unknown.
    """
    found: dict[str, Any] = {}
    notes = []
    for question, told in quotes.items():
        kind, by_key = (
            KINDS[question.metric],
            factor(question.metric, units.get(question.metric, ""), period_s),
        )
        if by_key is None:
            notes.append(f"CloudKitty counts {question.metric} in a unit that is not known here.")
            continue
        if question.quantity != 1:
            if told != LARGE * quotes[Question(question.metric)]:
                notes.append(
                    f"CloudKitty's price of {question.metric} goes by the size; one unit's is "
                    "taken."
                )
            continue
        rate = number(by_key * Fraction(told))
        if question.name:
            found.setdefault(TABLES[kind], {})[question.name] = rate
        else:
            found[KEYS[kind]] = rate
    if quotes and not any(quotes.values()):
        notes.append("All prices are 0: perhaps no rating module of CloudKitty is enabled.")
    return CloudKittyRates(currency=currency, **found), list(dict.fromkeys(notes))
