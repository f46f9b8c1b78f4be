"""A stack on a cloud: planned, brought up, and taken down."""

import threading
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from functools import partial

from openstack.connection import Connection

from skytier import release
from skytier.backend import Outcome
from skytier.costs.price_list import PriceList
from skytier.deploy.apply import Events, StoppedError, apply, refuse_losses
from skytier.deploy.condition import Wrong
from skytier.deploy.kind import Found, Key, Kind, Known, UnseenError
from skytier.deploy.plan import Action, Step, one_of_each, plan
from skytier.deploy.update import DELIVERY, IN_SERVERS
from skytier.errors import SkytierError
from skytier.hosts.ssh import Ssh
from skytier.openstack.catalog import has_load_balancers, has_volumes, region
from skytier.openstack.choices import (
    backup_host,
    choices,
    given_network,
    limits,
    load_balancer_service,
    redis_version,
    roots,
)
from skytier.openstack.choices.flavor import Flavor
from skytier.openstack.choices.quota import Amounts, Row, check
from skytier.openstack.entry_point import EntryPoint, first_public
from skytier.openstack.lock import Lock
from skytier.openstack.machines import operator, stack_key, variables
from skytier.openstack.machines.access import Access
from skytier.openstack.machines.fencing import take_over_from_lost
from skytier.openstack.machines.host_keys import HOST_KEY
from skytier.openstack.machines.leaving import leaving
from skytier.openstack.machines.look import looked, scripts, to_mend
from skytier.openstack.machines.moved_address import MovedAddresses
from skytier.openstack.machines.operator import Way
from skytier.openstack.machines.variables import KeptVariables
from skytier.openstack.plan import (
    makeable,
    needs,
    object_store,
    other_files,
    other_python,
    repair,
    torn,
    upgrades,
    zones,
)
from skytier.openstack.plan.configurations import Configurations
from skytier.openstack.plan.desired import wanted
from skytier.openstack.plan.given_up import give_up
from skytier.openstack.plan.kept_secrets import KeptSecrets
from skytier.openstack.plan.kinds import RULES, find_all, resources
from skytier.openstack.plan.losses import losses, unclear_volumes
from skytier.openstack.plan.planned import Plan, Removal
from skytier.openstack.plan.releases import (
    Deliveries,
    Releases,
    build_ahead,
    pinned_by,
    releases_anew,
)
from skytier.openstack.plan.removal import delete_all, removal
from skytier.openstack.plan.resolved import ResolvedStack
from skytier.openstack.plan.web_servers import web_servers
from skytier.openstack.resources.container import Container, UnseenContainerError
from skytier.openstack.resources.creation import RepeatedCalls
from skytier.openstack.resources.ec2_credential import Ec2Credential
from skytier.openstack.resources.errors import API_ERRORS, explained
from skytier.openstack.resources.floating_ip import FloatingIP
from skytier.openstack.resources.load_balancer import LoadBalancer, UnseenLoadBalancerError
from skytier.openstack.resources.project import Project
from skytier.openstack.resources.root_volume import RootVolume
from skytier.openstack.resources.router import external_of
from skytier.openstack.resources.server import Server
from skytier.openstack.resources.volume import Volume
from skytier.openstack.spending import prices as spending
from skytier.roles import ROLES
from skytier.roles.role import public_role
from skytier.stackfile import StackFile, schedule

_WITHOUT_STACK = ("up", "bake", "down")
"""What may begin without a stack that is there. `down` deletes the lock again."""


def _way(stack: StackFile) -> Way:
    jump = stack.ssh_jump or ""
    if stack.has_floating_ips or stack.has_public_ports:
        return Way(jump=jump)
    return Way(first_public(stack), jump, public_role(stack, ROLES))


