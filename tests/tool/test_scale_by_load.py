"""What `skytier scale --auto` does of what the load asks for: as much as there is room for."""

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from types import SimpleNamespace
from typing import Any, cast

import pytest

from skytier.charts.chart import Chart
from skytier.cli import chosen
from skytier.cli import scale as command
from skytier.costs.budget import Over
from skytier.deploy.kind import Found, Key
from skytier.deploy.scaling import LOOK_BACK_S, STEP_S, Decision
from skytier.errors import SkytierError
from skytier.metrics.source import Point, Series
from skytier.openstack.choices.quota import Row
from skytier.openstack.commands import scaling
from skytier.services.exporters.charts import CPU
from skytier.services.haproxy.charts import IN_ROTATION
from skytier.stackfile import StackFile, parse

LIMITS = parse("web.count = {min = 1, max = 9}")
OVER = Over(Decimal(300), Decimal(250), "USD", refused=False)


@dataclass
class Cloud:
    """A cloud with room and money for so many web servers."""

    there: int
    room: int = 99
    paid: int = 99
    leaves_machines: bool = True
    automatic: object = LIMITS.web.automatic
    planned: list[int] = field(default_factory=list)
    made: list[int] = field(default_factory=list)

    def plan(self) -> Any:
        return SimpleNamespace(leaves_machines=self.leaves_machines)

    def of(self, read: StackFile) -> Any:
        """The dialog for a stack file."""
        count = read.web.machines

        def plan() -> Any:
            self.planned.append(count)
            cost = SimpleNamespace(over_budget=OVER if count > self.paid else None)
            return SimpleNamespace(count=count, cost=cost)

        return SimpleNamespace(stack=SimpleNamespace(plan=plan), approve_up=lambda plan: True)

    def quota(self, plan: Any) -> list[Row]:
        return [
            Row("instances", 1, limit=9),
            Row("ram_mib", 1, short_by=max(plan.count - self.room, 0)),
        ]


