"""What the application runs on this machine, the web and beside it, measured now."""

import json
import time
from collections.abc import Iterable
from datetime import UTC, datetime

import psutil

from skytier.errors import SkytierError
from skytier.local import options
from skytier.local.service import MACHINE_NAME
from skytier.local.stack import LocalStack
from skytier.release.jobs import statuses
from skytier.status import JobStatus, ProcessStatus, ServiceStatus


def processes(stack: LocalStack) -> list[ProcessStatus]:
    """The web, and each process beside it. Raises SkytierError when nothing runs."""
    web = stack.application.state()
    if web.pid is None:
        raise SkytierError("The application does not run.", "Start it: skytier up")
    release = web.config.get("version", "")
    found = [_process("web", 1, release, web.pid, _family(web.pid), 0)]
    for each in stack.processes.processes():
        release = stack.processes.state().config.get("version", "")
        there = _family(each.pid) if each.pid else []
        found.append(_process(each.name, each.number, release, each.pid, there, each.restarts))
    return found


def jobs(stack: LocalStack) -> list[JobStatus]:
    """Each job with its last run."""
    _, described = stack.processes.described()
    if not described:
        return []
    try:
        chosen = options.load(stack.home)
        psql = {"SKYTIER_PSQL": str(stack.postgresql.psql(chosen))}
        said = stack.application.run_words(chosen, stack.program.launched("jobs"), "jobs", psql)
        last = json.loads(said)
    except SkytierError:
        last = None
    return statuses(described, last, datetime.now(UTC))


def services(stack: LocalStack) -> list[ServiceStatus]:
    """A line for each kind of process, where there are any."""
    described, _ = stack.processes.described()
    there = stack.processes.processes()
    found = []
    for each in described:
        up = [one.pid for one in there if one.name == each["name"] and one.pid]
        said = f"{len(up)} of {each['count']} run"
        pid = up[0] if up else None
        found.append(ServiceStatus(each["name"], len(up) == each["count"], pid, said))
    return found


def run_job(stack: LocalStack, name: str) -> int:
    """Run a job now, with its output here. Returns its exit code."""
    known = [each["name"] for each in stack.processes.described()[1]]
    if name not in known:
        raise SkytierError(
            f"The application has no job {name}.",
            f"It has: {', '.join(known)}" if known else "Describe it: [[application.job]]",
        )
    chosen = options.load(stack.home)
    psql = {"SKYTIER_PSQL": str(stack.postgresql.psql(chosen))}
    return stack.application.attend_words(chosen, stack.program.launched("job", name, "now"), psql)


def _family(pid: int) -> list[psutil.Process]:
    try:
        first = psutil.Process(pid)
        return [first, *first.children(recursive=True)]
    except psutil.Error:
        return []


def _process(
    name: str,
    number: int,
    release: str,
    pid: int | None,
    members: Iterable[psutil.Process],
    restarts: int,
) -> ProcessStatus:
    memory, age = 0, None
    for each in members:
        try:
            memory += each.memory_info().rss
            if each.pid == pid:
                age = round(time.time() - each.create_time())
        except psutil.Error:
            continue
    state = "running" if pid else "stopped"
    used = memory if pid else None
    return ProcessStatus(MACHINE_NAME, name, number, release, state, pid, age, used, restarts)
