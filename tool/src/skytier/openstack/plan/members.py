"""What a plan says of the members of the database: what is promised, and when nobody can write. And
what to do about one that is not well."""

from collections.abc import Iterable, Sequence

from skytier.deploy.kind import Known
from skytier.deploy.plan import Action, Step
from skytier.deploy.update import CONFIGURATION, SERVER
from skytier.openstack.plan.resolved import ResolvedStack
from skytier.services.etcd.service import ETCD
from skytier.services.patroni.service import CONFIG, HOME, PATRONI, PAUSED, RESUME
from skytier.services.postgresql.tuning import connections
from skytier.stackfile import StackFile
from skytier.status import Fault, MachineStatus

_BEGINS = (
    "PostgreSQL goes over to Patroni: for some seconds nobody can write, and what is being written "
    "then fails."
)
_ENDS = (
    "PostgreSQL runs without Patroni again: from then until the web servers are configured again, "
    "about a minute later, nobody can write."
)
_SYNCHRONOUS = (
    "If the machine of the primary is lost, another member takes over within half a minute, and "
    "nothing that was acknowledged is lost while a replica is connected."
)
_ASYNCHRONOUS = (
    "If the machine of the primary is lost, another member takes over within half a minute, and "
    "what was written in the last seconds can be lost: database.synchronous is false."
)

_LETS_IN = (
    "PostgreSQL lets in {number} connections, for {most} web server{s}. If it let in another "
    "number before, it restarts: {then}"
)
_STOPS = "for some seconds what needs the database fails."
_HANDS_OVER = (
    "each member does, one after another, and the primary hands over before: for some seconds each "
    "time nobody can write."
)


def news(resolved: ResolvedStack, known: Known) -> list[str]:
    """Sentences about the members, when their number changes to or from one."""
    section = resolved.stack.machines().get("database")
    if section is None:
        return []
    places = [(number, resolved.key(CONFIGURATION, "database", number)) for number in (1, 2, 3)]
    now = [number for number, key in places if key in known]
    promise = _SYNCHRONOUS if resolved.stack.database.synchronous else _ASYNCHRONOUS
    match len(now), section.machines:
        case 0 | 1, 1:
            return []
        case _, 1:
            return [_ENDS]
        case 0, _:
            return [promise]
        case 1, _ if now == [1]:
            return [_BEGINS, promise]
        case _:
            return []


def restarts(resolved: ResolvedStack, known: Known, steps: Sequence[Step]) -> list[str]:
    """A sentence where other web servers may have PostgreSQL restart, for other connections."""
    keys = {resolved.key(CONFIGURATION, "database", number) for number in (1, 2, 3)}
    if not any(step.key in keys and step.action is Action.CHANGE for step in steps):
        return []
    web = [step for step in steps if step.key.kind == SERVER and _is_web_server(step)]
    there, most = sum(step.found is not None for step in web), resolved.stack.web.most
    servers = resolved.topology(known).running("application")
    number = connections(servers, most)
    resized = any(
        step.found
        and step.wanted
        and step.found.attributes["flavor"] != step.wanted.attributes["flavor"]
        for step in web
    )
    if not resized and number == connections(servers[:1] * there, there):
        return []
    then = _STOPS if resolved.stack.database.members == 1 else _HANDS_OVER
    return [_LETS_IN.format(number=number, most=most, s="s" * (most > 1), then=then)]


def _is_web_server(step: Step) -> bool:
    about = step.wanted.creation if step.wanted else step.found.facts if step.found else {}
    return about.get("role") == "web"


_CLONE = (
    "A replica that lags catches up by itself. If it does not, clone it again from the primary, "
    "which goes on meanwhile: skytier exec {machine} '{home}/bin/patronictl -c {config} reinit "
    "{stack} {machine} --force'"
)
_QUORUM = (
    "Nobody can fail over until more than half of the voters run. skytier up brings back machines "
    "that are stopped, broken or gone, and starts etcd where it failed."
)


def faults(measured: Iterable[MachineStatus], stack: StackFile) -> list[Fault]:
    """What their checks say of members that do not follow or are told to do nothing, and of voters
    without a majority."""
    advice = {PATRONI.name: _CLONE, ETCD.name: _QUORUM}
    return [
        Fault(
            machine.name,
            check.name,
            check.detail.partition("\n")[0].rstrip("."),
            "",
            (RESUME if check.detail.startswith(PAUSED) else advice[check.name]).format(
                machine=machine.name, home=HOME, config=CONFIG, stack=stack.name
            ),
        )
        for machine in measured
        for check in machine.services
        if not check.running and check.name in advice
    ]
