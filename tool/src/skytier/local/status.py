"""The stack as it is, measured now."""

from urllib.parse import urlsplit

from skytier import health
from skytier.local import options
from skytier.local.application import DATABASE_URL
from skytier.local.monitor.parts import POSTGRES, names
from skytier.local.monitor.service import daemon_name
from skytier.local.options import Options
from skytier.local.plan import Found
from skytier.local.stack import Stack
from skytier.status import Machine, Service, Status


def measure(stack: Stack) -> Status:
    """Ask every service, and the application through the entry point."""
    wished, found = options.load(stack.home), stack.found()
    if any(service.pid for service in found.values()):
        answer = health.ask(f"{wished.url}/health")
    else:
        answer = health.Answer(None, "it does not run")
    complaint = "" if answer else f"/health: {answer.status or answer.text}"
    web = [_service("application", found, complaint)]
    if stack.nginx.installed:
        web.append(_service("nginx", found))
    # As on a cloud, where the monitor is on the first web server.
    watching = _watching(stack, wished)
    web += [service for name, service in watching.items() if name != POSTGRES]
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
        _database(stack, wished, found, bool(answer), watching),
    ]
    return Status("local", None, wished.url, all(m.healthy for m in machines), machines, [])


def _database(
    stack: Stack,
    wished: Options,
    found: dict[str, Found],
    healthy: bool,
    watching: dict[str, Service],
) -> Machine:
    if wished.postgres == options.ELSEWHERE:
        # The application is the only one that knows: its health asks the database.
        url = urlsplit((stack.home.secrets / DATABASE_URL).read_text().strip())
        address = url.hostname or "unix socket"
        services = [Service("postgresql", healthy, None, "runs elsewhere")]
        return Machine("database", "database", address, healthy, services, [address])
    exporter = [watching[POSTGRES]] if POSTGRES in watching else []
    services = [_service("postgresql", found), *exporter]
    address = str(stack.home.postgresql_sockets)
    well = stack.postgresql.accepts() and _all_run(services)
    return Machine("database", "database", address, well, services, [address])


def _watching(stack: Stack, wished: Options) -> dict[str, Service]:
    """What watches, by the name of the part; nothing where nobody wants it."""
    if not wished.monitor:
        return {}
    found = stack.monitor.found_parts()
    # What was installed since is no part of the stack before it is started.
    listed = stack.monitor.begun() or names(stack.monitor.around(wished))
    return {
        name: Service(daemon_name(name), found[name].pid is not None, found[name].pid, "")
        for name in listed
    }


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
