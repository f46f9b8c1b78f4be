"""What the cloud tells of what was used, against times that the test took itself."""

import csv
import io
import secrets
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from openstack.exceptions import HttpException

from skytier.costs.advice.decide import advise
from skytier.costs.advice.facts import Facts, Spare
from skytier.costs.rates import EXAMPLE
from skytier.costs.usage import ResourceKind, Usage
from skytier.deploy.kind import Known, Wanted
from skytier.openstack.resources.project import Project
from skytier.openstack.resources.server import Server
from skytier.openstack.spending import leftovers
from skytier.openstack.usages import project, servers
from skytier.openstack.usages.collected import Window
from skytier.openstack.usages.nova import Nova

from ...prometheus_history import running
from ..project import poll
from .account import Account, Operator

WAIT_S = 600
REAL, FAKE = "nova", "fake"
ZONES = (REAL, FAKE)
"""Where servers run, and where they only say so, as devcloud/up --fake-hosts has it: there they
can be resized, too."""
OFF = timedelta(seconds=2)
"""By how much a time of the cloud may differ from ours."""


class Span(NamedTuple):
    """From when something was asked for to when it was seen to be done."""

    asked: datetime
    seen: datetime

    def has(self, moment: datetime) -> bool:
        return self.asked - OFF <= moment <= self.seen + OFF


class Guest:
    """A server without a network, and when what was done to it."""

    def __init__(
        self,
        account: Account,
        name: str,
        flavor: str = "m1.tiny",
        zone: str = FAKE,
        **more: Any,
    ) -> None:
        self.account, self.compute = account, account.connection.compute
        self.server: Any = None

        def create() -> None:
            self.server = self.compute.create_server(
                name=name,
                image_id=account.connection.image.find_image("debian-12").id,
                flavor_id=self.compute.find_flavor(flavor).id,
                networks="none",
                # Where it stays when it is resized, too.
                availability_zone=zone,
                **more,
            )

        self.created = self.do(create, "ACTIVE")

    def now(self) -> Any:
        return self.compute.get_server(self.server.id)

    def do(self, call: Callable[[], object], *statuses: str) -> Span:
        asked = datetime.now(UTC)
        call()

        def done() -> bool:
            now = self.now()
            assert now.status != "ERROR", now.fault
            return now.status in statuses and now.task_state is None

        poll(done, f"it is {' or '.join(statuses)}", WAIT_S)
        return Span(asked, datetime.now(UTC))

    def delete(self) -> Span:
        asked = datetime.now(UTC)
        self.compute.delete_server(self.server)
        poll(lambda: self.server.id not in {s.id for s in self.compute.servers()}, "gone", WAIT_S)
        return Span(asked, datetime.now(UTC))


def used(account: Account, since: datetime, server: Any) -> list[Usage]:
    window = Window(since - timedelta(hours=1), datetime.now(UTC))
    found = servers.collect(account.connection, window).usages
    return [usage for usage in found if usage.id == server.id]


@pytest.fixture
def began() -> datetime:
    return datetime.now(UTC)


def of_a_stack(
    account: Account, flavor: str, zone: str = FAKE, label: str = "team", **metadata: str
) -> Guest:
    """A server that looks like the web server of a stack; `metadata` is more of it."""
    stack = Project(account.connection, f"t{secrets.token_hex(3)}", {label: "shop"})
    return Guest(
        account,
        f"{stack.stack}-web-1",
        flavor,
        zone,
        metadata={
            **stack.metadata,
            "skytier:role": "web",
            "skytier:number": "1",
            "skytier:flavor": flavor,
            "skytier:image": "debian-12",
            **metadata,
        },
        description=stack.told(role="web", flavor=flavor),
    )


@pytest.fixture
def guest(account: Account) -> Iterator[Guest]:
    guest = of_a_stack(account, "m1.tiny")
    yield guest
    guest.delete()


@pytest.fixture(params=ZONES)
def resident(account: Account, request: pytest.FixtureRequest) -> Iterator[Guest]:
    """The same in each zone that the cloud has."""
    if request.param not in {zone.name for zone in account.connection.compute.availability_zones()}:
        pytest.skip(f"the cloud has no zone {request.param}")
    guest = of_a_stack(account, "m1.tiny", request.param, label="former")
    yield guest
    guest.delete()


