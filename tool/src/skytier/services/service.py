"""What every service says of itself. A new service is a new folder beside this file."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from skytier.errors import SkytierError
from skytier.render import render
from skytier.secrets.secret import Secret
from skytier.services.setup import ByHand, Check, Setup
from skytier.stackfile import StackFile
from skytier.topology import Endpoint, Machine, Need, Topology

ETC = "/etc/skytier"
UNITS = "/etc/systemd/system"


@dataclass(frozen=True)
class Placement:
    """What a service sees of the world: the machine that it runs on, and the stack around it."""

    topology: Topology
    machine: Machine

    @property
    def stack(self) -> StackFile:
        """The stack file."""
        return self.topology.stack

    def needed(self, need: Need) -> list[Machine]:
        """The machines of a service that is needed. Raises SkytierError where there is none."""
        found = self.topology.running(need.service, need.duty)
        if not found:
            raise SkytierError(
                f"{self.machine.name} needs {need.service}, which runs on no machine of the stack.",
                "Add its role to the stack file.",
            )
        return found


class Service(ABC):
    """A software that runs on machines. It names no machine: it asks the topology."""

    name: str
    units: Sequence[str] = ()
    """The systemd units whose logs matter; a pattern such as `postgresql@*` too."""

    def running(self, stack: StackFile) -> Sequence[str]:
        """Those of them that run as long as the machine does. `up` starts one that does not."""
        return [unit for unit in self.units if "*" not in unit]

    def enabled(self, stack: StackFile) -> bool:
        """Whether the stack has it at all."""
        return True

    def needs(self, stack: StackFile) -> Sequence[Need]:
        """The services of other machines that it cannot work without."""
        return ()

    def secrets(self, topology: Topology) -> Sequence[Secret]:
        """The secrets that belong to it. Others may use them by their names."""
        return ()

    def packages(self, at: Placement) -> Sequence[str]:
        """The packages that it needs, as Debian and Ubuntu name them."""
        return ()

    def endpoints(self, stack: StackFile) -> Sequence[Endpoint]:
        """The ports that it listens on at the machine's private address."""
        return ()

    @abstractmethod
    def setup(self, at: Placement) -> Setup:
        """How it is set up on a machine. Raises SkytierError for a stack that cannot work."""

    def removal(self, at: Placement) -> Setup:
        """What takes it away from a machine that may have had it before."""
        return Setup()


def check(
    package: str,
    name: str,
    values: Mapping[str, object],
    *,
    needs_release: bool = False,
    outside: bool = False,
    with_others: bool = False,
    by_hand: ByHand | None = None,
) -> Check:
    """The check of a service whose script is the template `check-NAME.sh` of its package."""
    script = render(package, f"check-{name}.sh", **values)
    return Check(name, script, needs_release, outside, with_others, by_hand)
