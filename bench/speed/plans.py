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
) -> Iterator[Plan]:
    """The plans, narrowed to what was asked for.

    A number of connections that none of them has is measured through Nginx, with all the work.
    """
    known = {plan.setting.connections for plan in plans}
    new = [Plan(Setting(NGINX, n), ALL, 7, 0.5) for n in connections or () if n not in known]
    for plan in [*plans, *new]:
        if connections and plan.setting.connections not in connections:
            continue
        kept = tuple(work for work in plan.works if not works or work in works)
        if kept:
            yield replace(plan, works=kept, rounds=rounds or plan.rounds)
