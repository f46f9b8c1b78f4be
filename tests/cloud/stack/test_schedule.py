"""A schedule of web servers, on machines that only say that they run."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from .account import RESOURCES, Account, Operator

STACK = 'image = "debian-12"\nflavor = "m1.tiny"\navailability_zone = "fake"\n'


@pytest.fixture
def night(account: Account, operator: Operator, name: str) -> Iterator[str]:
    """The stack with two web servers of which one does at night, and it is night."""
    if "fake" not in {zone.name for zone in account.connection.compute.availability_zones()}:
        pytest.skip("the cloud has no zone fake")
    now = datetime.now(UTC)
    begin, end = (f"{now + timedelta(hours=hours):%H:%M}" for hours in (-1, 3))
    two = f'name = "{name}"\n{STACK}[monitor]\nenabled = false\n[web]\ncount = 2\n'
    operator.write(two)
    resources(operator, "up")
    operator.write(f'{two}[[web.schedule]]\nfrom = "{begin}"\nto = "{end}"\ncount = 1\n')
    yield f"from {begin} to {end} (UTC)"
    resources(operator, "down")


def resources(operator: Operator, what: str) -> None:
    with operator.start(what, program=RESOURCES) as popen:
        said, _ = popen.communicate(timeout=600)
    assert popen.returncode == 0, said


def test_at_night_the_last_web_server_goes_and_the_first_stays_behind_the_balancer(
    account: Account, operator: Operator, night: str, name: str
) -> None:
    def there() -> set[str]:
        return {server.name for server in account.connection.compute.servers()}

    before = there()
    plan = operator.json("plan")
    estimate = operator.json("cost", "estimate")
    resources(operator, "up")

    web = [f"{name}-web-{number}" for number in (1, 2)]
    always = {f"{name}-database-1", f"{name}-balancer-1"}
    assert before == {*always, *web}
    assert plan["schedule"] == f"By the schedule 1 web server now, {night}."
    deleted = {(s["kind"], s["resource"]) for s in plan["steps"] if s["action"] == "delete"}
    assert deleted >= {("server", web[1]), ("port", web[1])}
    assert {each for _, each in deleted} == {web[1]}
    assert there() == {*always, web[0]}
    # The balancer and its address stay at every hour.
    assert {ip.description.split()[-1] for ip in addresses(account)} == {f"{name}-balancer-1"}
    # 20 of 24 hours, as 168 have 140.
    hours = {each["name"]: each["hours_a_week"] for each in estimate["resources"]}
    assert (hours[web[0]], hours[web[1]]) == ("168", "140")


def addresses(account: Account) -> list[Any]:
    network = account.connection.network
    return list(network.ips(project_id=account.project_id))
