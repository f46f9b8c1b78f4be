"""Bringing the cloud up and down: the stages in their order."""

import shutil
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from devcloud import (
    catalog,
    clouds,
    configuration,
    databases,
    fake_hosts,
    guests,
    home,
    images,
    load_balancers,
    messages,
    network,
    objects,
    offer,
    packages,
    preflight,
    services,
    supervisor,
    volumes,
    wait,
)
from devcloud.extras import Extras
from devcloud.release import HERE
from devcloud.services import Service
from devcloud.stage import Stage, say, stage

# What the agents call at once; a server reads its queue a while after its API answers.
QUEUES = {
    "services": ("q-plugin", "q-reports-plugin", "conductor"),
    # What nobody reads yet is lost, and a load balancer stays PENDING_CREATE for ever.
    "load balancers": ("octavia_provisioning_v2",),
}


def up(with_images: bool, with_fake_hosts: bool, asked: Extras) -> None:
    """Bring the cloud to what it should be. Raises DevcloudError that says what to do."""
    start = time.monotonic()
    building: subprocess.Popen[bytes] | None = None

    def build() -> None:
        nonlocal building
        building = images.build_in_background() if with_images and HERE.has_guests else None

    preflight.check()
    with home.lock(Path("/run/lock/devcloud")):
        home.make()
        with stage("packages") as current:
            extras = _with_what_is_there(asked)
            packages.up(current, extras, build)
        if HERE.has_guests:
            with stage("network") as current:
                network.up(current, extras.objects)
        with stage("configuration") as current:
            configuration.up(current, extras)
        with stage("ground") as current:
            _ground(current)
        with stage("schemas") as current:
            databases.up(current, extras)
        with stage("catalog") as current:
            _start(current, [services.KEYSTONE])
            catalog.up(current, extras)
        with stage("services") as current:
            _start(current, services.CONTROL)
        if HERE.has_guests:
            with stage("agents") as current:
                _start(current, services.AGENTS)
        if extras.volumes:
            with stage("volumes") as current:
                volumes.make_pool(current)
                _start(current, services.CINDER)
                volumes.wait_for_cinder()
        if extras.objects:
            with stage("objects") as current:
                objects.make_pools()
                _start(current, [services.OBJECTS])
        with stage("clouds.yaml") as current:
            clouds.up(current)
        with stage("offer") as current:
            offer.up(current)
        if HERE.has_guests:
            with stage("hypervisor") as current:
                _hypervisor(current)
        fake_amphorae = extras.load_balancers and not extras.amphorae
        if with_fake_hosts or fake_amphorae or not HERE.has_guests:
            with stage("fake hosts") as current:
                _start(current, services.FAKE)
                fake_hosts.up(current)
        if extras.load_balancers:
            with stage("load balancers") as current:
                load_balancers.make_ground(current, extras.amphorae)
                _start(current, services.LOAD_BALANCERS)
                if extras.amphorae:
                    _start(current, services.AMPHORAE)
                elif supervisor.remove(services.AMPHORAE):
                    current.done("without the health manager")
        if building:
            with stage("images") as current:
                images.up(current, building)
        if not HERE.has_guests:
            with stage("images") as current:
                images.up_empty(current)
    say(f"\nThe cloud is up, after {time.monotonic() - start:.0f} s.")
    if HERE.has_guests:
        say("Try:\n    openstack --os-cloud devcloud server list")


def _with_what_is_there(asked: Extras) -> Extras:
    """What was made once comes again: servers have volumes by now, and projects have data."""
    with_objects = asked.objects or objects.are_there()
    with_volumes = asked.volumes or with_objects or volumes.are_there()
    # Of the two kinds the one that is asked for, else the one that there was.
    kept = not asked.load_balancers and load_balancers.are_amphorae()
    with_amphorae = asked.amphorae or kept
    with_load_balancers = asked.load_balancers or with_amphorae or load_balancers.are_there()
    return Extras(with_volumes, with_objects, with_load_balancers, with_amphorae)


