"""The stack as it is, measured now."""

from dataclasses import replace
from urllib.parse import urlsplit

from skytier import health
from skytier.local import options
from skytier.local.application import DATABASE_URL
from skytier.local.monitor.parts import names
from skytier.local.monitor.ports import HOST
from skytier.local.monitor.service import daemon_name
from skytier.local.options import Options
from skytier.local.plan import Found
from skytier.local.stack import Stack
from skytier.status import Machine, Service, Status


def measure(stack: Stack) -> Status:
    """Ask every service, and the application through the front door."""
    wished, found = options.load(stack.home), stack.found()
    if any(service.pid for service in found.values()):
        answer = health.ask(f"{wished.url}/health")
    else:
        answer = health.Answer(None, "it does not run")
    complaint = "" if answer else f"/health: {answer.status or answer.text}"
    web = [_service("application", found, complaint)]
    if stack.nginx.installed:
        web.append(_service("nginx", found))
    machines = [
        Machine(
            name="web",
            role="web",
            address=wished.bind,
            healthy=bool(answer) and _all_run(web),
            services=web,
            addresses=[wished.bind],
            release=found["application"].marks.get("version"),
        ),
        _database(stack, wished, found, bool(answer)),
        *([_monitor(stack, wished)] if wished.monitor else []),
    ]
    return Status("local", None, wished.url, all(m.healthy for m in machines), machines, [])


def _database(stack: Stack, wished: Options, found: dict[str, Found], healthy: bool) -> Machine:
    if wished.postgres == options.ELSEWHERE:
        # The application is the only one that knows: its health asks the database.
        url = urlsplit((stack.home.secrets / DATABASE_URL).read_text().strip())
        address = url.hostname or "unix socket"
        services = [Service("postgresql", healthy, None, "runs elsewhere")]
        return Machine("database", "database", address, healthy, services, [address])
    services = [_service("postgresql", found)]
    address = str(stack.home.postgresql_sockets)
    well = stack.postgresql.accepts() and _all_run(services)
    return Machine("database", "database", address, well, services, [address])


def _monitor(stack: Stack, wished: Options) -> Machine:
    found = {daemon_name(name): each for name, each in stack.monitor.found_parts().items()}
    wanted = [daemon_name(name) for name in names(stack.monitor.around(wished))]
    services = [replace(_service(name, found), detail="") for name in wanted]
    return Machine("monitor", "monitor", HOST, _all_run(services), services, [HOST])


def _service(name: str, found: dict[str, Found], complaint: str = "") -> Service:
    one = found[name]
    if one.leftovers:
        detail = f"its main process is gone; {len(one.leftovers)} left behind"
    elif one.pid:
        detail = complaint or _what_runs(one)
    else:
        detail = ""
    return Service(name, one.pid is not None, one.pid, detail)


def _what_runs(found: Found) -> str:
    workers = found.marks.get("workers")
    return found.marks.get("version", "") + (f", workers: {workers}" if workers else "")


def _all_run(services: list[Service]) -> bool:
    return all(service.running for service in services)
