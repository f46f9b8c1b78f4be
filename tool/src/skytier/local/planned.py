"""What the stack on this machine is asked to do, before it is done."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Plan:
    """What `up` is to do. Nobody is asked, so its steps are decided only under the lock."""

    warnings: Sequence[str]
    """What of the application should not go into production."""
    replaces: str | None
    """Which other application the home has now, as people read it: this one takes its place and
    its database. None where there is none."""
    anew: bool
    """Whether the source is released, also where a rollback led to another release."""


@dataclass(frozen=True)
class Removal:
    """What `down` would take away."""

    data: Path | None
    """The directory that is deleted, with all data; None when nothing is lost."""
    purge: bool
