"""Which processes monitor the stack on this machine, and how each is run. Starts nothing."""

import json
import sys
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from skytier import files
from skytier.local.account import Account
from skytier.local.home import Home
from skytier.local.monitor import token
from skytier.local.monitor.ports import HOST
from skytier.local.options import Options
from skytier.local.service import MACHINE_NAME, ROLE_NAME, STACK_NAME
from skytier.metrics.target import JOB, MACHINE, ROLE, SOCKET, STACK, THIS_MACHINE
from skytier.services.alertmanager import config as alertmanager
from skytier.services.prometheus import config as prometheus

"""How this stack is called in metrics."""
STATUS, METRICS = "nginx-status", "nginx-metrics"
"""The ports at which Nginx tells of itself, and leads to the application's metrics."""
PROMETHEUS, ALERTMANAGER, RECORDER = "prometheus", "alertmanager", "recorder"
NODE, POSTGRES, NGINX, REDIS = "node", "postgres", "nginx", "redis"
RETENTION = "512MB"
_RECORDER = "skytier.metrics.recorder"
_MACHINE = "skytier.metrics.machine"
# What node exporter leaves out by itself, but overlay: in a container that is the root.
_NO_DISKS = (
    "^(autofs|binfmt_misc|bpf|cgroup2?|configfs|debugfs|devpts|devtmpfs|fusectl|hugetlbfs|iso9660|"
    "mqueue|nsfs|proc|procfs|pstore|rpc_pipefs|securityfs|selinuxfs|squashfs|sysfs|tmpfs|tracefs)$"
)


@dataclass(frozen=True)
class MonitorProcess:
    """One process of the monitor."""

    name: str
    command: list[str]
    port: int | None = None
    """Where it answers by HTTP when it is ready; None where it makes the file `makes` instead."""
    texts: Mapping[Path, str] = field(default_factory=dict)
    """The files that it reads."""
    environment: Mapping[str, str] = field(default_factory=dict)
    account: Account | None = None
    """Who it runs as; None is who we are."""
    makes: Path | None = None

    @property
    def fingerprint(self) -> str:
        """Another one when anything of it changes."""
        said = [self.name, *self.command, *self.environment.values(), *self.texts.values()]
        return files.fingerprint(*said)


@dataclass(frozen=True)
class MonitorFacts:
    """What decides which processes there are."""

    home: Home
    options: Options
    programs: Mapping[str, str]
    """What the machine has, with its path."""
    ports: Mapping[str, int]
    behind_nginx: bool
    is_measured: bool
    """Whether the application has metrics."""
    has_database: bool
    database: Account | None
    """Who a PostgreSQL of ours runs as."""
    redis_url: str | None
    can_skip_bgwriter: bool
    """Whether PostgreSQL's exporter knows that option; old ones end because of it."""


def names(facts: MonitorFacts) -> list[str]:
    """The processes that this machine can have, in the order in which they start."""
    has = set(facts.programs)
    exporters = [
        *([NODE] if NODE in has or PROMETHEUS in has else []),
        *([POSTGRES] if POSTGRES in has and facts.database else []),
        *([NGINX] if NGINX in has and facts.behind_nginx else []),
        *([REDIS] if REDIS in has and facts.redis_url else []),
    ]
    if PROMETHEUS not in has:
        return [*exporters, RECORDER]
    return [*exporters, *([ALERTMANAGER] if ALERTMANAGER in has else []), PROMETHEUS]


def processes(facts: MonitorFacts) -> list[MonitorProcess]:
    """How each of `names` is run; `ports` has one for each of them, and for Nginx."""
    wanted = names(facts)
    made = [_exporter(name, facts) for name in wanted if name in (NODE, POSTGRES, NGINX, REDIS)]
    if ALERTMANAGER in wanted:
        made.append(_alertmanager(facts))
    made.append(_prometheus(facts) if PROMETHEUS in wanted else _recorder(facts))
    return made


def addresses(facts: MonitorFacts, exporters: Collection[str]) -> dict[str, str]:
    """Where each job's metrics are read on this machine, with these exporters on it.

    Without a node exporter it is `THIS_MACHINE`.
    """
    ports = facts.ports
    jobs = [name for name in (NODE, POSTGRES, NGINX, REDIS) if name in exporters]
    found = {NODE: THIS_MACHINE} | {job: f"http://{HOST}:{ports[job]}" for job in jobs}
    if not facts.is_measured:
        return found
    if facts.behind_nginx:
        application = f"{SOCKET}{facts.home.application_socket}"
    else:
        application = facts.options.url
    return {**found, "application": application}


def labels(job: str) -> dict[str, str]:
    """The labels of all that a job on this machine tells."""
    return {JOB: job, STACK: STACK_NAME, MACHINE: MACHINE_NAME, ROLE: ROLE_NAME}


