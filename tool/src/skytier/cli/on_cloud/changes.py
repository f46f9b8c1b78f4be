"""What a step changes, in words: `rules: + 80 from anywhere, - 9999 from anywhere`."""

from collections.abc import Iterable, Mapping
from typing import Any

from skytier.deploy.kind import Key
from skytier.deploy.plan import Change, Step
from skytier.files import HASH
from skytier.openstack.resources.project import PREFIX
from skytier.topology import ANYWHERE, ANYWHERE_IPV6

_SHORT_HASH = 12
_ANYWHERE = {ANYWHERE: "anywhere", ANYWHERE_IPV6: "anywhere by IPv6"}


def names(steps: Iterable[Step]) -> dict[str, str]:
    """The ids of what is there to its names."""
    return {step.found.id: step.key.name for step in steps if step.found}


def in_words(step: Step, names: Mapping[str, str]) -> list[str]:
    """A line for each change of a step. Ids are told by name, as far as `names` has them."""
    return [f"{change.attribute}: {_change(change, step, names)}" for change in step.changes]


def _change(change: Change, step: Step, names: Mapping[str, str]) -> str:
    # Not the change's own new value: what is still to be made has no id there, and a Key here.
    new = step.wanted.attributes.get(change.attribute) if step.wanted else change.new
    if not isinstance(new, list | tuple | Mapping):
        return f"{_word(change.old, names)} → {_word(new, names)}"
    before, after = _words(change.old, names), _words(new, names)
    added = [f"+ {word}" for word in after if word not in before]
    removed = [f"- {word}" for word in before if word not in after]
    return ", ".join([*added, *removed]) or "others of the same name"


def _words(value: Any, names: Mapping[str, str]) -> list[str]:
    """Each part of a list or a table."""
    if isinstance(value, Mapping):
        return [f"{_word(name, names)}={each}" for name, each in value.items()]
    return [_word(each, names) for each in value or []]


def _word(value: Any, names: Mapping[str, str]) -> str:
    if value is None or value == "":
        return "none"
    if isinstance(value, Key):
        return value.name
    if isinstance(value, Mapping):
        return " ".join(f"{name}={_word(each, names)}" for name, each in value.items())
    if isinstance(value, list | tuple):
        port, remote = value
        return f"{port} from {_ANYWHERE.get(remote) or _word(remote, names)}"
    text = names.get(str(value), str(value))
    if text.startswith(HASH):
        return text.removeprefix(HASH)[:_SHORT_HASH]
    return text.removeprefix(PREFIX)
