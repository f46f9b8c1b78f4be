"""How much is measured: a full run, or a quick one."""

from collections.abc import Iterator, Sequence
from dataclasses import replace

from bench.speed.measure import DIRECT, MAIN, NGINX, Plan, Setting
from bench.speed.work import WORK

ALL = tuple(WORK)
QUICK = (Plan(MAIN, ALL, rounds=3, seconds=0.3),)
FULL = (
    Plan(MAIN, ALL, rounds=7, seconds=0.5),
    Plan(Setting(NGINX, 256), ("one", "list", "create"), rounds=7, seconds=0.5),
    Plan(Setting(DIRECT, 32), ("one", "list", "create"), rounds=7, seconds=0.4),
    Plan(Setting(DIRECT, 256), ("one",), rounds=7, seconds=0.5),
)
NOISE = Plan(MAIN, ("one",), rounds=7, seconds=0.5)


def chosen(
    plans: Sequence[Plan],
    works: Sequence[str] | None = None,
    connections: Sequence[int] | None = None,
    rounds: int | None = None,
    *,
    direct: bool = False,
) -> Iterator[Plan]:
    """The plans, narrowed to what was asked for.

    Who names connections, or asks `direct`, gets all the work with these connections through
    Nginx, and without it where that was asked for.
    """
    if connections or direct:
        doors = (NGINX, DIRECT) if direct else (NGINX,)
        settings = [Setting(door, n) for n in connections or (MAIN.connections,) for door in doors]
        plans = [replace(plans[0], setting=setting) for setting in settings]
    for plan in plans:
        if kept := tuple(work for work in plan.works if not works or work in works):
            yield replace(plan, works=kept, rounds=rounds or plan.rounds)
