"""The plan of a stack on a cloud, with what people ask of it: costs, schedule, newer images."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from skytier.costs.planned import PlanCost
from skytier.costs.price_list import PriceList
from skytier.deploy.condition import Wrong
from skytier.deploy.kind import Found, Key, Known
from skytier.deploy.plan import Action, Step, nothing_to_do
from skytier.deploy.update import CONFIGURATION
from skytier.errors import SkytierError
from skytier.openstack.choices import kept_images
from skytier.openstack.entry_point import another_address, leads_to
from skytier.openstack.plan import members, redis_news, repair, zones
from skytier.openstack.plan.private_network import ipv6_subnet
from skytier.openstack.plan.resolved import ResolvedStack
from skytier.openstack.resources.baked_image import BakedImage
from skytier.openstack.resources.floating_ip import FloatingIP
from skytier.openstack.resources.router import Router
from skytier.openstack.resources.security_group import SecurityGroup
from skytier.openstack.resources.server import Server
from skytier.release import fitness, served
from skytier.release.application import NO_VARIABLES
from skytier.release.history import STAYS
from skytier.release.platform import Platform
from skytier.roles import ROLES
from skytier.secrets.variables import Summary
from skytier.services.patroni.service import PAUSED
from skytier.services.pgbackrest.secrets import VARIABLES, given
from skytier.stackfile.automatic import Automatic
from skytier.stackfile.backup import PATH
from skytier.stackfile.model import NO_ROUTER
from skytier.stackfile.schedule import Hours
from skytier.status import Fault

_OF_A_MACHINE = ("server", "port")


def _is_way_to(key: Key, machines: Sequence[str], there: Mapping[Key, Found]) -> bool:
    """Whether it is a floating IP that leads to one of them."""
    return key.kind == FloatingIP.name and leads_to(key, there) in machines


@dataclass(frozen=True)
class Removal:
    """What `down` would delete, in its order."""

    found: Sequence[Found]
    empty: bool
    """Whether nothing is to be deleted, and nobody holds the stack's lock."""
    left: Sequence[str] = ()
    """What stays, and how to delete it, in sentences."""
    purge: bool = False
    """Whether what otherwise stays goes, too."""


