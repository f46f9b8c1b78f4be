"""What every kind of resource can do, and the words that the rest of the tool uses for it."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from skytier.errors import SkytierError

Tell = Callable[[str], None]
"""Is told what a long step is at: a few words."""


@dataclass(frozen=True)
class Key:
    """A resource of a stack: its kind and its name. In a wanted attribute it stands for its id."""

    kind: str
    name: str

    def __str__(self) -> str:
        return f"{self.kind} {self.name}"


@dataclass(frozen=True)
class Wanted:
    """A resource as it should be."""

    key: Key
    attributes: Mapping[str, Any]
    """What is compared with the found one: values, and Keys that stand for ids."""
    creation: Mapping[str, Any] = field(default_factory=dict)
    """What matters only when it is created."""
    needs: Sequence[Key] = ()
    """What has to be there before."""
    triggers: Sequence[Key] = ()
    """What need not be there before, but makes it be done again when that is made anew."""
    after: Sequence[Key] = ()
    """What has to be well again before this one is replaced, or taken away for a while."""
    ahead: Sequence[Key] = ()
    """What comes before the same, unless it has to wait for this one itself."""
    protected: str = ""
    """What would be lost if it were replaced; then it is not."""
    outlived: str = ""
    """How what is protected could outlive it, as a sentence of advice."""


@dataclass(frozen=True)
class Found:
    """A resource of the stack as the cloud has it."""

    key: Key
    id: str
    attributes: Mapping[str, Any]
    facts: Mapping[str, Any] = field(default_factory=dict)
    """What is good to know and never wanted: addresses, times."""
    fault: str = ""
    """Why it cannot stay as it is."""
    mend: str = ""
    """How `reconcile` mends the fault and loses nothing; empty when only a new one helps."""
    by_hand: str = ""
    """What a person has to do about the fault, as a sentence of advice: nothing else is done."""
    drift: str = ""
    """What somebody did to it, where that is no fault: `it is off`. An attribute shows it, too."""
    undo: str = ""
    """How `reconcile` undoes that: `it is started`."""
    created_at: str = ""
    answer: Any = field(default=None, compare=False, repr=False)
    """What was answered to its creation: `reconcile`, which follows, need not ask for it."""


class Known(dict[Key, Found]):
    """Every resource that is there so far; it fills while steps are carried out."""

    def resolve(self, value: Any) -> Any:
        """A wanted value with ids in place of Keys; None for what is not there yet."""
        if isinstance(value, Key):
            return self[value].id if value in self else None
        if isinstance(value, Mapping):
            return {name: self.resolve(each) for name, each in value.items()}
        if isinstance(value, list | tuple):
            return [self.resolve(each) for each in value]
        return value

    def attributes(self, wanted: Wanted) -> dict[str, Any]:
        """The wanted attributes with ids in place of Keys."""
        return {name: self.resolve(value) for name, value in wanted.attributes.items()}

    def creation(self, wanted: Wanted) -> dict[str, Any]:
        """The same for what matters at creation."""
        return {name: self.resolve(value) for name, value in wanted.creation.items()}


class UnseenError(SkytierError):
    """The cloud does not let this project list a kind, so nobody knows what there is of it."""


class Kind(Protocol):
    """One kind of resource, in one project of one cloud."""

    @property
    def name(self) -> str:
        """What it is called: `security group`."""

    @property
    def fixed(self) -> frozenset[str]:
        """Attributes that no call changes: a difference means another resource."""

    def find(self) -> Iterable[Found]:
        """All of this kind with the stack's mark. Few calls, however many there are."""

    def create(self, wanted: Wanted, known: Known) -> Found:
        """The one call that makes it, with the mark in its body. Waits for nothing."""

    def reconcile(self, wanted: Wanted, found: Found, known: Known, tell: Tell) -> Found:
        """Bring what is there to what is wanted, and wait until it can be used.

        It follows every creation, continues one that was interrupted, and is all of a change.
        """

    def delete(self, found: Found, tell: Tell) -> None:
        """Delete it, and wait until it is gone. What is gone already is no error."""