def _ground(current: Stage) -> None:
    """MariaDB, RabbitMQ and memcached under supervisord."""
    started = ["supervisord"] if supervisor.start() else []
    if databases.make_data():
        current.doing("making the database server's data")
    started += supervisor.ensure(services.GROUND)
    databases.wait_for_server()
    if started:
        current.done(f"{', '.join(started)} started")


def _start(current: Stage, wanted: Sequence[Service]) -> None:
    started = supervisor.ensure(wanted)
    for service in wanted:
        if service.answers:
            wait.until(
                lambda url=service.answers: _answers(url),  # type: ignore[misc]
                f"{service.name} does not answer at {service.answers}",
                wait.PATIENCE_S,
                f"Look at devcloud/logs {service.name}.",
            )
    for queue in QUEUES.get(current.name, ()):
        wait.until(
            lambda name=queue: messages.consumers(name),  # type: ignore[misc]
            f"nobody reads the queue {queue}",
            60,
            "Look at devcloud/logs neutron-server and devcloud/logs nova-conductor.",
        )
    if started:
        current.done(f"{len(started)} started")


def _answers(url: str) -> bool:
    """Whether anything comes back over HTTP; an open port alone is no answer."""
    try:
        urllib.request.urlopen(url, timeout=5).close()  # noqa: S310
    except urllib.error.HTTPError as error:
        return error.code < 500
    except OSError:
        return False
    return True


def _hypervisor(current: Stage) -> None:
    """Wait until the agents and the hypervisor have reported, and give that to its cell."""
    connection = catalog.connect()
    do = "Look at devcloud/status and devcloud/logs SERVICE."

    def agents() -> bool:
        alive = {a.agent_type for a in connection.network.agents() if a.is_alive}
        return len(alive) == 4

    def hypervisor() -> bool:
        return any(
            s.binary == "nova-compute" and s.state == "up" for s in connection.compute.services()
        )

    wait.until(agents, "Neutron's agents have not reported", wait.PATIENCE_S, do)
    wait.until(hypervisor, "nova-compute has not reported", wait.PATIENCE_S, do)
    if not list(connection.compute.hypervisors()):
        fake_hosts.discover()
        current.done("the hypervisor is in its cell")


def install(with_volumes: bool) -> None:
    """Install the packages alone, where `up` itself has no way out to get them."""
    home.make()
    with stage("packages") as current:
        packages.up(current, Extras(with_volumes or volumes.are_there()), lambda: None)


def down(purge: bool) -> None:
    """Stop everything and take its traces off the network; with `purge` delete data as well."""
    with home.lock(Path("/run/lock/devcloud")):
        if HERE.has_guests:
            with stage("guests") as current:
                guests.stop(current)
        with stage("services") as current:
            supervisor.stop()
            current.done("stopped")
        if HERE.has_guests:
            with stage("network") as current:
                guests.remove_networks()
                network.down(current)
        if purge:
            clouds.purge()
            configuration.purge()
            with stage("packages") as current:
                packages.purge(current)
            with stage("data") as current:
                shutil.rmtree(home.HOME, ignore_errors=True)
                current.done(f"{home.HOME} is gone")


@dataclass(frozen=True)
class Status:
    """What runs: state by service, whether those with an address answer, memory by kind."""

    services: dict[str, str]
    answers: dict[str, bool]
    memory_mib: dict[str, int]
    healthy: bool


def status() -> Status:
    """Ask supervisord, each API and the kernel."""
    details = supervisor.details()
    wanted = [*services.ALL, *(each for each in services.OPTIONAL if each.name in details)]
    running = {service.name: details.get(service.name, "not running") for service in wanted}
    answers = {s.name: _answers(s.answers) for s in wanted if s.answers}
    well = all(answers.values()) and all(s.startswith("RUNNING") for s in running.values())
    return Status(running, answers, guests.memory_mib(), well)
