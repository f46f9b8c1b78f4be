"""A stack whose machines are containers: planned, set up and updated as in a cloud.

What is made, in which order, and what is done on the machines is the tool's own. Only where the
machines come from, and how they are entered, is another.
"""

import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest.mock import patch

from skytier import roles
from skytier.deploy.apply import apply
from skytier.deploy.checks import failing
from skytier.deploy.files import read_secrets
from skytier.deploy.kind import Found, Kind, Known, Tell, Wanted
from skytier.deploy.plan import Action, Step, plan
from skytier.openstack.choices.choices import Choices, ExternalNetwork
from skytier.openstack.choices.flavor import Flavor
from skytier.openstack.choices.images import Image
from skytier.openstack.commands.rollback import switch_back
from skytier.openstack.commands.rotation import Moves, carry_out
from skytier.openstack.entry_point import FRONT
from skytier.openstack.machines import variables as variables_of
from skytier.openstack.machines.leaving import leaving
from skytier.openstack.machines.moved_address import MovedAddresses
from skytier.openstack.machines.operator import OperatorFiles
from skytier.openstack.machines.variables import KeptVariables
from skytier.openstack.plan.configurations import Configurations
from skytier.openstack.plan.desired import wanted
from skytier.openstack.plan.kept_secrets import KeptSecrets
from skytier.openstack.plan.kinds import RULES
from skytier.openstack.plan.losses import losses
from skytier.openstack.plan.releases import Deliveries, Releases, pinned_by
from skytier.openstack.plan.resolved import ResolvedStack
from skytier.openstack.resources.load_balancer import LoadBalancer
from skytier.poll import until
from skytier.release import Release, of
from skytier.release.history import Rollback
from skytier.release.platform import Platform
from skytier.secrets.variables import Change
from skytier.stackfile import parse
from skytier.topology import Topology
from tests import releases
from tests.cluster.amphora import Amphorae
from tests.cluster.container import BASES, DEBIAN_12, Base, Container, Network
from tests.cluster.disks import Attachments, Volumes
from tests.cluster.kinds import FloatingIPs, Recorded, Servers

FIRST_ADDRESS = {
    "load-balancer": 4,
    "balancer": 5,
    "web": 10,
    "database": 20,
    "monitor": 30,
    "cache": 40,
}
"""Of each role's machines, the place of the first one in the private network; and of a load
balancer."""
_FLAVOR = Flavor("flavor", "container", vcpus=1, ram_mib=768, disk_gib=10)
_PROJECT: Any = SimpleNamespace(tags=[], metadata={})
"""What marks the resources of a stack in a cloud; here there is one stack."""


@dataclass(frozen=True)
class Access:
    """The way into the machines, and to Octavia."""

    containers: Mapping[str, Container]
    connection: Any = None

    def open(self, name: str, known: Known, tell: Tell) -> Container:
        return self.reach(name, tell)

    def enter(self, name: str, known: Known) -> Container:
        return self.containers[name]

    def led(self, address: Found, known: Known, *, moved: bool) -> None:
        """Machines are not entered by addresses here."""

    def reach(self, name: str, tell: Tell) -> Container:
        self.containers[name].wait()
        return self.containers[name]


@dataclass
class Events:
    """What happened, in its order: `started` and `done` with the step."""

    seen: list[tuple[str, Step]] = field(default_factory=list)

    def started(self, step: Step) -> None:
        self.seen.append(("started", step))

    def told(self, step: Step, text: str) -> None:
        """It is of no interest here."""

    def done(self, step: Step, seconds: float) -> None:
        self.seen.append(("done", step))

    def failed(self, step: Step, error: BaseException, seconds: float) -> None:
        self.seen.append(("failed", step))

    def skipped(self, step: Step) -> None:
        self.seen.append(("skipped", step))