def _exporter(name: str, facts: MonitorFacts) -> MonitorProcess:
    port = facts.ports[name]
    listen, program = f"{HOST}:{port}", facts.programs.get(name)
    if program is None:  # only the node exporter has a stand-in
        return MonitorProcess(name, [sys.executable, "-m", _MACHINE, str(port)], port)
    if name == NODE:
        command = [
            *(program, f"--web.listen-address={listen}"),
            f"--collector.filesystem.fs-types-exclude={_NO_DISKS}",
        ]
        return MonitorProcess(name, command, port)
    if name == POSTGRES:
        sockets = facts.home.postgresql_sockets
        # By peer authentication: there is no password. The exporter parts its source at each space,
        # quoted or not, so the path comes by itself.
        environment = {
            "DATA_SOURCE_NAME": "user=postgres dbname=postgres sslmode=disable",
            "PGHOST": str(sockets),
        }
        command = [program, f"--web.listen-address={listen}"]
        if facts.can_skip_bgwriter:
            # No chart needs it, and since PostgreSQL 17 it fails each time that it asks.
            command.append("--no-collector.bgwriter")
        return MonitorProcess(name, command, port, {}, environment, facts.database)
    if name == NGINX:
        status = f"-nginx.scrape-uri=http://{HOST}:{facts.ports[STATUS]}/"
        return MonitorProcess(name, [program, f"-web.listen-address={listen}", status], port)
    # The URL may hold a password, which no list of processes shall show.
    environment = {"REDIS_ADDR": facts.redis_url or ""}
    return MonitorProcess(name, [program, f"-web.listen-address={listen}"], port, {}, environment)


def _alertmanager(facts: MonitorFacts) -> MonitorProcess:
    path, port = facts.home.etc / "alertmanager.yml", facts.ports[ALERTMANAGER]
    receivers = alertmanager.Receivers(webhook=facts.options.alerts_to)
    arguments = alertmanager.arguments(path, facts.home.monitor / "alertmanager", f"{HOST}:{port}")
    command = [facts.programs[ALERTMANAGER], *arguments]
    return MonitorProcess(
        ALERTMANAGER, command, port, {path: alertmanager.alertmanager_yml(receivers)}
    )


def _prometheus(facts: MonitorFacts) -> MonitorProcess:
    home, ports = facts.home, facts.ports
    path, rules = home.etc / "prometheus.yml", home.etc / "rules"
    read = addresses(facts, names(facts))
    if facts.is_measured and facts.behind_nginx:
        read["application"] = f"http://{HOST}:{ports[METRICS]}"
    read |= {name: f"http://{HOST}:{ports[name]}" for name in (NODE, PROMETHEUS)}
    if ALERTMANAGER in facts.programs:
        read[ALERTMANAGER] = f"http://{HOST}:{ports[ALERTMANAGER]}"
    configuration = prometheus.PrometheusConfig(
        stack=STACK_NAME,
        targets=[
            prometheus.ScrapeTarget(
                job,
                address.removeprefix("http://"),
                MACHINE_NAME,
                ROLE_NAME,
                token.path(home) if job == "application" and facts.behind_nginx else None,
            )
            for job, address in read.items()
        ],
        rules=rules,
        alertmanager=f"{HOST}:{ports[ALERTMANAGER]}" if ALERTMANAGER in read else "",
    )
    texts = {path: prometheus.prometheus_yml(configuration)}
    alerts = prometheus.AlertRules(
        stack=STACK_NAME,
        has_database=facts.has_database,
        has_balancer=False,
        has_cache=REDIS in read,
        has_cache_members=False,
        has_backups=False,
        has_members=False,
    )
    for name, text in prometheus.rules(alerts).items():
        texts[rules / name] = text
    arguments = prometheus.arguments(
        path, home.monitor / PROMETHEUS, f"{HOST}:{ports[PROMETHEUS]}", RETENTION
    )
    return MonitorProcess(
        PROMETHEUS, [facts.programs[PROMETHEUS], *arguments], ports[PROMETHEUS], texts
    )


def _recorder(facts: MonitorFacts) -> MonitorProcess:
    path = facts.home.etc / "targets.json"
    listed = [
        {"address": where, **labels(job)} for job, where in addresses(facts, names(facts)).items()
    ]
    made = history(facts.home)
    command = [sys.executable, "-m", _RECORDER, str(path), str(made)]
    return MonitorProcess(
        RECORDER, command, texts={path: json.dumps(listed, indent=2) + "\n"}, makes=made
    )


def history(home: Home) -> Path:
    """The recorder's file."""
    return home.monitor / "history.sqlite"