@pytest.fixture
def scaled(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Any:
    """Runs `scale`, and returns what it says as JSON."""

    def run(cloud: Cloud, wanted: int, *, auto: bool = True) -> Mapping[str, Any]:
        monkeypatch.setattr(chosen, "cloud_stack", lambda read: cloud)
        monkeypatch.setattr(chosen, "dialog", lambda read, file, **how: cloud.of(read))
        decided = Decision(cloud.there, wanted, "The load says so.")
        monkeypatch.setattr(scaling, "decision", lambda stack: decided)
        carried_out = lambda dialog, plan: cloud.made.append(plan.count)  # noqa: E731
        monkeypatch.setattr(command, "carry_out_up", carried_out)
        command._by_load(LIMITS, None, auto=auto, yes=True, as_json=True)
        return cast(Mapping[str, Any], json.loads(capsys.readouterr().out))

    return run


@pytest.mark.parametrize(
    ("room", "paid", "made", "planned", "note"),
    [
        (99, 99, [5], [5], None),
        (5, 5, [5], [5], None),
        (4, 99, [4], [5, 4], "It becomes 4 web servers. With 5: The project has no room ("),
        (3, 99, [3], [5, 4, 3], "It becomes 3 web servers. With 4: The project has no room ("),
        (99, 4, [4], [5, 4], f"It becomes 4 web servers. With 5: {OVER}"),
        (4, 3, [3], [5, 4, 3], f"It becomes 3 web servers. With 4: {OVER}"),
        (2, 99, [], [5, 4, 3], "Nothing is changed. With 3: The project has no room ("),
        (99, 2, [], [5, 4, 3], f"Nothing is changed. With 3: {OVER}"),
        (0, 0, [], [5, 4, 3], f"Nothing is changed. With 3: {OVER}"),
    ],
)
def test_as_many_are_made_as_the_quota_and_the_budget_allow(
    scaled: Any, room: int, paid: int, made: list[int], planned: list[int], note: str | None
) -> None:
    cloud = Cloud(2, room, paid)

    told = scaled(cloud, 5)

    assert (cloud.made, cloud.planned) == (made, planned)
    assert (told["web_servers"], told["wanted"], told["why"]) == (2, 5, "The load says so.")
    assert (told["note"] or "").startswith(note or "")
    assert bool(told["note"]) == bool(note)


def test_one_goes_whatever_the_quota_and_the_budget_are(scaled: Any) -> None:
    cloud = Cloud(5, room=0, paid=0)

    assert scaled(cloud, 4)["note"] is None
    assert (cloud.made, cloud.planned) == ([4], [4])


@pytest.mark.parametrize(
    ("wanted", "auto", "note"), [(2, True, None), (3, False, "Do it: skytier scale --auto")]
)
def test_nothing_is_planned_where_it_only_tells(
    scaled: Any, wanted: int, auto: bool, note: str | None
) -> None:
    cloud = Cloud(2)

    told = scaled(cloud, wanted, auto=auto)

    assert not cloud.planned
    assert wanted == 2 or told["note"] == note


def test_nothing_is_scaled_where_more_is_to_do_or_the_number_is_fixed(scaled: Any) -> None:
    cloud = Cloud(2, leaves_machines=False)
    with pytest.raises(SkytierError, match="the stack is not as the stack file and the source say"):
        scaled(cloud, 3)
    cloud.automatic = None
    with pytest.raises(SkytierError, match="a fixed number in the stack file"):
        scaled(cloud, 3)
    assert not cloud.planned


NAMES = ("shop-web-1", "shop-web-2")
ALL = LOOK_BACK_S // STEP_S


class Monitor:
    """Two web servers, of which one has nothing to do; and HAProxy, which says who is UP."""

    def __init__(self, in_rotation: Mapping[str, Sequence[float]]) -> None:
        self.lines: Mapping[str, Any] = {
            CPU.id: ("machine", {NAMES[0]: [90.0] * ALL, NAMES[1]: [1.0] * ALL}),
            IN_ROTATION.id: ("server", in_rotation),
        }

    def series(self, chart: Chart, start: float, end: float, step_s: float) -> list[Series]:
        assert (end - start, step_s) == (LOOK_BACK_S, STEP_S)
        label, lines = self.lines[chart.id]
        return [
            Series(
                {label: name}, [Point(start + at * step_s, each) for at, each in enumerate(line)]
            )
            for name, line in lines.items()
        ]


def decided(
    monkeypatch: pytest.MonkeyPatch,
    text: str,
    in_rotation: Mapping[str, Sequence[float]],
    members: Mapping[str, str] | None = None,
) -> Decision:
    """The decision for a stack of two web servers. `members` is what Octavia says of addresses."""

    @contextmanager
    def prometheus(stack: object) -> Iterator[Monitor]:
        yield Monitor(in_rotation)

    servers = [Found(Key("server", name), name, {}) for name in NAMES]
    monkeypatch.setattr(scaling, "web_servers", lambda project: servers)
    monkeypatch.setattr(scaling, "prometheus", prometheus)
    ports = [
        Found(Key("port", name), name, {}, {"address": f"10.0.0.{number}"})
        for number, name in enumerate(NAMES, 1)
    ]
    balancers = [Found(Key("load balancer", "shop"), "1", {}, {"members": members or {}})]
    stack = parse(f"web.count = {{min = 1, max = 9}}\n{text}")
    return scaling.decision(
        cast(
            Any,
            SimpleNamespace(
                project=None,
                stack=stack,
                cloud="mycloud",
                hours="",
                automatic=stack.web.automatic,
                lock=SimpleNamespace(audit=list),
                kinds={
                    "port": SimpleNamespace(find=lambda: ports),
                    "load balancer": SimpleNamespace(find=lambda: balancers),
                },
            ),
        )
    )


@pytest.mark.parametrize(
    ("text", "in_rotation", "members", "count"),
    [
        ("", {NAMES[0]: [1.0], NAMES[1]: [1.0]}, None, 2),
        ("", {NAMES[0]: [1.0], NAMES[1]: [1.0, 0.0]}, None, 3),
        ("", {NAMES[0]: [1.0]}, None, 3),  # HAProxy was not told of it
        ('balancer.kind = "octavia"', {}, {"10.0.0.1": "ONLINE", "10.0.0.2": "ONLINE"}, 2),
        ('balancer.kind = "octavia"', {}, {"10.0.0.1": "ONLINE", "10.0.0.2": "ERROR"}, 3),
        # Octavia tells nothing of any.
        ('balancer.kind = "octavia"', {}, {"10.0.0.1": "OFFLINE", "10.0.0.2": "OFFLINE"}, 2),
        ('balancer.kind = "none"', {}, None, 2),
    ],
)
def test_a_web_server_that_gets_no_requests_does_not_count(
    monkeypatch: pytest.MonkeyPatch,
    text: str,
    in_rotation: Mapping[str, Sequence[float]],
    members: Mapping[str, str] | None,
    count: int,
) -> None:
    assert decided(monkeypatch, text, in_rotation, members).count == count


def test_without_figures_of_the_balancer_nothing_is_scaled(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(SkytierError, match="not known which web servers get requests"):
        decided(monkeypatch, "", {})
