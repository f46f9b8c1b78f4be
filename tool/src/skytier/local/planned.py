"""What the stack on this machine is asked to do, before it is done."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Plan:
    """What `up` is to do. Nobody is asked, so its steps are decided only under the lock."""

    warnings: Sequence[str]
    """What of the application should not go into production."""
    anew: bool
    """Whether the source is released, also where a rollback led to another release."""


@dataclass(frozen=True)
class Removal:
    """What `down` would take away."""

    data: Path | None
    """The directory that is deleted, with all data; None when nothing is lost."""
    purge: bool
