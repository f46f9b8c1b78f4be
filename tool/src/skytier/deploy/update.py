"""In which order the machines of a stack are updated. Pure, and nothing else decides order.

A step takes a machine out when its server is replaced, resized or rebooted, when it is configured
again, and when another release is switched on. These rules hold for such steps:

- One machine of a role is out at a time. It has its turn with all its steps, and the next turn
  begins once its gate has passed: the last of its steps asks the machine for its health.
- Machines that hold data come first. All others wait until those are well.
- A new machine beside others that hold the same data is set up once they are: it gets it from them.
- Of one role, machines that do not serve come before those that do: no machine is taken out while
  another one is broken. New machines count as such, so others change once the new ones serve.
- The machine that leads to all others is mended before all else when it does not serve.
- What is new waits for nobody: at first all machines are made and configured side by side. Only
  releases are switched on one after another, since the first one changes the database's schema and
  a broken one must not reach the rest.
- A release is on all machines that serve before the first one is switched to it. One whose server
  is replaced or resized in its turn gets it then.
- A balancer comes after the web servers behind it, and is told of new ones once these serve.
- The floating IP moves to another machine once all machines are well.
- What is not wanted any more goes last: machines are deleted once all others are well.

Whether a machine serves is what the cloud says of it. Nobody asks a machine whose plan is to keep
it for its health.

A machine is drained by its own Nginx and application, which finish their requests before they stop.
Where a balancer stands in front, a web server is drained before its server is resized, replaced or
deleted, and its turn ends once the balancer sends requests to it again.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from skytier.deploy.kind import Key
from skytier.deploy.plan import Action, Rules

SERVER, CONFIGURATION, DELIVERY, RELEASE = "server", "configuration", "delivery", "release"
IN_SERVERS = frozenset({CONFIGURATION, DELIVERY, RELEASE})
"""The kinds that live in servers; all others are the backend's own."""
IN_TURN = {SERVER: frozenset({Action.REPLACE})}
"""What is done to servers in turn, besides the changes that are disruptive."""

RULES: Mapping[str, Rules] = {
    CONFIGURATION: Rules(
        within=SERVER,
        # A database that is made anew has another password.
        follows={CONFIGURATION: frozenset({Action.CREATE})},
        checks=True,
        in_turn=frozenset({Action.CHANGE}),
    ),
    # It puts files where nothing uses them yet.
    DELIVERY: Rules(within=SERVER),
    RELEASE: Rules(
        within=SERVER,
        follows={CONFIGURATION: frozenset({Action.CREATE, Action.CHANGE})},
        in_turn=frozenset({Action.CREATE, Action.CHANGE}),
    ),
}
"""What the plan has to know of the kinds that live in servers."""


@dataclass(frozen=True)
class Update:
    """How a machine is updated."""

    name: str
    role: str
    kinds: tuple[str, ...] = (SERVER, CONFIGURATION, RELEASE)
    """What its turn is made of, in this order. The last one is the gate: its `reconcile` asks for
    the machine's health."""
    holds_data: bool = False
    """Whether machines without data wait for it."""
    fronts: str = ""
    """The role whose machines it waits for, since its visitors come through this one."""
    serves: bool = True
    """Whether it does its work now, so that its turn takes it out."""
    new: bool = False
    """Whether it was never set up."""

    @property
    def keys(self) -> list[Key]:
        """All that has to be well before the next machine's turn."""
        return [Key(kind, self.name) for kind in self.kinds]


@dataclass(frozen=True)
class Order:
    """The turns of a stack's machines, which are given in the order of their roles and numbers."""

    machines: Sequence[Update]
    bastion: str
    """The machine that leads to all others. It can be one that is to be deleted."""

    def after(self, key: Key) -> list[Key]:
        """What has to be well before a step with a machine's server, or in it, takes it out."""
        own = self._of(key.name)
        # Others may wait for a new server, since they read their secrets there. Nobody uses it yet.
        waits = not (own.holds_data and own.new and key.kind == SERVER)
        before = self._before(key.name) if waits else []
        earlier = [each for update in before for each in update.keys]
        if self._leads_in:
            return earlier
        first = Key(SERVER, self.bastion)
        return [] if key == first else [first, *earlier]

    def ahead(self) -> list[Key]:
        """What is delivered before the first machine is switched to a release: visitors ask any
        machine that serves for the files that its pages name."""
        return [
            Key(DELIVERY, each.name)
            for each in self.machines
            if each.serves and RELEASE in each.kinds
        ]

    def triggers(self, key: Key) -> list[Key]:
        """What makes a configuration be done again when it is made anew: those of the data."""
        if self._of(key.name).holds_data:
            return []
        return [Key(CONFIGURATION, each.name) for each in self.machines if each.holds_data]

    def joins(self, key: Key) -> list[Key]:
        """What has to be there before a new machine is set up that gets its data from others."""
        own = self._of(key.name)
        if not (own.holds_data and own.new):
            return []
        return [
            Key(CONFIGURATION, each.name)
            for each in self.machines
            if each.role == own.role and not each.new
        ]

    def way_in(self, key: Key) -> list[Key]:
        """The server that has to be there before a step enters its machine.

        A bastion that serves is there already. Then it waits for the machines before it, and these
        do not wait for it.
        """
        if not self._has(self.bastion):
            return []
        if self._leads_in and any(each.name == key.name for each in self._before(self.bastion)):
            return []
        return [Key(SERVER, self.bastion)]

    def all_well(self) -> list[Key]:
        """All that has to be well before visitors are led to another machine."""
        return [key for update in self.machines for key in update.keys]

    def well(self, role: str) -> list[Key]:
        """All that has to be well of the machines of a role."""
        return [key for update in self.machines if update.role == role for key in update.keys]

    @property
    def _leads_in(self) -> bool:
        return not self._has(self.bastion) or self._of(self.bastion).serves

    def _before(self, name: str) -> list[Update]:
        """The machines whose turn ends before this one's begins."""
        own = self._of(name)
        of_role = [each for each in self.machines if each.role == own.role]
        turns = sorted(of_role, key=lambda each: (own.holds_data and each.new, each.serves))
        with_data = [] if own.holds_data else [each for each in self.machines if each.holds_data]
        behind = [each for each in self.machines if own.fronts and each.role == own.fronts]
        return [*with_data, *behind, *turns[: turns.index(own)]]

    def _has(self, name: str) -> bool:
        return any(each.name == name for each in self.machines)

    def _of(self, name: str) -> Update:
        return next(each for each in self.machines if each.name == name)
