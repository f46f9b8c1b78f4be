"""Wanted - found = steps. Nothing here asks or does anything."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from graphlib import TopologicalSorter
from typing import Any

from skytier.deploy.kind import Found, Key, Known, Wanted


class Action(StrEnum):
    """What a step does."""

    KEEP = "keep"
    CREATE = "create"
    CHANGE = "change"
    REPLACE = "replace"
    DELETE = "delete"


_UNWANTED = "it is not wanted any more"
_PAST = {Action.CREATE: "made again", Action.CHANGE: "changed", Action.REPLACE: "replaced"}


@dataclass(frozen=True)
class Change:
    """A value that is to become another."""

    attribute: str
    old: Any
    new: Any


@dataclass(frozen=True)
class Step:
    """One thing to do to one resource, and why.

    `needs` are the steps that come before. For a deletion these are deletions.
    """

    action: Action
    key: Key
    reason: str
    needs: tuple[Key, ...] = ()
    wanted: Wanted | None = None
    found: Found | None = None
    changes: tuple[Change, ...] = ()
    loses: str = ""
    """What the step would lose; then it must not be done."""
    restarts: bool = False
    """Whether a change restarts it: what lives in it is checked afterwards."""
    after: tuple[Key, ...] = ()
    """Steps of what stays that come before a deletion."""
    instead: str = ""
    """What to do instead of a deletion that would lose something, as a sentence."""
    by_hand: str = ""
    """What a person has to do, as a sentence of advice; until then nothing of the plan is done."""


@dataclass(frozen=True)
class Loss:
    """What would be lost with a resource that is not wanted any more; then it is not deleted."""

    what: str
    """`the data of the application`"""
    instead: str
    """How to keep it, as a sentence of advice."""


@dataclass(frozen=True)
class Rules:
    """What the plan has to know of a kind."""

    fixed: frozenset[str] = frozenset()
    """Attributes of which a change means another resource."""
    disruptive: Mapping[str, str] = field(default_factory=dict)
    """Attributes whose change takes it away for a while, and what that is like."""
    starting: frozenset[str] = frozenset()
    """Attributes whose change starts it again."""
    checks: bool = False
    """Whether it is done again, to see that all is well, when what it lives in was restarted."""
    in_turn: frozenset[Action] = frozenset()
    """What is done to it only after `Wanted.after`, as is each disruptive change."""
    within: str = ""
    """The kind that it lives in and dies with: a configuration in its server."""
    outlasts: bool = False
    """Whether it can be left without what it lives in; then it has a deletion of its own. Both have
    the same name."""
    follows: Mapping[str, frozenset[Action]] = field(default_factory=dict)
    """Kinds that it needs, and what happens to them that makes it be done again."""
    held_by: frozenset[str] = frozenset()
    """Kinds that have to be gone before it can be deleted."""


_NO_LOSS = Loss("", "")


def plan(
    wanted: Sequence[Wanted],
    found: Iterable[Found],
    rules: Mapping[str, Rules],
    losses: Mapping[Key, Loss] | None = None,
    losses_by_id: Mapping[str, Loss] | None = None,
) -> list[Step]:
    """The steps from what is found to what is wanted, each after those that it needs.

    `rules` has every kind, in the order in which they are made; deleting goes the other way.
    `losses` has what must not be deleted because it is not wanted; of duplicates the other one
    stays. `losses_by_id` has what must not be deleted for whatever reason.
    """
    there, duplicates = one_of_each(found)
    known = Known(there)
    by_key = {each.key: each for each in wanted}
    order = TopologicalSorter({key: [*each.needs, *each.triggers] for key, each in by_key.items()})
    steps: dict[Key, Step] = {}
    for key in order.static_order():
        if key in by_key:
            steps[key] = _step(by_key[key], known, steps, rules[key.kind])
    for key in steps:
        steps[key] = _with_ahead(steps[key], steps, rules[key.kind])
    ordered = list(_in_order(steps.values()))
    done = tuple(step.key for step in ordered if step.action is not Action.KEEP)
    gone = [
        *((each, _UNWANTED, done) for key, each in there.items() if key not in by_key),
        *(
            (each, f"it is a duplicate of {there[each.key].id}", ())
            for each in duplicates
            if not _goes_with_its_host(each, steps, rules[each.key.kind])
        ),
    ]
    return [*ordered, *_deletions(gone, rules, losses or {}, losses_by_id or {})]


def one_of_each(found: Iterable[Found]) -> tuple[dict[Key, Found], list[Found]]:
    """Of several with one key the oldest sound one counts; a killed run can leave two.

    One that a person has to see to is not deleted in favour of another.
    """
    groups: dict[Key, list[Found]] = defaultdict(list)
    for each in found:
        groups[each.key].append(each)
    there, extra = {}, []
    for key, group in groups.items():
        first, *others = sorted(
            group,
            key=lambda each: (
                not each.by_hand,
                bool(each.fault),
                each.created_at,
                each.id,
            ),
        )
        there[key] = first
        extra += others
    return there, extra


def nothing_to_do(steps: Iterable[Step]) -> bool:
    """Whether everything is as it should be."""
    return all(step.action is Action.KEEP for step in steps)


def _in_order(steps: Iterable[Step]) -> Iterator[Step]:
    """The steps, those that wait for others behind these and otherwise as they are."""
    left = {step.key: step for step in steps}
    while left:
        step = next(s for s in left.values() if not any(need in left for need in s.needs))
        yield left.pop(step.key)


def _step(wanted: Wanted, known: Known, before: Mapping[Key, Step], rules: Rules) -> Step:
    found = known.get(wanted.key)
    needs = tuple(wanted.needs)
    undone = f"{found.drift}: {found.undo}" if found and found.drift else ""

    def step(
        action: Action,
        reason: str,
        changes: Sequence[Change] = (),
        loses: str = "",
        *,
        away: bool = False,
        starts: bool = False,
    ) -> Step:
        waits = away or action in rules.in_turn
        first = tuple(dict.fromkeys([*needs, *(wanted.after if waits else ())]))
        values = (action, wanted.key, reason, first, wanted, found, tuple(changes), loses)
        return Step(*values, restarts=away or starts)

    if found and found.fault and found.by_hand:
        return replace(step(Action.CHANGE, found.fault), by_hand=found.by_hand)
    host = next((key for key in needs if rules.within and key.kind == rules.within), None)
    if found is None or (host and before[host].action in (Action.CREATE, Action.REPLACE)):
        return step(Action.CREATE, "there is none yet")
    if found.fault and found.mend and (wanted.protected or rules.within):
        return step(Action.CHANGE, f"{found.fault}: {found.mend}", away=True)
    if found.fault:
        return step(Action.REPLACE, found.fault, loses=wanted.protected)
    changes = [
        Change(name, found.attributes.get(name), value)
        for name, value in known.attributes(wanted).items()
        if not _same(found.attributes.get(name), value)
    ]
    if cause := _cause(wanted.key.name, [*needs, *wanted.triggers], before, rules):
        # It is well only once that is there again.
        needs = (*needs, *wanted.triggers)
    if not changes and cause:
        return step(Action.CHANGE, cause)
    if not changes:
        return step(Action.KEEP, "it is as wanted")
    names = [change.attribute for change in changes]
    if fixed := [name for name in names if name in rules.fixed]:
        reason = f"{_listed(fixed)} cannot be changed in place"
        return step(Action.REPLACE, reason, changes, wanted.protected)
    if disruption := next(
        (rules.disruptive[name] for name in names if name in rules.disruptive), ""
    ):
        return step(Action.CHANGE, undone or disruption, changes, away=True)
    starts = not rules.starting.isdisjoint(names)
    why = undone or cause or f"{_listed(names)} changed"
    return step(Action.CHANGE, why, changes, starts=starts)


def _with_ahead(step: Step, steps: Mapping[Key, Step], rules: Rules) -> Step:
    """The step, with what comes ahead of it and does not wait for it."""
    ahead = step.wanted.ahead if step.wanted and step.action in rules.in_turn else ()
    first = [each for each in ahead if not _waits(each, step.key, steps)]
    return replace(step, needs=tuple(dict.fromkeys([*step.needs, *first])))


def _waits(key: Key, other: Key, steps: Mapping[Key, Step]) -> bool:
    """Whether a step is done only after another one."""
    seen, left = {key}, [key]
    while left:
        more = [each for each in steps[left.pop()].needs if each in steps and each not in seen]
        seen.update(more)
        left += more
    return other in seen


def _cause(name: str, needs: Sequence[Key], before: Mapping[Key, Step], rules: Rules) -> str:
    """Why it has to be done again although it is as wanted itself; empty when it has not."""
    for key in needs:
        if before[key].action in rules.follows.get(key.kind, ()):
            return f"the {key} is to be {_PAST[before[key].action]}"
        if before[key].restarts and rules.checks and key.kind == rules.within and key.name == name:
            return f"it is checked when the {key} is back"
    return ""


def _deletions(
    gone: Iterable[tuple[Found, str, tuple[Key, ...]]],
    rules: Mapping[str, Rules],
    losses: Mapping[Key, Loss],
    losses_by_id: Mapping[str, Loss],
) -> list[Step]:
    """What is made last is deleted first, after what holds on to it."""
    order = list(rules)[::-1]
    leaving = sorted(
        (each for each in gone if _has_deletion(rules[each[0].key.kind])),
        key=lambda each: order.index(each[0].key.kind),
    )
    steps: list[Step] = []
    for found, reason, after in leaving:
        held_by = rules[found.key.kind].held_by
        needs = dict.fromkeys(step.key for step in steps if step.key.kind in held_by)
        unwanted = losses.get(found.key, _NO_LOSS) if reason == _UNWANTED else _NO_LOSS
        loss = losses_by_id.get(found.id, unwanted)
        steps.append(
            Step(
                Action.DELETE,
                found.key,
                reason,
                tuple(needs),
                found=found,
                loses=loss.what,
                after=after,
                instead=loss.instead,
            )
        )
    return steps


def _goes_with_its_host(found: Found, steps: Mapping[Key, Step], rules: Rules) -> bool:
    """Whether what it lives in is made now: that takes what is left of it, or deletes it."""
    host = steps.get(Key(rules.within, found.key.name))
    return rules.outlasts and host is not None and host.action in (Action.CREATE, Action.REPLACE)


def _has_deletion(rules: Rules) -> bool:
    return rules.outlasts or not rules.within


def _same(old: Any, new: Any) -> bool:
    """Whether two values mean the same: the order of a list says nothing."""
    if isinstance(old, list | tuple) and isinstance(new, list | tuple):
        return sorted(map(str, old)) == sorted(map(str, new))
    return bool(old == new)


def _listed(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
