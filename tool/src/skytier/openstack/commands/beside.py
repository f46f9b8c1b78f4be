"""What the application runs on the web servers, the web and beside it."""

import json
import shlex
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from typing import Any

from skytier.errors import SkytierError
from skytier.hosts.host import Host
from skytier.hosts.ssh import Ssh, SshHost
from skytier.openstack.commands.ssh_target import ssh_target
from skytier.openstack.machines.access import Access
from skytier.openstack.plan.kinds import resources_now
from skytier.openstack.plan.releases import web_servers
from skytier.openstack.stack import CloudStack
from skytier.release.jobs import statuses
from skytier.status import JobStatus, ProcessStatus, ServiceStatus

_ASK = """
[ -x /usr/local/sbin/skytier-units ] && /usr/local/sbin/skytier-units status
"""
_ASK_JOBS = "/usr/local/sbin/skytier-app jobs"


def told(host: Host) -> Mapping[str, Any]:
    """What a web server says of its processes and jobs. Raises SkytierError."""
    found: Mapping[str, Any] = json.loads(host.run(_ASK))
    return found


def services(told: Mapping[str, Any]) -> list[ServiceStatus]:
    """A line for each kind of process of the release that serves, besides the web."""
    there = [
        each
        for each in told["processes"]
        if each["kind"] == "process" and each["name"] != "web"
        if each["release"] == told["release"]
    ]
    found = []
    for name in dict.fromkeys(each["name"] for each in there):
        up = [each["up"] for each in there if each["name"] == name]
        found.append(ServiceStatus(name, all(up), None, f"{sum(up)} of {len(up)} run"))
    return found


def jobs_of(host: Host, told: Mapping[str, Any]) -> list[JobStatus]:
    """Each job with its last run in the whole stack, by what one web server knows."""
    if not told["jobs"]:
        return []
    try:
        last = json.loads(host.run(_ASK_JOBS))
    except SkytierError:
        last = None
    return statuses(told["jobs"], last, datetime.now(UTC))


def processes(stack: CloudStack) -> list[ProcessStatus]:
    """The processes of the application on each web server."""
    with _web_servers(stack) as hosts, ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(_processes_of, hosts))
    return [each for answer in answers for each in answer]


def jobs(stack: CloudStack) -> list[JobStatus]:
    """The jobs of the application, each with its last run."""
    with _web_servers(stack) as hosts:
        return first_jobs(hosts)


def first_jobs(hosts: Sequence[Host]) -> list[JobStatus]:
    """The same, by the first of some web servers that answers. Raises SkytierError."""
    for host in hosts[:-1]:
        with suppress(SkytierError):
            return jobs_of(host, told(host))
    return jobs_of(hosts[-1], told(hosts[-1]))


def run_job(stack: CloudStack, name: str) -> int:
    """Run a job now on the first web server, with its output here. Returns its exit code."""
    with ssh_target(stack, "web") as host:
        command = ("--", "sudo", "skytier-app", "job", shlex.quote(name), "now")
        return host.attend(*command, terminal=sys.stdin.isatty())


def logs(stack: CloudStack, name: str, *, follow: bool, lines: int) -> int:
    """Print what a process or a job wrote into the journals of all web servers."""
    journal = [
        *("sudo", "journalctl", "--no-pager", f"--lines={lines}"),
        *(shlex.quote(f"--unit=skytier-{kind}@{name}{more}") for kind, more in _UNITS),
        *(["--follow"] if follow else []),
    ]
    with _web_servers(stack) as hosts:
        shell = hosts[0].ssh
        command = ["ssh", "-F", str(shell.config), "-o", "BatchMode=yes"]
        running = [subprocess.Popen([*command, each.name, *journal]) for each in hosts]
        try:
            return max(each.wait() for each in running)
        except KeyboardInterrupt:
            return 0
        finally:
            for each in running:
                each.terminate()


_UNITS = (("process", ".*"), ("job", ".service"))


def _processes_of(host: Host) -> list[ProcessStatus]:
    try:
        return [_process(host.name, each) for each in told(host)["processes"]]
    except SkytierError:
        return [ProcessStatus(host.name, "web", 1, "", "unreachable", None, None, None, 0)]


def _process(machine: str, each: Mapping[str, Any]) -> ProcessStatus:
    return ProcessStatus(
        machine,
        *(each["name"], each["number"], each["release"], each["state"], each["pid"]),
        *(each["age_s"], each["memory_bytes"], each["restarts"]),
    )


@contextmanager
def _web_servers(stack: CloudStack) -> Iterator[Sequence[SshHost]]:
    known = resources_now(stack.kinds)
    names = web_servers(known)
    with Ssh() as shell:
        Access(stack.connection, stack.operator, shell).write(known)
        yield [SshHost(shell, name) for name in names]