class CloudStack:
    """The stack of a stack file, in the project that a connection leads to.

    `stack` has the web servers that the schedule wants at the moment in which this is made. Where
    their number is automatic, those that are there then stay.
    """

    def __init__(
        self, connection: Connection, stack: StackFile, cloud: str, given_up: Sequence[str] = ()
    ) -> None:
        """`given_up` are the names of broken servers that are replaced with their data."""
        self.given_up = given_up
        now = datetime.now(UTC)
        self.cloud, self.connection = cloud, connection
        self.project = Project(connection, stack.name, stack.labels)
        self.hours = schedule.at(stack.web.schedule, now)
        self.automatic = stack.web.automatic
        there = web_servers(self.project) if self.automatic and not self.hours else []
        stack = stack.at(now, max((each.facts["number"] for each in there), default=0))
        self.stack = load_balancer_service.decided(self.project, stack)
        self.operator = operator.of(cloud, stack.name, _way(self.stack), region=stack.region)
        self.lock = Lock(self.project)
        self.has_volumes = has_volumes(connection)
        if self.has_volumes:
            connection.block_storage  # noqa: B018  # made before several threads use it
        self.has_objects = object_store.is_there(connection)
        if self.has_objects:
            connection.object_store, connection.identity  # noqa: B018  # the same
        self.has_load_balancers = has_load_balancers(connection)
        if self.has_load_balancers:
            connection.load_balancer  # noqa: B018  # the same
        self.kinds = resources(
            *(self.project, self.stack),
            with_volumes=self.has_volumes,
            with_objects=self.has_objects,
            with_load_balancers=self.has_load_balancers,
        )

    def plan(self, *, anew: bool = False, looks: bool = False, wrong: Sequence[Wrong] = ()) -> Plan:
        """Wanted minus found. Nothing is changed. Raises SkytierError.

        A release that a rollback led to stays, unless the source is to be released `anew`. What is
        `wrong` on the machines is mended, as far as it can be; a plan that `looks` asks them, if
        the stack's key is here.
        """
        if self.stack.volumes() and not self.has_volumes:
            raise SkytierError(
                "The stack file asks for a volume (database.volume_gib), and the cloud has no "
                "volume service (Cinder).",
                "Leave volume_gib out to keep the data on the server's own disk.",
            )
        with ThreadPoolExecutor(1) as pool:
            offered = pool.submit(self._offered)
            found = self.find()
        servers = [each for each in found if each.key.kind == Server.name]
        picked = choices.choose(offered.result(), self.stack, servers, external_of(found))
        backup_host.check(self.stack, picked.images, picked.systems)
        redis_version.check(self.stack, picked.images, picked.systems)
        found = self._judged(found, picked)
        self._refuse_roots(picked, servers)
        prices = self._prices(picked, found)
        secrets = variables.summary(servers, self.stack, self.operator)
        application = release.of(self.stack, secrets)
        pinned = None if anew else pinned_by(servers)
        stack = self.stack
        if picked.given:  # its machines see each other on that one
            stack = stack.model_copy(update={"cidr": picked.given.subnet.cidr})
        resolved = ResolvedStack(
            *(stack, picked, ROLES, application, prices, pinned),
            s3_endpoint=object_store.s3_endpoint(self.connection, self.stack),
            backup_endpoints=object_store.backup_endpoints(self.connection, self.stack),
        )
        there = Known(one_of_each(found)[0])
        object_store.check(self.project, self.stack, there)
        public_key = stack_key.public_key(found, self.operator)
        if looks and self.operator.has_key(public_key):
            wrong = looked(self.connection, self.operator, self.stack, there)
        found = to_mend(found, wrong)
        there = Known(one_of_each(found)[0])
        resolved = resolved.with_given(self.operator, there)
        steps = plan(
            wanted(resolved, self.project, public_key, there),
            found,
            RULES,
            losses(resolved, there),
            unclear_volumes(resolved, found),
        )
        self._refuse_unmakeable(picked, steps)
        enters = looks and self.operator.has_key(public_key)
        about = self._upgrade(resolved, there, steps, enters=enters, refuses=looks)
        zones.check(steps)
        if looks:
            other_python.refuse(resolved, there, steps)
        return Plan(
            *(steps, resolved, public_key, self.hours, secrets, self.automatic, wrong),
            region=region(self.connection),
            upgrade=about,
        )

    def _upgrade(
        self,
        resolved: ResolvedStack,
        there: Known,
        steps: Sequence[Step],
        *,
        enters: bool,
        refuses: bool,
    ) -> str:
        """What to know of an upgrade of PostgreSQL. Raises SkytierError where it cannot work; and,
        in a plan that `refuses`, where a new server could not read the data."""
        machines = upgrades.due(self.stack, there, steps)
        made = other_files.new_servers(resolved, there, steps) if refuses else []
        if not machines and not made:
            return ""
        now = None
        asked = [name for name in upgrades.set_up(there) if not there[Key(Server.name, name)].fault]
        if enters and asked:
            now = upgrades.looked(self.connection, self.operator, there, asked[0])
        version = now.version or None if now else None
        other_files.refuse(made, self.stack.database.version, version)
        return upgrades.words(self.stack, len(machines), now) if machines else ""

    def _judged(self, found: Sequence[Found], picked: choices.Choices) -> list[Found]:
        """What was found, with what somebody took apart, and what is given up."""
        known = torn.recognised(
            found, own_network=picked.given is None, backups=repair.backups(self.stack)
        )
        data = {name: role.holds_data for name, role in ROLES.items()}
        return give_up(known, self.given_up, data)

    def _refuse_roots(self, picked: choices.Choices, servers: Sequence[Found]) -> None:
        """Raises SkytierError where a new server has to boot from a volume without Cinder."""
        there = Counter(each.facts["role"] for each in servers if not each.fault)
        for role, section in self.stack.machines().items():
            asked = self.stack.root_gib_of(role) or section.machines > there[role]
            if picked.roots[role] and asked and not self.has_volumes:
                raise roots.refuse_without_cinder(self.stack, role, picked.flavors[role])

    def _refuse_unmakeable(self, picked: choices.Choices, steps: Sequence[Step]) -> None:
        """Raises SkytierError for steps that the cloud would refuse half way."""
        makeable.check_resizes(steps)
        new = makeable.of_steps(steps)
        try:
            makeable.check(self.connection, new, self.stack, picked.images, picked.flavors)
        except API_ERRORS as error:
            what = "The zones and volume types of the cloud could not be listed"
            raise explained(what, error) from error

    def quota(self, plan: Plan) -> list[Row]:
        """Whether what a plan makes fits into the project; no row when it makes nothing."""
        return self.room(plan.steps, plan.resolved.choices.flavors)

    def room(self, steps: Sequence[Step], flavors: Mapping[str, Flavor]) -> list[Row]:
        """The same for steps. `flavors` is by role."""
        more = needs.of_steps(steps, flavors)
        if more == Amounts():
            return []
        try:
            return check(more, limits.read(self.connection, more))
        except API_ERRORS as error:
            raise explained("The project's quotas could not be read", error) from error

    def find(self) -> list[Found]:
        """Everything of the stack that there is, with what its servers say of themselves.

        Raises SkytierError, also when Cinder shows no volume to a stack that has one, or the object
        store no container, or Octavia no load balancer, to a stack that wants one.
        """
        unseen: list[UnseenError] = []
        found = find_all(self.kinds.values(), unseen)
        servers = [each for each in found if each.key.kind == Server.name]
        with_volume = self.stack.volumes() or any(each.facts["volumes"] for each in servers)
        for error in unseen:
            if with_volume or isinstance(error, UnseenContainerError | UnseenLoadBalancerError):
                raise error
        inside = (Configurations, Deliveries, Releases)
        return [*found, *(each for kind in inside for each in kind.among(servers))]

    def removal(self, *, purge: bool = False) -> Removal:
        """Everything that carries the stack's mark, and what of it stays.

        The data of machines goes without `purge`, too; a container with objects does not. Raises
        UnseenError when nothing is found, and the project may not list all.
        """
        return removal(self._deleted_kinds(), self.lock, purge=purge)

    def trust(self, name: str, host_key: str) -> None:
        """Note the host key of a server. Raises SkytierError when there is no such server."""
        for found in self.kinds[Server.name].find():
            if found.key.name == name:
                Server(self.project).note(found.id, {HOST_KEY: host_key})
                return
        raise SkytierError(
            f"The stack {self.stack.name} has no server {name}.", "See skytier status."
        )

    def up(self, approved: Plan, events: Events) -> Outcome:
        """Carry out a plan that was approved. The entry point answers then.

        The plan is made anew once nobody else can change the stack. Raises SkytierError.
        """
        lost = threading.Event()
        with self.held("up", lost):
            self.make_network()
            current = self.approved(self.plan(wrong=approved.wrong), approved)
            with self.hooks(current):
                entry = self._carried_out(current, events, lost)
                # Those that were replaced are well, and a plan gives up no such server.
                self.given_up = ()
                if current.has_more_to_do:
                    # What the former entry point needed until now goes: ports that are open to
                    # visitors and to operators on their way, and its part of configurations.
                    entry = self._carried_out(self.plan(), events, lost)
        return Outcome(
            entry.url,
            changed=True,
            waits_for=entry.waits_for(),
            ipv6_url=entry.ipv6_url,
            ipv6_wrong=entry.ask_by_ipv6(),
        )

    def _carried_out(self, plan: Plan, events: Events, lost: threading.Event) -> EntryPoint:
        """The entry point, which answers once a plan is carried out."""
        with Ssh() as shell:
            entry = EntryPoint(self.stack, self.carry_out(plan, shell, events, lost))
            entry.wait()
        return entry

    @contextmanager
    def hooks(self, current: Plan) -> Iterator[None]:
        """Run what the operator wants before and after a release, if the plan has one."""
        is_new = releases_anew(current.steps)
        if is_new:
            current.resolved.application.hook("before", self.stack.name)
        yield
        if is_new:
            current.resolved.application.hook("after", self.stack.name)

    def approved(self, current: Plan, approved: Plan) -> Plan:
        current.check_same(approved)
        current.check_application()
        refuse_losses(current.steps)
        self.operator.check_key(current.public_key)
        return current

    def make_resources(self, events: Events) -> None:
        """Bring about what OpenStack itself has of the stack, and enter no machine.

        For whoever asks what resources cost or leave behind, which needs no booted guest. `up` goes
        on from there. Raises SkytierError.
        """
        lost = threading.Event()
        with self.held("up", lost):
            self.make_network()
            planned = self.plan()
            steps = [step for step in planned.steps if step.key.kind not in IN_SERVERS]
            apply(steps, self.kinds, events, planned.known, lost, RepeatedCalls())

    def down(self, events: Events, *, purge: bool = False) -> bool:
        """Delete what carries the stack's mark, with its data. Raises SkytierError.

        A container with objects goes with `purge` alone. Returns whether there was anything. Ends
        with a look at every kind, which must find nothing else. What the project may not list is an
        UnseenError at the end.
        """
        lost = threading.Event()
        unseen: list[UnseenError] = []
        with self.held("down", lost):
            deleted = self._delete_all(events, lost, unseen, purge=purge)
        self.operator.forget_hosts()
        self.operator.forget_secrets()
        if unseen:
            raise UnseenError(
                f"All that was found of the stack {self.stack.name} is deleted. {unseen[0].what}",
                unseen[0].do,
            )
        return deleted

    def _delete_all(
        self,
        events: Events,
        lost: threading.Event,
        unseen: list[UnseenError],
        *,
        purge: bool = False,
    ) -> bool:
        containers = Container(self.project, self.has_objects, with_objects=purge)
        kinds = {**self._deleted_kinds(), Container.name: containers}
        stay = partial(object_store.stays, purge=purge)
        return delete_all(kinds, events, lost, unseen, stay)

    def _deleted_kinds(self) -> dict[str, Kind]:
        """All kinds; a load balancer is looked for also where its port is gone."""
        if not self.has_load_balancers:
            return dict(self.kinds)
        anyway = LoadBalancer(self.project, there=True, wanted=self.stack.has_load_balancer)
        return {**self.kinds, LoadBalancer.name: anyway}

    def make_network(self) -> None:
        """Have Neutron make what `network = "auto"` asks for. Raises SkytierError."""
        try:
            given_network.make(self.connection, self.stack)
        except API_ERRORS as error:
            what = "Neutron could not make the network that it allocates by itself"
            raise explained(what, error) from error

    def _offered(self) -> choices.Offered:
        try:
            return choices.offered(self.connection, self.stack)
        except API_ERRORS as error:
            raise explained("What the cloud offers could not be listed", error) from error

    def _prices(self, chosen: choices.Choices, found: Sequence[Found]) -> PriceList:
        """For every flavor that is there or shall be."""
        there = [each.attributes["flavor"] for each in found if each.key.kind == Server.name]
        wanted = [each.name for each in chosen.flavors.values()]
        return spending.prices(self.connection, self.stack, [*there, *wanted])

    def carry_out(
        self,
        current: Plan,
        shell: Ssh,
        events: Events,
        lost: threading.Event,
        steps: Sequence[Step] | None = None,
    ) -> Known:
        """Everything that is there once a plan is carried out, or some of its `steps`.

        Raises SkytierError.
        """
        steps = current.steps if steps is None else steps
        access = Access(self.connection, self.operator, shell, publish=True)
        access.write(current.known)
        other_python.build(current.resolved, steps)
        take_over_from_lost(self.project, self.stack, current.known, access, events)
        for system in {
            current.resolved.choices.systems[step.wanted.creation["role"]]
            for step in steps
            if step.key.kind == DELIVERY and step.action is not Action.KEEP and step.wanted
        }:
            build_ahead(current.resolved.application, system)
        secrets = self.secrets(current, access)
        secrets.save(steps)
        volumes = Volume(self.project, self.has_volumes)
        servers = Server(self.project, RootVolume(self.project, volumes))
        kept = KeptVariables(self.stack, self.operator, access, servers)
        kept.save(steps, current.known)
        inside: list[Kind] = [
            Configurations(
                *(servers, current.resolved, access, secrets, volumes), scripts(current.wrong)
            ),
            Deliveries(servers, current.resolved, access),
            Releases(servers, current.resolved, access, kept),
        ]
        moves = bool(current.moves_from)
        inside.append(leaving(servers, self.stack, access, current.there, moves=moves))
        inside.append(MovedAddresses(self.kinds[FloatingIP.name], access))
        kinds = {**self.kinds, **{kind.name: kind for kind in inside}}
        done = apply(steps, kinds, events, current.known, lost, RepeatedCalls())
        secrets.settled()
        return done

    def secrets(self, current: Plan, access: Access) -> KeptSecrets:
        """The stack's own secrets, while a plan is carried out."""
        containers = Container(self.project, self.has_objects)
        buckets = object_store.buckets(self.stack)
        credentials = Ec2Credential(self.project, containers, self.has_objects, buckets)
        return KeptSecrets(current.resolved, self.operator, access, current.known, credentials)

    def _is_there(self) -> bool:
        return self.lock.exists() or any(self.kinds[Server.name].find())

    @contextmanager
    def held(self, what: str, lost: threading.Event) -> Iterator[None]:
        """Hold the lock, and note in the audit how it ended: in the cloud, and on this machine.

        Raises SkytierError for a stack that is not there, unless that is what makes one: the lock
        would be all that there is of it.
        """
        if what not in _WITHOUT_STACK and not self._is_there():
            raise SkytierError(
                f"The stack {self.stack.name} is not there: this project has no server of it.",
                "Bring it up: skytier up. Or is it in another cloud or stack file?",
            )
        with self.lock.held(what, lost) as holder:
            result = "failed"
            try:
                yield
                result = "ok"
            except KeyboardInterrupt:
                result = "interrupted"
                raise
            except StoppedError:
                result = "lost"
                raise SkytierError(
                    "Somebody else has taken the stack's lock, so this run stopped where it was.",
                    "See who it was with skytier audit. When they are done, run it again.",
                ) from None
            finally:
                # How it ended is told by what is raised; a note that fails must not hide it.
                with suppress(Exception):
                    self.operator.note(holder.audit_line(result))
                with suppress(Exception):
                    self.lock.note(holder, result)
            if what == "down" and not lost.is_set():
                self.lock.delete()
