"""What the doctor says of one thing."""

from dataclasses import dataclass
from enum import StrEnum

from skytier.openstack.choices.quota import Row


class State(StrEnum):
    """How it is."""

    OK = "ok"
    WARNING = "warning"
    """It can be used, and something is worth knowing."""
    FAILED = "failed"
    SKIPPED = "skipped"
    """It could not be looked at, because of another failure."""


@dataclass(frozen=True)
class Finding:
    """What a check found: a sentence or less, and what to do when it is not ok."""

    state: State
    said: str
    do: str = ""
    quota: tuple[Row, ...] = ()
    """Only of the check of quotas."""


def ok(said: str) -> Finding:
    """All is well."""
    return Finding(State.OK, said)


def warning(said: str, do: str) -> Finding:
    """It will do."""
    return Finding(State.WARNING, said, do)


def failed(said: str, do: str) -> Finding:
    """It will not do."""
    return Finding(State.FAILED, said, do)
