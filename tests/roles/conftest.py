"""Two machines that are set up and serve a release, for the tests that need real ones."""

import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import pytest

from skytier import release, roles
from skytier.poll import until
from skytier.release.target import Target
from skytier.services.setup import Setup
from skytier.topology import Machine
from tests.roles import container, secrets
from tests.roles.container import Container
from tests.roles.topology import DATABASE, TOPOLOGY, WEB

# The first one makes the image that they boot.
TIMEOUT_S = 900


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Longer bounds than elsewhere, for what needs machines."""
    for item in items:
        if "machines" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.timeout(TIMEOUT_S))


@dataclass(frozen=True)
class Machines:
    """The two, with what they were given."""

    web: Container
    database: Container
    secrets: dict[str, str]
    release: release.Release

    def of(self, machine: Machine) -> Container:
        return self.web if machine is WEB else self.database

    def setup(self, machine: Machine) -> Setup:
        return roles.setup(TOPOLOGY, machine)

    def set_up(self, machine: Machine) -> None:
        self.of(machine).set_up(self.setup(machine), self.secrets)

    def wrong(self) -> dict[str, str]:
        """The checks that fail, with what they say."""
        asked = {
            f"{machine.role} {check.name}": self.of(machine).ask(check)
            for machine in (WEB, DATABASE)
            for check in self.setup(machine).checks
        }
        return {name: said for name, (code, said) in asked.items() if code}


@pytest.fixture(scope="session")
def machines(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machines]:
    """A web and a database machine, booted with their user-data, set up, with a release."""
    if reason := container.missing():
        pytest.skip(reason)
    home = Path(tempfile.mkdtemp(prefix="roles"))
    # Visitors of the tests come by the private network, where there is no floating IP.
    made = secrets.make(database=DATABASE.address, web=[str(TOPOLOGY.public_address), WEB.address])
    pair = {m.role: Container(m.name, m.address, home / m.role) for m in (WEB, DATABASE)}
    web, database = pair["web"], pair["database"]
    debian = Target.likely(("debian", (12,)))
    assert debian

    def set_up(machine: Machine) -> None:
        pair[machine.role].wait()
        pair[machine.role].set_up(roles.setup(TOPOLOGY, machine), made)

    try:
        container.connect(web, database)
        for machine in (WEB, DATABASE):
            pair[machine.role].create(roles.user_data(TOPOLOGY, machine))
            pair[machine.role].start()
        with ThreadPoolExecutor() as pool:
            # All three wait most of their time.
            building = pool.submit(release.build, debian, cache=tmp_path_factory.mktemp("cache"))
            list(pool.map(set_up, (WEB, DATABASE)))
            built = building.result()
        assert release.target(web) == debian
        release.ship({"web": web}, built)
        yield Machines(web, database, made, built)
    finally:
        for each in pair.values():
            each.delete()


@pytest.fixture
def running(machines: Machines) -> Iterator[Machines]:
    """The same for a test that breaks something: set up anew afterwards."""
    yield machines
    for machine in (WEB, DATABASE):
        machines.set_up(machine)
    # What was started again takes a moment until it answers.
    until(lambda: not machines.wrong(), 60)
    assert machines.wrong() == {}
