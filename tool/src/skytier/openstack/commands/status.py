"""A stack on a cloud as it is, measured now."""

from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

from skytier.deploy.checks import failing
from skytier.deploy.kind import Found, Known
from skytier.deploy.plan import Action
from skytier.errors import SkytierError
from skytier.hosts.host import Host, UnreachableError
from skytier.hosts.ssh import Ssh, SshHost
from skytier.openstack.commands import beside
from skytier.openstack.entry_point import EntryPoint, ipv6_of
from skytier.openstack.machines import load_balancer_view
from skytier.openstack.machines.access import Access, hosts
from skytier.openstack.machines.look import look
from skytier.openstack.machines.operator import Way
from skytier.openstack.plan import members
from skytier.openstack.plan.planned import Plan
from skytier.openstack.plan.releases import Releases
from skytier.openstack.resources.container import Container
from skytier.openstack.stack import CloudStack
from skytier.roles import ROLES
from skytier.services.keepalived import service as keepalived
from skytier.services.setup import Setup
from skytier.status import ContainerStatus, Drift, JobStatus, MachineStatus, ServiceStatus, Status

PROCESSES = "processes"
"""The check of the application's processes, by its name."""
_PUBLIC = ("floating IP", "public port")


def measure(stack: CloudStack) -> Status:
    """Ask the cloud, every machine, and the application through the front entry."""
    plan = stack.plan()  # what is wrong on the machines is asked below, by the same connections
    known = plan.known
    entry = EntryPoint(stack.stack, known)
    with Ssh() as shell, ThreadPoolExecutor(8) as pool:
        access = Access(stack.connection, stack.operator, shell)
        access.write(known)
        enter = stack.operator.has_key(plan.public_key)
        answer = pool.submit(entry.ask) if entry.url and entry.is_asked else None
        ipv6_wrong = pool.submit(entry.ask_by_ipv6)
        places = [
            (role, number, server)
            for role, number in plan.resolved.machines()
            if (server := known.get(plan.resolved.key("server", role, number)))
        ]
        about = (plan, known, shell, stack.operator.way, enter)
        measured = list(pool.map(lambda place: _machine(*about, *place), places))
        wrong = look(shell, known, stack.stack) if enter else []
        # Where a jump host alone leads to the machines, each of them says how it is.
        front = not entry.is_asked or (answer is not None and bool(answer.result()))
        jobs = _jobs(stack, shell, measured) if enter else []
    complete = len(measured) == len(plan.resolved.machines())
    if balancer := load_balancer_view.status(stack.stack, known):
        measured.append(balancer)
    ill = {each.fault.resource for each in wrong}
    well = all(machine.healthy and machine.name not in ill for machine in measured)
    healthy = front and complete and well
    return Status(
        *(stack.stack.name, stack.cloud, entry.url, healthy, measured, list(_drift(plan)), jobs),
        faults=[*replace(plan, wrong=wrong).faults, *members.faults(measured, stack.stack)],
        ipv6_url=entry.ipv6_url,
        ipv6_wrong=ipv6_wrong.result(),
        containers=containers(known),
    )


def containers(known: Known) -> list[ContainerStatus]:
    """What the stack has in the object store, by name."""
    there = [each for key, each in known.items() if key.kind == Container.name]
    return [
        ContainerStatus(each.key.name, each.facts["objects"], each.facts["bytes"])
        for each in sorted(there, key=lambda each: each.key.name)
    ]


def _machine(
    plan: Plan,
    known: Known,
    shell: Ssh,
    way: Way,
    enter: bool,
    role: str,
    number: int,
    server: Found,
) -> MachineStatus:
    name = server.key.name
    status = str(server.facts["status"])
    services = [ServiceStatus("server", status == "ACTIVE", None, status)]
    if enter:
        services += _checks(SshHost(shell, name), plan.resolved.setup(role, number, known))
        if any(each.name == PROCESSES for each in services):
            services = _each_process(services, SshHost(shell, name))
        shared = known.get(plan.resolved.virtual_address())
        if shared and any(each.name == keepalived.CHECK for each in services):
            services = with_address(services, SshHost(shell, name), shared.facts["address"])
    else:
        services[0] = replace(services[0], detail=f"{status}; the stack's SSH key is not here")
    if volume := known.get(plan.resolved.key("volume", role, number)):
        state, has_it = volume.facts["status"], server.id in volume.facts["servers"]
        said = f"{volume.attributes['size_gib']} GiB, {state}"
        well = has_it and not state.startswith("error")
        services.insert(1, ServiceStatus("volume", well, None, said))
    port = known.get(plan.resolved.key("port", role, number))
    public = [known.get(plan.resolved.key(kind, role, number)) for kind in _PUBLIC]
    public.append(known.get(plan.resolved.ssh_address(role, number)))
    addresses = [each.facts["address"] for each in (*public, port) if each]
    if ipv6 := ipv6_of(plan.resolved.stack, name, known):
        addresses.append(ipv6)
    reached = next((host.address for host in hosts(known, way) if host.name == name), "")
    healthy = all(service.running for service in services)
    release = server.facts["metadata"].get(Releases.metadata)
    return MachineStatus(name, role, reached, healthy, services, addresses, release)


def _each_process(services: list[ServiceStatus], host: Host) -> list[ServiceStatus]:
    """The check of all processes as a line for each kind of them, where the machine tells."""
    try:
        there = beside.services(beside.told(host))
    except SkytierError:
        return services
    return [*(each for each in services if each.name != PROCESSES), *there]


def with_address(services: list[ServiceStatus], host: Host, shared: str) -> list[ServiceStatus]:
    """The checks, and whether this balancer has the address that two of them share."""
    try:
        has = bool(host.run(keepalived.has_address(shared)).strip())
    except SkytierError:
        return services
    said = f"has the address {shared}" if has else "stands by"
    return [
        replace(each, detail=said) if each.name == keepalived.CHECK and each.running else each
        for each in services
    ]


def _jobs(stack: CloudStack, shell: Ssh, machines: Sequence[MachineStatus]) -> list[JobStatus]:
    web = [SshHost(shell, each.name) for each in machines if ROLES[each.role].runs_application]
    if not stack.stack.application.job or not web:
        return []
    try:
        return beside.first_jobs(web)
    except SkytierError:
        return []


def _checks(host: Host, setup: Setup) -> list[ServiceStatus]:
    try:
        failed = _twice(lambda: failing(host, setup.checks))
    except SkytierError as error:
        return [ServiceStatus("ssh", False, None, error.what)]
    return [
        ServiceStatus(each.name, each.name not in failed, None, failed.get(each.name, ""))
        for each in setup.checks
    ]


def _twice(ask: Callable[[], dict[str, str]]) -> dict[str, str]:
    """Ask again when there was no connection: a machine that is busy may drop the first one."""
    try:
        return ask()
    except UnreachableError:
        return ask()


def _drift(plan: Plan) -> Iterable[Drift]:
    for step in plan.steps:
        if step.action is not Action.KEEP:
            yield Drift(step.key.name, step.key.kind, str(step.action), step.reason)
