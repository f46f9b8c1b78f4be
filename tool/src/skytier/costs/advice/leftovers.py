"""What is paid for and perhaps needed no more, anywhere in the project."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

from skytier.costs.advice.facts import Advice, Advised, Facts, Leftover, Spare
from skytier.costs.price import price

OLD = timedelta(days=30)
FREE = Decimal("0.00")
EMPTY = frozenset({"floating ip", "port"})
"""What holds no data."""
YOUNG = timedelta(hours=1)
"""What is being made has nothing to lead to yet."""


def unused(facts: Facts) -> Advised:
    """What leads to nothing for an hour, and snapshots of more than 30 days. It only reports."""
    now = facts.now or datetime.now(UTC)
    found = Advised()
    for each in facts.leftovers:
        age = now - each.created_at
        if age >= (OLD if each.spare is Spare.OLD else YOUNG):
            found.advice.append(_advice(facts, each, age))
    return found


def _what_to_do(each: Leftover) -> str:
    if each.kind in EMPTY and each.stack:
        # It may wait for a server, and its address cannot be had again.
        return f"leave it to the stack {each.stack}: its skytier up uses or deletes it"
    if each.kind in EMPTY:
        return f"if nobody needs it: openstack {each.kind} delete {each.id}"
    return (
        f"see what is on it, and whether somebody needs that: openstack {each.kind} show {each.id}"
    )


def _advice(facts: Facts, each: Leftover, age: timedelta) -> Advice:
    made = f"made {age.days} days ago" if age.days else f"made {age.seconds // 3600} h ago"
    saving = price(facts.rates, each.resource).per_month if each.resource else FREE
    return Advice(
        f"the {each.kind} {each.name or each.id} {each.spare}",
        saving,
        f"{made}{f', of the stack {each.stack}' if each.stack else ', of no stack'}",
        do=_what_to_do(each),
    )
