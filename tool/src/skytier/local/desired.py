"""The services of the stack on this machine as resources, and the plan that leads to them."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace

from skytier.deploy.kind import Found, Wanted
from skytier.deploy.plan import Action, Rules, Step, plan
from skytier.local.application import Application
from skytier.local.monitor.kind import Monitor
from skytier.local.nginx import Nginx
from skytier.local.options import Options
from skytier.local.postgresql import Postgresql
from skytier.local.processes import Processes
from skytier.local.redis import Redis
from skytier.local.service import NOT_RUNNING, key

RELEASE, MIGRATIONS = "release", "migrations"

RULES = {
    # Before all else: what cannot be built changes nothing.
    RELEASE: Rules(within=Application.name),
    Postgresql.name: Rules(
        held_by=frozenset({Processes.name, Application.name, Nginx.name, Monitor.name})
    ),
    Redis.name: Rules(
        held_by=frozenset({Processes.name, Application.name, Nginx.name, Monitor.name})
    ),
    # There is nothing to stop.
    MIGRATIONS: Rules(within=Application.name),
    # Before the web: what does not stay up switches nothing.
    Processes.name: Rules(held_by=frozenset({Application.name, Nginx.name, Monitor.name})),
    Application.name: Rules(held_by=frozenset({Nginx.name, Monitor.name})),
    Nginx.name: Rules(held_by=frozenset({Monitor.name})),
    Monitor.name: Rules(),
}
"""What the plan knows of each kind. Each needs those before it."""


def wanted(
    configs: Mapping[str, Mapping[str, str | None]],
    options: Options,
    tasks: Collection[str] = (MIGRATIONS,),
) -> list[Wanted]:
    """The services to run: `configs` has, by kind, what each runs with; an application always.

    `tasks` are what comes before a start of the application: RELEASE, MIGRATIONS.
    """
    attributes = {**configs, **dict.fromkeys(tasks, configs[Application.name])}
    kinds = [kind for kind in RULES if kind in attributes]
    return [
        Wanted(
            key(kind),
            attributes[kind],
            creation={"options": options},
            needs=[key(before) for before in kinds[:position]],
            protected="the data" if kind == Postgresql.name else "",
        )
        for position, kind in enumerate(kinds)
    ]


def steps(wanted: Iterable[Wanted], found: Iterable[Found]) -> list[Step]:
    """The steps from the services that are found to those that are wanted.

    What is not wanted is stopped first: it may hold the port of another. Release and migrations
    are as the application is, so they run before each of its starts: it may be a new release, or
    have another database.
    """
    wanted = list(wanted)
    # A database that does not run is no service to stop.
    keys = {each.key for each in wanted}
    found = [each for each in found if each.key in keys or each.fault != NOT_RUNNING]
    tasks = [task for task in (RELEASE, MIGRATIONS) if key(task) in keys]
    done = [
        replace(each, key=key(task))
        for each in found
        if each.key.kind == Application.name
        for task in tasks
    ]
    planned = plan(wanted, [*found, *done], RULES)
    steps = [s for s in planned if not (s.key.kind in tasks and s.action is Action.KEEP)]
    return sorted(steps, key=lambda step: step.action is not Action.DELETE)