def test_a_servers_life_is_told_to_the_second_also_when_it_is_deleted(
    account: Account, resident: Guest, began: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    guest = resident
    compute, server = guest.compute, guest.server
    stack = server.name.removesuffix("-web-1")
    relabel(Project(account.connection, stack, {"team": "shop"}))
    stopped = guest.do(lambda: compute.stop_server(server), "SHUTOFF")
    started = guest.do(lambda: compute.start_server(server), "ACTIVE")
    resized = _resize(guest)
    shelved = guest.do(lambda: compute.shelve_server(server), "SHELVED_OFFLOADED")
    living = used(account, began, server)
    deleted = guest.delete()
    found = used(account, began, server)

    borders = [guest.created, stopped, started, *([resized] if resized else []), shelved, deleted]
    assert [s.has(u.start) for s, u in zip(borders, found, strict=False)] == [True] * len(found)
    assert [s.has(u.end) for s, u in zip(borders[1:], found, strict=True)] == [True] * len(found)
    states = ["active", "stopped", "active", *(["active"] if resized else []), "shelved_offloaded"]
    assert [each.state for each in found] == states
    assert [each.end for each in found[:-1]] == [each.start for each in found[1:]]
    assert [each.flavor for each in found[:3]] == ["m1.tiny"] * 3
    assert found[-1].flavor == ("m1.small" if resized else "m1.tiny")
    assert (found[0].vcpus, found[0].ram_mib, found[0].disk_gib) == (1, 768, 4)

    for each in (*living, *found):
        assert (each.id, each.name, each.stack, each.role) == (server.id, server.name, stack, "web")
        assert each.labels == {"team": "shop"}

    # A cloud may keep the usage API from members; this one keeps another project's.
    refused = Nova(account.connection)
    monkeypatch.setattr(refused, "_project", secrets.token_hex(16))
    used_by_another = refused.used
    monkeypatch.setattr(Nova, "used", lambda self, window: used_by_another(window))
    window = Window(began - timedelta(hours=1), datetime.now(UTC))
    from_lists = servers.collect(account.connection, window)
    assert from_lists.notes[0] == servers.REFUSED
    assert [u for u in from_lists.usages if u.id == server.id] == found


def relabel(project: Project) -> None:
    """What skytier up does when only the labels are others."""
    kind = Server(project)
    (found,) = kind.find()
    kind.reconcile(Wanted(found.key, found.attributes), found, Known(), lambda text: None)


def _resize(guest: Guest) -> Span | None:
    """Resize it, where the cloud has room for that; None where it has not."""
    small = guest.compute.find_flavor("m1.small", ignore_missing=False)
    try:
        span = guest.do(
            lambda: guest.compute.resize_server(guest.server, small), "VERIFY_RESIZE", "ACTIVE"
        )
    except HttpException:
        return None
    if guest.now().status != "VERIFY_RESIZE":
        return None
    guest.do(lambda: guest.compute.confirm_server_resize(guest.server), "ACTIVE")
    return span


@pytest.fixture
def foreign(account: Account, began: datetime) -> Iterator[str]:
    """The address of a floating IP of the project that no stack made."""
    network = account.connection.network
    public = network.find_network("public", ignore_missing=False)
    ip = network.create_ip(floating_network_id=public.id, description="hands off")
    yield ip.floating_ip_address
    network.delete_ip(ip)


def test_the_bill_has_the_floating_ip_of_nobody_from_its_allocation_on(
    account: Account, foreign: str, began: datetime
) -> None:
    allocated = Span(began, datetime.now(UTC))
    window = Window(began - timedelta(hours=1), datetime.now(UTC))

    found = project.collect(account.connection, window)

    (usage,) = [each for each in found.usages if each.kind is ResourceKind.FLOATING_IP]
    assert (usage.name, usage.stack, usage.end) == (foreign, "", window.end)
    assert allocated.has(usage.start)
    assert [note for note in found.notes if note.startswith("Of floating IPs")]


def test_the_bill_has_a_volume_with_its_size_from_its_creation_on(account: Account) -> None:
    cinder, asked = account.connection.block_storage, datetime.now(UTC)
    volume = cinder.create_volume(name="hands-off", size=1)
    try:
        poll(lambda: cinder.get_volume(volume.id).status == "available", "it is there", WAIT_S)
        created = Span(asked, datetime.now(UTC))
        window = Window(asked - timedelta(hours=1), datetime.now(UTC))
        found = project.collect(account.connection, window).usages
    finally:
        cinder.delete_volume(volume)
        poll(lambda: volume.id not in {each.id for each in cinder.volumes()}, "it is gone", WAIT_S)

    (usage,) = [each for each in found if each.id == volume.id]
    assert (usage.kind, usage.name, usage.size_gb) == (ResourceKind.VOLUME, "hands-off", 1)
    assert (usage.stack, usage.end) == ("", window.end)
    assert created.has(usage.start)


RATES = """currency = "EUR"
vcpu_hour = 3600
ram_gib_hour = 0
disk_gb_month = 0
image_gb_month = 0
floating_ip_hour = 3600
"""
"""A euro for each second of an m1.tiny, and of a floating IP."""


@pytest.fixture
def rates(operator: Operator) -> str:
    path = operator.directory / "rates.toml"
    path.write_text(RATES)
    return str(path)


def test_the_commands_tell_what_a_stack_and_its_project_cost(
    operator: Operator, guest: Guest, foreign: str, rates: str, began: datetime
) -> None:
    stack = guest.server.name.removesuffix("-web-1")
    operator.write(f'name = "{stack}"\n[cost]\nbudget = 1\n')
    other = Guest(guest.account, "somebodys-own", zone=REAL)  # it takes a second to be there
    other.delete()
    options = ("--from", "-30m", "--rates", rates)
    bill = operator.json("cost", "report", "--all", *options)
    of_stack = operator.json("cost", "report", "--by", "role", *options)
    split = operator.json("cost", "chargeback", "--by", "team", *options)
    ahead = operator.json("cost", "forecast", "--rates", rates)
    page = operator.directory / "bill.html"
    operator.run("cost", "report", "--all", "--format", "html", "--output", str(page), *options)
    rows = list(csv.DictReader(io.StringIO(_csv(operator, *options))))

    def cost(name: str) -> Decimal:
        return sum((Decimal(r["amount"]) for r in bill["rows"] if r["name"] == name), Decimal(0))

    ours = cost(guest.server.name)
    seconds = Decimal(int((datetime.now(UTC) - guest.created.asked).total_seconds()))
    assert 0 < ours <= seconds + 2
    assert cost("somebodys-own") > 0
    assert cost(foreign) > 0
    assert sum(Decimal(row["amount"]) for row in bill["rows"]) == Decimal(bill["gross"])
    assert [row["role"] for row in of_stack["rows"]] == ["web"]

    # Other tests' stacks may be in the project's bill, too.
    rows_of = {row["belongs"]: row for row in split["rows"] if row["team"] in ("", "shop")}
    assert Decimal(rows_of["label"]["stacks"][stack]) >= ours
    assert Decimal(rows_of["shared"]["own"]) >= cost("somebodys-own") + cost(foreign)
    assert sum(Decimal(row["total"]) for row in split["rows"]) == Decimal(split["gross"])

    assert ahead["passes_budget"] is True
    assert Decimal(ahead["per_hour"]) == 3600
    assert foreign in page.read_text()
    assert {row["name"] for row in rows} >= {guest.server.name, "somebodys-own", foreign}


def _csv(operator: Operator, *options: str) -> str:
    return operator.run("cost", "report", "--all", "--format", "csv", *options)


def test_advice_reports_what_is_unused_anywhere_and_touches_nothing(
    account: Account, operator: Operator, foreign: str
) -> None:
    operator.write('image = "debian-12"\nflavor = "m1.tiny"\n')
    before = account.holdings()

    advised = operator.json("cost", "advise")

    assert advised["enough_data"] is False
    assert advised["no_figures"] == "the stack skytier has no machines."
    # What was just allocated may have its use in a minute.
    assert advised["advice"] == []
    assert account.holdings() == before
    (ip,) = [each for each in leftovers.find(account.connection) if each.name == foreign]
    assert (ip.spare, ip.stack) == (Spare.IDLE, "")
    hour_later = Facts(EXAMPLE, 300, leftovers=[ip], now=datetime.now(UTC) + timedelta(hours=1))
    assert [str(each.saving) for each in advise(hour_later).advice] == ["7.30"]


def test_a_smaller_flavor_is_advised_from_a_day_of_figures(
    account: Account, operator: Operator, tmp_path: Path
) -> None:
    # Only one on a root volume may get a flavor with a smaller disk.
    guest = of_a_stack(account, "m1.small", **{"skytier:root-gib": "20"})
    try:
        name = guest.server.name
        operator.write(
            f'name = "{name.removesuffix("-web-1")}"\nimage = "debian-12"\nflavor = "m1.small"\n'
        )
        with running(tmp_path, name, datetime.now(UTC)) as url:
            advised = operator.json("cost", "advise", "--prometheus", url)
            told = operator.run("cost", "advise", "--prometheus", url)
    finally:
        guest.delete()

    # m1.small is 2 x 36.50 + 4 x 14.60 + 2.00 = 133.40 a month; zero.tiny 36.50 + 0.75 x 14.60 =
    # 47.45. Its 768 MiB have room for 30% more than a tenth of 4096.
    (advice,) = advised["advice"]
    assert advised["measured_hours"] > 24
    assert advice["what"] == f"{name}: zero.tiny instead of m1.small"
    assert advice["saving"] == "85.95"
    assert advice["evidence"].startswith("CPU p95 25%, memory p95 10% over 2")
    assert advice["reaches"] == "CPU p95 50%, memory p95 53%"
    assert advice["do"].startswith('flavor = "zero.tiny" in the section [web]')
    assert f"85.95 USD a month  {advice['what']}" in told