@dataclass(frozen=True)
class Plan:
    """The steps to what is wanted, and what there is now."""

    steps: Sequence[Step]
    resolved: ResolvedStack
    public_key: str
    """The key that lets the operator into the machines: the cloud's, or the one to be made."""
    hours: Hours | None = None
    """Those of the schedule that hold at its moment."""
    secrets: Summary = NO_VARIABLES
    """The operator's secret variables."""
    automatic: Automatic | None = None
    """What the number of web servers goes by outside of such hours; None where it is fixed."""
    wrong: Sequence[Wrong] = ()
    """What is wrong on the machines, if they were asked."""
    region: str = ""
    """The region of the cloud; empty where regions have no names."""
    upgrade: str = ""
    """What to know of an upgrade of PostgreSQL that this brings; empty where there is none."""

    def check_application(self) -> None:
        """Raises SkytierError when the application lacks what it needs to run.

        A release that a rollback led to runs already.
        """
        own = self.resolved.stack.application
        if own.is_own and not self.resolved.pinned:
            fitness.check_secrets(own, self.secrets)
            served.check(self.resolved.application)
            fitness.check_given(self.resolved.stack.storage.given_keys, self.secrets)
            role = next(name for name, role in ROLES.items() if role.runs_application)
            image = self.resolved.choices.images[role].name
            fitness.check_python_on(self.resolved.application, self.platform, image)

    @property
    def warnings(self) -> list[str]:
        """What of the application should not go into production."""
        if not self.resolved.stack.application.is_own or self.resolved.pinned:
            return []
        return fitness.warnings(self.resolved.application, self.platform)

    @property
    def platform(self) -> Platform | None:
        """What the application will probably run on."""
        return self.resolved.platform

    def check_members(self) -> None:
        """Raises SkytierError when a set-up of the database would wait for Patroni without end."""
        # What takes Patroni away pauses it first, and such a run may have been interrupted.
        paused = [each.fault for each in self.wrong if each.fault.what == PAUSED]
        if not paused or self.resolved.stack.database.members == 1:
            return
        changed = [step for step in self.steps if _is_of_database(step)]
        # A machine that is off, or gone, is brought back all the same: a restore may go on there.
        if changed and not any(step.key.kind == Server.name for step in changed):
            raise SkytierError(
                f"{PAUSED}, and this changes machines of the database. Nothing was changed.",
                paused[0].do,
            )

    @property
    def empty(self) -> bool:
        """Whether there is nothing to do."""
        return nothing_to_do(self.steps)

    @property
    def leaves_machines(self) -> bool:
        """Whether nothing is to be done but for images, which no machine waits for."""
        group = self.resolved.key(SecurityGroup.name, BakedImage.name)
        steps = [s for s in self.steps if s.key.kind != BakedImage.name and s.key != group]
        return nothing_to_do(steps)

    @property
    def there(self) -> Known:
        """All that is there, also what is to be deleted."""
        return Known({step.key: step.found for step in self.steps if step.found})

    @property
    def known(self) -> Known:
        """What is there, and counts: also a machine to be deleted that visitors still come to."""
        steps = [step for step in self.steps if step.action is not Action.DELETE]
        there = self.there
        kept = {step.key: step.found for step in steps if step.found}
        names = self.resolved.led_to(Known(there | kept))
        leaving = {k: f for k, f in there.items() if k.name in names and k.kind in _OF_A_MACHINE}
        # Rules of other groups let them in until then.
        groups = {
            self.resolved.key(SecurityGroup.name, found.facts["role"])
            for key, found in leaving.items()
            if key.kind == Server.name
        }
        leaving |= {k: f for k, f in there.items() if k in groups}
        # Operators come by a floating IP that leads there, too.
        leaving |= {k: f for k, f in there.items() if _is_way_to(k, names, there)}
        return Known({**leaving, **kept})

    @property
    def moves_from(self) -> str:
        """The role that the entry point's floating IP moves away from; empty where it stays."""
        return self.resolved.moves_from(self.known)

    @property
    def has_more_to_do(self) -> bool:
        """Whether another plan closes what this one keeps open until the address has moved, or
        machines are gone."""
        there = self.there
        opens = self.resolved.leads_on(there) or self.resolved.still_entered(there)
        return bool(self.moves_from or opens)

    @cached_property
    def cost(self) -> PlanCost:
        """What it costs, by the stack's rates. Raises SkytierError."""
        return self.cost_by(self.resolved.price_list)

    def cost_by(self, prices: PriceList) -> PlanCost:
        """What it costs by other rates."""
        stack, flavors = self.resolved.stack, self.resolved.choices.flavors
        return PlanCost(prices.rates.on(), stack, self.steps, flavors, prices.notes)

    @property
    def web_servers_now(self) -> str:
        """`By the schedule 1 web server now, from 22:00 to 06:00 (UTC).`

        Empty where the stack file says one number for all hours.
        """
        web = self.resolved.stack.web
        servers = f"{web.machines} web server{'s' if web.machines > 1 else ''}"
        if self.automatic and not self.hours:
            limits = f"{self.automatic.min} to {self.automatic.max}"
            return f"{servers}; web.count allows {limits}: skytier scale --auto changes it."
        if not web.schedule:
            return ""
        return f"By the schedule {servers} now, {self.hours or 'outside its hours'}."

    @property
    def place(self) -> str:
        """`On mycloud, region RegionOne.`"""
        region = f", region {self.region}" if self.region else ""
        return f"On {self.resolved.stack.cloud}{region}."

    @property
    def networks(self) -> str:
        """What of the network was there before, what IPv6 means, and where the address of the page
        becomes another one, in sentences; empty where there is nothing of it to know."""
        moved = another_address(self.resolved.stack, self.there)
        return " ".join(each for each in (self._given, self._ipv6, moved) if each)

    @property
    def _given(self) -> str:
        given, router = self.resolved.choices.given, self.resolved.choices.router
        if given and not given.id:
            return (
                "Neutron makes a network with a router for this project, on which the machines "
                "are. It does not belong to the stack, and stays when the stack is deleted."
            )
        if given:
            return (
                f"The machines are on the network {given.name} ({given.subnet.cidr}), which is "
                "used and never changed."
            )
        if router:
            return (
                f"The private network gets an interface on the router {router.name}; nothing else "
                "of it is changed."
            ) + self._public_ports
        return self._public_ports.lstrip()

    @property
    def _public_ports(self) -> str:
        public, stack = self.resolved.choices.public, self.resolved.stack
        if not public:
            return ""
        said = (
            f" {self.resolved.bastion()} has a second port, on the network {public.name}, "
            "which is used and never changed."
        )
        if stack.router == NO_ROUTER:
            return (
                f"{said} There is no router: machines without such a port have no way out, so "
                "their images need all packages."
            )
        if stack.makes_router:
            return f"{said} The other machines get packages through the router of the stack."
        return said

    @property
    def _ipv6(self) -> str:
        stack, choices = self.resolved.stack, self.resolved.choices
        if not stack.ipv6:
            return ""
        if choices.given and choices.given.ipv6:
            source = choices.given.ipv6.cidr
        else:
            there = self.known.get(ipv6_subnet(self.resolved))
            pool = f"a network of the pool {choices.pool.name}" if choices.pool else ""
            source = stack.ipv6_cidr or (there.attributes["cidr"] if there else pool)
        said = (
            f"Each machine has an IPv6 address of its own, of {source}, and security groups alone "
            "guard it."
        )
        own = self.known.get(self.resolved.key(Router.name))
        if choices.router and not choices.router.has_ipv6:
            said += f" The router {choices.router.name} has no way to the outside by IPv6."
        elif stack.ipv6_cidr and own and own.facts.get("ipv6"):
            said += f" Its router, {own.facts['ipv6']}, has to be where that network is led."
        return said

    @property
    def stays(self) -> str:
        """A sentence about the release that a rollback led to; empty without one."""
        pinned = self.resolved.pinned
        return STAYS.format(pinned.id) if pinned else ""

    @property
    def backups(self) -> str:
        """What to know of backups when they begin or change; empty where they do not."""
        stack = self.resolved.stack
        changed = [step for step in self.steps if _configures_database(step)]
        if not stack.has_backups or not changed:
            return ""
        lost = ""
        for name, place in stack.backup.places.items():
            variables = [VARIABLES[each] for each in given(place, name)]
            if variables and not any(step.found for step in changed):
                lost += (
                    f" The {name} place needs a key of yours: give it to this first skytier up in "
                    f"{' and '.join(variables)}."
                )
            if place.kind == PATH:
                lost += (
                    f" Each member has to see the same directory at {place.path}, of a shared file "
                    "system."
                    if stack.database.members > 1
                    else " They are on the database server, and lost with it unless another disk "
                    f"is at {place.path}."
                )
            router = self.resolved.choices.router
            if place.kind != PATH and router and not router.external_network:
                lost += (
                    f" The router {router.name} has no gateway: the {name} place has to be where "
                    "it leads."
                )
        return (
            "Backups are encrypted, and worthless without their key. Keep it in a safe place, too: "
            f"skytier backup key.{lost}"
        )

    @property
    def members(self) -> list[str]:
        """Sentences about the members of the database, and of Redis."""
        return [
            *members.news(self.resolved, self.known),
            *members.restarts(self.resolved, self.known, self.steps),
            *redis_news.news(self.resolved, self.known, self.steps),
        ]

    @property
    def zones(self) -> list[str]:
        """Sentences about machines and volumes of which the stack file names other zones now."""
        return zones.news(self.steps)

    @property
    def faults(self) -> list[Fault]:
        """What is wrong with the stack, and what becomes of it."""
        return [
            *repair.faults(self.steps, self.resolved.stack),
            *(wrong.fault for wrong in self.wrong),
        ]

    @property
    def newer_images(self) -> list[str]:
        """Sentences about an image that the servers could have instead of theirs."""
        stack, servers = self.resolved.stack, self.known.values()
        return kept_images.news(
            self.resolved.choices.newer,
            [each for each in servers if each.key.kind == Server.name],
            [
                role
                for role in stack.machines()
                if ROLES[role].holds_data and role not in stack.volumes()
            ],
        )

    def check_same(self, approved: "Plan") -> None:
        """Raises SkytierError where it does not do the same to the same as the one approved."""
        if {(s.action, s.key) for s in self.steps} != {(s.action, s.key) for s in approved.steps}:
            raise SkytierError(
                "The stack has changed since its plan was shown.",
                "Run it again to see the new plan.",
            )


def _is_of_database(step: Step) -> bool:
    """Whether it makes, changes or deletes one of its servers, or what is set up there."""
    if step.action is Action.KEEP or step.key.kind not in (Server.name, CONFIGURATION):
        return False
    about = step.wanted.creation if step.wanted else step.found.facts if step.found else {}
    return bool(about["role"] == "database")


def _configures_database(step: Step) -> bool:
    changes = step.action is not Action.KEEP and step.key.kind == CONFIGURATION
    return changes and step.wanted is not None and step.wanted.creation["role"] == "database"
