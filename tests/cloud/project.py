"""What the tests make in the project, and how it goes away again."""

import re
import secrets
import time
from base64 import b64encode
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

from openstack.connection import Connection

# Emulated guests share two cores with everything else: a bound, not an expectation.
ACTIVE_S = 600
BOOT_S = 900
GONE_S = 600
SUBNET = "192.168.128.0/24"
HOST_KEYS = re.compile(
    r"-----BEGIN SSH HOST KEY KEYS-----\s+(.*?)-----END SSH HOST KEY KEYS-----", re.DOTALL
)
Listing = dict[str, set[str]]
Found = TypeVar("Found")


def poll(ask: Callable[[], Found | None], what: str, timeout_s: float) -> Found:
    """Ask until there is an answer that is true."""
    end = time.monotonic() + timeout_s
    while not (found := ask()):
        assert time.monotonic() < end, f"not within {timeout_s} s: {what}"
        time.sleep(1)
    return found


def listing(cloud: Connection) -> Listing:
    """The ids of everything in the project, by kind."""
    network, mine = cloud.network, cloud.current_project_id
    found: dict[str, Iterator[Any]] = {
        "servers": cloud.compute.servers(),
        "key pairs": cloud.compute.keypairs(),
        "networks": network.networks(project_id=mine),
        "subnets": network.subnets(project_id=mine),
        "routers": network.routers(project_id=mine),
        "ports": network.ports(project_id=mine),
        "floating IPs": network.ips(project_id=mine),
        "security groups": network.security_groups(project_id=mine),
    }
    return {kind: {resource.id for resource in resources} for kind, resources in found.items()}


class Project:
    """A network with a router, a security group, a key pair, and the servers `web` and `inner`."""

    def __init__(self, cloud: Connection, key: Path) -> None:
        self.cloud = cloud
        self.key = key
        self.name = f"test-{secrets.token_hex(3)}"
        self.floating_ip = ""
        self.inner_address = ""
        self._network_id = ""
        self._servers: dict[str, Any] = {}
        # What takes away what was made, in the order in which it was made.
        self._undo: list[Callable[[], object]] = []

    def create(self, user_data: str) -> None:
        """Make it all, and wait until both servers are ACTIVE."""
        network, name = self.cloud.network, self.name
        group = network.create_security_group(name=name)
        self._undo.append(lambda: network.delete_security_group(group))
        network.create_security_group_rule(
            security_group_id=group.id,
            direction="ingress",
            ether_type="IPv4",
            protocol="tcp",
            port_range_min=22,
            port_range_max=22,
        )
        net = network.create_network(name=name)
        self._undo.append(lambda: network.delete_network(net))
        subnet = network.create_subnet(name=name, network_id=net.id, ip_version=4, cidr=SUBNET)
        public = network.find_network("public", ignore_missing=False)
        router = network.create_router(name=name, external_gateway_info={"network_id": public.id})
        self._undo.append(lambda: network.delete_router(router))
        network.add_interface_to_router(router, subnet=subnet.id)
        self._undo.append(lambda: network.remove_interface_from_router(router, subnet=subnet.id))
        pair = self.cloud.compute.create_keypair(
            name=name, public_key=self.key.with_suffix(".pub").read_text()
        )
        self._undo.append(lambda: self.cloud.compute.delete_keypair(pair))
        self._network_id = net.id
        for server, image in (("web", "debian-12"), ("inner", "debian-12-skytier")):
            self._create_server(server, image, user_data)
        for server in self._servers:
            poll(lambda name=server: self._active(name), f"{server} is ACTIVE", ACTIVE_S)  # type: ignore[misc]
        port = next(network.ports(device_id=self._servers["web"].id))
        ip = network.create_ip(floating_network_id=public.id, port_id=port.id)
        self._undo.append(lambda: network.delete_ip(ip))
        self.floating_ip = ip.floating_ip_address
        inner = next(network.ports(device_id=self._servers["inner"].id))
        self.inner_address = inner.fixed_ips[0]["ip_address"]

    @contextmanager
    def one_more(self) -> Iterator[str]:
        """Another server for a while, ACTIVE, which boots the image `debian-12`; its name."""
        self._create_server("more", "debian-12", "")
        try:
            poll(lambda: self._active("more"), "more is ACTIVE", ACTIVE_S)
            yield f"{self.name}-more"
        finally:
            self._undo.pop()()

    @contextmanager
    def another_group(self, server: str) -> Iterator[None]:
        """One more security group for the port of a server, for a while."""
        network = self.cloud.network
        group = network.create_security_group(name=f"{self.name}-{server}")
        port = next(network.ports(device_id=self._servers[server].id))
        before = port.security_group_ids
        try:
            network.update_port(port, security_groups=[*before, group.id])
            yield
        finally:
            network.update_port(port, security_groups=before)
            network.delete_security_group(group)

    def _create_server(self, server: str, image: str, user_data: str) -> None:
        compute = self.cloud.compute
        made = compute.create_server(
            name=f"{self.name}-{server}",
            image_id=self.cloud.image.find_image(image, ignore_missing=False).id,
            flavor_id=compute.find_flavor("m1.tiny", ignore_missing=False).id,
            networks=[{"uuid": self._network_id}],
            security_groups=[{"name": self.name}],
            key_name=self.name,
            user_data=b64encode(user_data.encode()).decode(),
        )
        self._servers[server] = made
        self._undo.append(lambda: self._delete_server(made))

    def _active(self, name: str) -> bool:
        found = self.cloud.compute.get_server(self._servers[name].id)
        assert found.status != "ERROR", found.fault
        return bool(found.status == "ACTIVE")

    def _delete_server(self, server: Any) -> None:
        self.cloud.compute.delete_server(server)
        gone = lambda: not [s for s in self.cloud.compute.servers() if s.id == server.id]  # noqa: E731
        poll(gone, f"{server.name} is gone", GONE_S)

    def console(self, name: str) -> str:
        """The text on a server's console so far."""
        said = self.cloud.compute.get_server_console_output(self._servers[name].id)
        return str(said["output"])

    def host_key(self, name: str) -> str:
        """A server's SSH host key, from its console, which only the project can read."""

        def ask() -> str | None:
            found = HOST_KEYS.search(self.console(name))
            return found[1].splitlines()[0].strip() if found else None

        return poll(ask, f"{name} has its host keys on the console", BOOT_S)

    def delete(self) -> None:
        """Delete it all, the last first. What is gone already is no error."""
        while self._undo:
            self._undo.pop()()
