"""Prometheus' configuration and rules, wherever it runs."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from decimal import Decimal
from itertools import groupby
from pathlib import Path

from skytier.render import render

PACKAGE = "skytier.services.prometheus"
JOBS = (
    *("node", "postgres", "nginx", "haproxy", "redis", "redis-cache", "redis-sentinel"),
    *("application", "patroni", "etcd", "prometheus", "alertmanager"),
)
"""What is scraped. Exporters are called after what they tell of."""
ALERTS = {
    "machines.yml": "skytier.services.exporters",
    "application.yml": "skytier.services.application",
    "database.yml": "skytier.services.postgresql",
    "balancer.yml": "skytier.services.haproxy",
    "cache.yml": "skytier.services.redis",
    "sentinel.yml": "skytier.services.sentinel",
    "backup.yml": "skytier.services.pgbackrest",
    "members.yml": "skytier.services.patroni",
    "stack.yml": PACKAGE,
}
"""The rule files, and the folders of the services that have them as `templates/alerts.yml.j2`."""
CONDITIONS = {
    "database.yml": "has_database",
    "balancer.yml": "has_balancer",
    "cache.yml": "has_cache",
    "sentinel.yml": "has_cache_members",
    "backup.yml": "has_backups",
    "members.yml": "has_members",
}
"""The field of AlertRules that says whether a stack has those rules. All others it has always."""
SCRAPE_INTERVAL_S = 5
"""CPU that is burnt has to be visible within 15 s, so a rate needs two samples within that."""


@dataclass(frozen=True)
class ScrapeTarget:
    """Something that tells metrics by HTTP, at /metrics."""

    job: str
    """One of JOBS."""
    address: str
    """`192.168.128.10:9100`"""
    machine: str
    """The label `machine` of all that it tells: `shop-web-1`."""
    role: str
    """The label `role`: what the machine is there for."""
    token: Path | None = None
    """The file of what it has to be shown (`Authorization: Bearer ...`), where it asks for it."""


@dataclass(frozen=True)
class PrometheusConfig:
    """What the configuration of a Prometheus depends on."""

    stack: str
    """The label `stack` of everything."""
    targets: Sequence[ScrapeTarget]
    rules: Path
    """The directory of the files of `rules`."""
    alertmanager: str = ""
    """`127.0.0.1:9093`; empty where nobody is to be told of alerts."""
    patroni_authority: Path = Path()
    """The file of the authority that vouches for the targets of the job `patroni`."""


@dataclass(frozen=True)
class AlertRules:
    """What the rules depend on."""

    stack: str
    latency_objective_ms: int = 500
    """99 of 100 requests are to be answered within this; a bound of the histogram's buckets."""
    currency: str = "USD"
    cost_per_month: Decimal | None = None
    """What the stack costs by the plan; None where it is not known."""
    budget_per_month: Decimal | None = None
    """What it may cost; None where nobody said."""
    has_database: bool = True
    has_balancer: bool = True
    has_cache: bool = True
    has_cache_members: bool = True
    """Whether Redis has several."""
    has_backups: bool = True
    has_two_places: bool = False
    """Whether backups go to two places, which their metrics name."""
    has_members: bool = True
    """Whether the database has several."""


def prometheus_yml(configuration: PrometheusConfig) -> str:
    """The text of prometheus.yml. Every target has the labels `stack`, `machine` and `role`."""
    ordered = sorted(configuration.targets, key=lambda target: JOBS.index(target.job))
    jobs = {job: list(targets) for job, targets in groupby(ordered, lambda target: target.job)}
    return render(
        PACKAGE,
        "prometheus.yml",
        **{**vars(configuration), "jobs": jobs, "scrape_interval_s": SCRAPE_INTERVAL_S},
    )


def rules(values: AlertRules) -> Mapping[str, str]:
    """The rule files: name in the rules' directory to text."""
    seconds = f"{values.latency_objective_ms / 1000:.10g}"
    if "." not in seconds:
        seconds += ".0"  # as the client library writes the bounds of its buckets
    return {
        name: render(package, "alerts.yml", **asdict(values), latency_objective_s=seconds)
        for name, package in ALERTS.items()
        if name not in CONDITIONS or getattr(values, CONDITIONS[name])
    }


def arguments(config: Path, storage: Path, listen: str, retention: str) -> list[str]:
    """The command line of `prometheus`, without the program.

    `listen` is `127.0.0.1:9090`; `retention` is a size such as `2GB`: what is over it goes, oldest
    first.
    """
    return [
        f"--config.file={config}",
        f"--storage.tsdb.path={storage}",
        f"--storage.tsdb.retention.size={retention}",
        f"--web.listen-address={listen}",
        # One person and one script look at a time; a question that is too big is refused instead
        # of taking the memory of the machine.
        "--query.max-concurrency=4",
        "--query.max-samples=10000000",
        "--query.timeout=30s",
    ]
