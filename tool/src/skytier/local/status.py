"""The stack as it is, measured now."""

from collections.abc import Mapping
from urllib.parse import urlsplit

from skytier import health
from skytier.local import beside, options
from skytier.local.application import DATABASE_URL
from skytier.local.daemon import State
from skytier.local.monitor.kind import daemon_name
from skytier.local.monitor.processes import POSTGRES, names
from skytier.local.options import Options
from skytier.local.stack import LocalStack
from skytier.status import MachineStatus, ServiceStatus, Status


def measure(stack: LocalStack) -> Status:
    """Ask every service, and the application through the entry point."""
    chosen, states = options.load(stack.home), stack.states()
    if any(state.pid for state in states.values()):
        answer = health.ask(chosen.url + stack.program.health)
    else:
        answer = health.Answer(None, "it does not run")
    complaint = "" if answer else f"{stack.program.health}: {answer.status or answer.text}"
    web = [_service("application", states, complaint)]
    if stack.processes.daemon.was_started:
        web += [_service("processes", states), *beside.services(stack)]
    if stack.nginx.installed:
        web.append(_service("nginx", states))
    if stack.redis.is_part:
        web.append(_service("redis", states))
    # As on a cloud, where the monitor is on the first web server.
    monitor = _monitor(stack, chosen)
    web += [service for name, service in monitor.items() if name != POSTGRES]
    machines = [
        MachineStatus(
            name="web",
            role="web",
            address=chosen.bind,
            healthy=bool(answer) and _all_run(web),
            services=web,
            addresses=[chosen.bind],
            release=states["application"].config.get("version"),
        ),
        *([_database(stack, chosen, states, bool(answer), monitor)] if stack.has_database else []),
    ]
    healthy = all(machine.healthy for machine in machines)
    return Status("local", None, chosen.url, healthy, machines, [], beside.jobs(stack))


def _database(
    stack: LocalStack,
    chosen: Options,
    states: Mapping[str, State],
    healthy: bool,
    monitor: Mapping[str, ServiceStatus],
) -> MachineStatus:
    if chosen.postgres == options.ELSEWHERE:
        # The application is the only one that knows: its health asks the database.
        url = urlsplit((stack.home.secrets / DATABASE_URL).read_text().strip())
        address = url.hostname or "unix socket"
        services = [ServiceStatus("postgresql", healthy, None, "runs elsewhere")]
        return MachineStatus("database", "database", address, healthy, services, [address])
    exporter = [monitor[POSTGRES]] if POSTGRES in monitor else []
    services = [_service("postgresql", states), *exporter]
    address = str(stack.home.postgresql_sockets)
    well = stack.postgresql.accepts() and _all_run(services)
    return MachineStatus("database", "database", address, well, services, [address])


def _monitor(stack: LocalStack, chosen: Options) -> dict[str, ServiceStatus]:
    """The monitor's processes by their name; none where no monitor is wanted."""
    if not chosen.monitor:
        return {}
    states = stack.monitor.states()
    # What was installed since is no part of the stack before it is started.
    listed = stack.monitor.started() or names(stack.monitor.facts(chosen))
    return {
        name: ServiceStatus(daemon_name(name), states[name].pid is not None, states[name].pid, "")
        for name in listed
    }


def _service(name: str, states: Mapping[str, State], complaint: str = "") -> ServiceStatus:
    state = states[name]
    if state.leftovers:
        detail = f"its main process is gone; {len(state.leftovers)} left behind"
    elif state.pid:
        detail = complaint or _what_runs(state)
    else:
        detail = ""
    return ServiceStatus(name, state.pid is not None, state.pid, detail)


def _what_runs(state: State) -> str:
    workers = state.config.get("workers")
    return state.config.get("version", "") + (f", workers: {workers}" if workers else "")


def _all_run(services: list[ServiceStatus]) -> bool:
    return all(service.running for service in services)