class Cluster:
    """The stack of a stack file. `up` brings it to another one, as `skytier up` does."""

    def __init__(
        self,
        text: str,
        secrets: Mapping[str, str] | None = None,
        *,
        floats: bool = False,
        base: Base = DEBIAN_12,
    ) -> None:
        """`secrets` are those that are there before the first `up`, `base` is what machines are
        made from where the stack file names no image of BASES.

        The public address is that of the first web server, unless it `floats`: then it is another
        one, which leads to the entry point. Two balancers share that one.
        """
        self._floats = floats
        self._home = Path(tempfile.mkdtemp(prefix="skytier-cluster-"))
        self._given = secrets or {}
        self.base = base
        self.servers = Servers(self._create)
        self.volumes = Volumes(self._home)
        self.operator = OperatorFiles(self._home / "operator")
        self._addresses: dict[str, str] = {}
        self.amphorae = Amphorae(
            LoadBalancer.name, self._facts, network=lambda: self.network, home=self._home
        )
        self._kinds: dict[str, Recorded] = {
            name: Recorded(name, self._facts)
            for name in RULES
            if name not in ("server", Configurations.name, Deliveries.name, Releases.name)
        } | {
            "server": self.servers,
            "floating IP": FloatingIPs(
                "floating IP",
                self._facts,
                entry=lambda: self.resolved.entry_point(),
                lead=self._lead,
            ),
            LoadBalancer.name: self.amphorae,
            "volume": self.volumes,
            "volume attachment": Attachments(
                "volume attachment",
                volumes=self.volumes,
                containers=lambda: self.containers,
            ),
        }
        self.write(text)
        self.network = Network(self._home.name, self.resolved.stack.cidr)
        self.network.create()

    def write(self, text: str) -> None:
        """Another stack file, for the next plan."""
        stack = parse(f'name = "shop"\n{text}')
        bases = {role: self._base(stack.image_of(role)) for role in stack.machines()}
        self.resolved = ResolvedStack(
            stack,
            Choices(
                {role: Image("image", base.name, "") for role, base in bases.items()},
                dict.fromkeys(stack.machines(), _FLAVOR),
                ExternalNetwork("external", "public"),
                {role: base.system for role, base in bases.items()},
                provider="amphora",
            ),
            roles.ROLES,
            of(stack, variables_of.summary(self.servers.find(), stack, self.operator)),
        )
        prefix = stack.cidr.partition("/")[0].rpartition(".")[0]
        self.public_address = f"{prefix}.250"
        """Of the entry point, in the private network, where it floats."""
        self.amphorae.address = f"{prefix}.{FIRST_ADDRESS['load-balancer']}"
        self._addresses[self.amphorae.place.name] = self.amphorae.address
        # Machines that the stack is not to have any more are there until it is up.
        self._addresses |= {
            self.resolved.key("server", role, number).name: (
                f"{prefix}.{FIRST_ADDRESS[role] + number - 1}"
            )
            for role, number in self.resolved.machines()
        }

    @property
    def containers(self) -> Mapping[str, Container]:
        """The machines by their names: `shop-web-1`."""
        return self.servers.containers

    @property
    def octavia(self) -> Any:
        """A connection to a cloud, of which there is Octavia alone."""
        return SimpleNamespace(load_balancer=self.amphorae, current_project_id="project")

    @property
    def secrets(self) -> Mapping[str, str]:
        """Those of the stack, as one of its machines keeps them."""
        return read_secrets(self.containers[self.resolved.secret_store().name])

    def topology(self) -> Topology:
        """The stack as its services see it."""
        return self.resolved.topology(self.known())

    def plan(self) -> list[Step]:
        """Wanted minus found."""
        known = self.known()
        return plan(
            wanted(self.resolved.with_given(self.operator, known), _PROJECT, "", known),
            known.values(),
            RULES,
            losses(self.resolved, known),
        )

    def up(self, events: Events | None = None) -> Known:
        """Carry out the plan. Raises what kept a step from being done."""
        moves = self.resolved.moves_from(self.known())
        done = self._carry_out(events)
        return self._carry_out(events) if moves else done

    def _carry_out(self, events: Events | None) -> Known:
        access: Any = self._access()
        servers: Any = self.servers
        volumes: Any = self.volumes
        known, steps = self.known(), self.plan()
        moves = self.resolved.moves_from(known)
        secrets = KeptSecrets(self.resolved, self.operator, access, known)
        secrets.save(steps)
        kept = self.variables()
        kept.save(steps, known)
        inside: list[Kind] = [
            Configurations(servers, self.resolved, access, secrets, volumes),
            Deliveries(servers, self.resolved, access),
            Releases(servers, self.resolved, access, kept),
            MovedAddresses(self._kinds["floating IP"], access),
        ]
        stack = self.resolved.stack
        inside.append(leaving(self.servers, stack, access, known, moves=bool(moves)))
        kinds = {**self._kinds, **{kind.name: kind for kind in inside}}
        self.release()  # other clusters come up now, and need the same one
        with _cache():
            done = apply(steps, kinds, events or Events(), known)
        secrets.settled()
        return done

    def change_variables(self, change: Change) -> None:
        """Change the secrets of the operator's own application; `write` plans with them."""
        known, kept = self.known(), self.variables()
        kept.keep(change(kept.read(known)), known)

    def variables(self) -> KeptVariables:
        """The secrets of the operator's own application, as one run of the tool has them."""
        access: Any = self._access()
        servers: Any = self.servers
        return KeptVariables(self.resolved.stack, self.operator, access, servers)

    def rollback(self, name: str | None = None) -> Rollback:
        """Switch its web servers back, as `skytier rollback` does. Plans keep it until `write`."""
        access: Any = self._access()
        servers: Any = self.servers
        done = switch_back(self.known(), access, servers, Events(), name)
        self.resolved = replace(self.resolved, pinned=pinned_by(self.servers.find()))
        return done

    def rotate(self, *, now: bool = False) -> bool:
        """Change the database's password, as `skytier secret rotate DATABASE_URL` does."""
        access: Any = self._access()
        servers: Any = self.servers
        volumes: Any = self.volumes
        known = self.known()
        secrets = KeptSecrets(self.resolved, self.operator, access, known)
        moves = Moves(servers, self.resolved, access, secrets, volumes)
        return carry_out(moves, known, Events(), now=now)

    def release(self) -> Release:
        """The one that its web servers run."""
        platform = Platform.likely(self.resolved.choices.systems["web"])
        assert platform
        return releases.built(self.resolved.application, platform)

    def wrong(self) -> dict[str, str]:
        """The checks that fail now, with what they say."""
        topology = self.topology()
        return {
            f"{machine.name} {name}": said
            for machine in topology.machines
            for name, said in failing(
                self.containers[machine.name], roles.setup(topology, machine).checks
            ).items()
        }

    def down(self) -> None:
        """Delete all there is."""
        self.servers.end()
        self.amphorae.end()
        self.volumes.end()
        self.network.delete()
        shutil.rmtree(self._home)

    def known(self) -> Known:
        """All that there is."""
        recorded = [found for kind in self._kinds.values() for found in kind.find()]
        inside = (Configurations, Deliveries, Releases)
        noted = [found for kind in inside for found in kind.among(self.servers.find())]
        return Known({each.key: each for each in (*recorded, *noted)})

    def _access(self) -> Any:
        return Access(self.containers, self.octavia)

    def _lead(self, before: str, to: str) -> None:
        # Balancers that share an address give it to each other.
        if not self._floats or to == self.resolved.virtual_address().name:
            return
        places = {**self.containers, self.amphorae.place.name: self.amphorae.place}
        if to != self.amphorae.place.name:
            # The machine may not have been made yet.
            until(lambda: to in self.containers and self.containers[to].process, 600)
            places = {**places, **self.containers}
        self.network.lead(self.public_address, places.get(before), places[to])

    def _facts(self, wanted: Wanted) -> Mapping[str, Any]:
        address = self._addresses.get(wanted.key.name, "")
        led = (self.resolved.entry_point(), self.resolved.virtual_address())
        if self._floats and wanted.key in led:
            address = self.public_address
        return {"address": address, "public_key": "", "data": "", "metadata": {}}

    def _base(self, image: str | None) -> Base:
        return next((each for each in BASES if each.name == image), self.base)

    def _create(self, name: str, user_data: str, image: str) -> Container:
        base = self._base(image)
        shares = self.resolved.stack.shares_address and name.startswith(f"shop-{FRONT}-")
        machine = Container(
            *(name, self._addresses[name], self._home / name), base=base, shares_address=shares
        )
        self.network.connect(machine)
        entry = self.resolved.entry_point()
        addresses = [each for each in self._kinds["floating IP"].find() if each.key == entry]
        if self._floats and name in [each.attributes["port"] for each in addresses]:
            # One in the place of the machine that had it.
            self.network.lead(self.public_address, None, machine)
        machine.create(user_data)
        if name == self.resolved.secret_store().name:
            machine.give(self._given)
        return machine


def _cache() -> AbstractContextManager[object]:
    """Releases are built once for all tests of this machine, and not in its user's own cache."""
    return patch.dict(os.environ, XDG_CACHE_HOME=str(releases.cache_home()))


@contextmanager
def cluster(
    text: str,
    secrets: Mapping[str, str] | None = None,
    *,
    floats: bool = False,
    base: Base = DEBIAN_12,
) -> Iterator[Cluster]:
    """A cluster that is up, for the time of a block. Its parameters are those of Cluster."""
    made = Cluster(text, secrets, floats=floats, base=base)
    try:
        made.up()
        yield made
    finally:
        made.down()


def changed(steps: list[Step]) -> list[str]:
    """What a plan does: `change configuration shop-web-1`."""
    return [f"{step.action} {step.key}" for step in steps if step.action is not Action.KEEP]
