"""Two machines that are set up and serve a release, for the tests that need real ones."""

import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import pytest

from skytier import roles
from skytier.poll import until
from skytier.release import Release
from skytier.services.setup import Setup
from skytier.topology import Machine
from tests.cluster import container
from tests.cluster.cluster import Cluster, cluster
from tests.cluster.conftest import COLOCATED_CACHE, TIMEOUT_S
from tests.cluster.container import Base, Container
from tests.roles.topology import DATABASE, SELF_SIGNED, WEB


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Longer bounds than elsewhere, for what needs machines."""
    for item in items:
        if "machines" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.timeout(TIMEOUT_S))


@dataclass(frozen=True)
class Machines:
    """The two, with what they were given."""

    cluster: Cluster

    @property
    def web(self) -> Container:
        return self.of(WEB)

    @property
    def database(self) -> Container:
        return self.of(DATABASE)

    @cached_property
    def secrets(self) -> dict[str, str]:
        return dict(self.cluster.secrets)

    @cached_property
    def release(self) -> Release:
        """The one that was shipped."""
        return self.cluster.release()

    def of(self, machine: Machine) -> Container:
        return self.cluster.containers[machine.name]

    def setup(self, machine: Machine) -> Setup:
        topology = self.cluster.topology()
        return roles.setup(topology, topology.of(machine.role)[0])

    def set_up(self, machine: Machine) -> None:
        self.of(machine).set_up(self.setup(machine), self.secrets)

    def wrong(self) -> dict[str, str]:
        """The checks that fail, with what they say: `web nginx`."""
        # At once: the next request, also one of Prometheus, starts an application that is stopped.
        asked = {
            f"{machine.role} {check.name}": self.of(machine).ask(check)
            for machine in (WEB, DATABASE)
            for check in self.setup(machine).checks
        }
        return {name: said for name, (code, said) in asked.items() if code}


@pytest.fixture(scope="package")
def machines(base: Base) -> Iterator[Machines]:
    """A web and a database machine, booted with their user-data, set up, with a release."""
    if reason := container.missing():
        pytest.skip(reason)
    # Longer and stranger than the tool's own, so that whatever has to be escaped is in it.
    password = secrets.token_urlsafe(24) + "'\\ %@:/?ü$\""
    secret = {"database_password": password}
    with cluster(SELF_SIGNED + COLOCATED_CACHE, secret, base=base) as made:
        yield Machines(made)


@pytest.fixture
def running(machines: Machines) -> Iterator[Machines]:
    """The same for a test that breaks something: set up anew afterwards."""
    yield machines
    for machine in (WEB, DATABASE):
        machines.set_up(machine)
    # What was started again takes a moment until it answers.
    until(lambda: not machines.wrong(), 300)
    assert machines.wrong() == {}
