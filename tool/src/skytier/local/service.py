"""The services of the stack on this machine as resources: what they need, and how one is found."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import ClassVar

from skytier.deploy.kind import Found, Key, Known, Tell, Wanted
from skytier.deploy.task import Task
from skytier.local.daemon import Daemon, RunningConfig, State
from skytier.local.home import Home
from skytier.local.options import Options

NOT_RUNNING = "it does not run"
"""The fault of what is there and only has to be started."""
STACK_NAME, MACHINE_NAME, ROLE_NAME = "local", "localhost", "all"
"""How this stack and its machine are called in keys and metrics. All roles are on it."""


def key(kind: str) -> Key:
    """The one resource of a kind."""
    return Key(kind, MACHINE_NAME)


def found(kind: str, state: State) -> Found | None:
    """A service as a resource; None when there is nothing of it. `id` is its process, if any."""
    if state.pid:
        fault = "" if state.config else "its start was interrupted"
        return Found(key(kind), str(state.pid), state.config, fault=fault)
    if state.leftovers:
        number = len(state.leftovers)
        what = "a process" if number == 1 else f"{number} processes"
        fault = f"its main process is gone, and left {what} behind"
        return Found(key(kind), "", {}, fault=fault)
    return None


def changed(wanted: Mapping[str, object], found: Mapping[str, object]) -> frozenset[str]:
    """The names of the values that differ."""
    return frozenset(name for name, value in wanted.items() if found.get(name) != value)


class LocalKind(ABC):
    """A kind whose one resource is on this machine."""

    name: ClassVar[str]
    fixed: ClassVar[frozenset[str]] = frozenset()

    def __init__(self, home: Home) -> None:
        self._home = home

    @property
    def is_part(self) -> bool:
        """Whether the stack has it, running or not."""
        return True

    @abstractmethod
    def state(self) -> State:
        """It as it is now."""

    def find(self) -> list[Found]:
        """It, when there is something of it."""
        there = found(self.name, self.state())
        return [there] if there else []


class LocalService(LocalKind):
    """A kind whose one resource is a background process."""

    @property
    def daemon(self) -> Daemon:
        """Its process, and what is known of it."""
        return Daemon(self._home, self.name)

    @abstractmethod
    def config(self, options: Options) -> RunningConfig:
        """What it should run with. Raises SkytierError when that cannot be."""

    def state(self) -> State:
        """The process as it is now."""
        return self.daemon.state()

    @abstractmethod
    def create(self, wanted: Wanted, known: Known) -> Found:
        """Stop what there is of it, and start it. `wanted.creation` has the Options."""

    def reconcile(self, wanted: Wanted, found: Found, known: Known, tell: Tell) -> Found:
        """Restart it if it runs with something else, and wait until it answers."""
        if found.fault or changed(wanted.attributes, found.attributes):
            found = self.create(wanted, known)
        self.wait(wanted, found, tell)
        return found

    @abstractmethod
    def wait(self, wanted: Wanted, found: Found, tell: Tell) -> None:
        """Wait until it answers, and write down what it runs with."""

    def delete(self, found: Found, tell: Tell) -> None:
        """Stop it."""
        self.stop()

    @abstractmethod
    def stop(self) -> None:
        """Stop it, and what is left of it."""


class Deletion(Task):
    """The same for a step that deletes."""

    def delete(self, found: Found, tell: Tell) -> None:
        """Run it."""
        tell(self.run(tell))
