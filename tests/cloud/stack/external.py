"""An external network of a test's own, with IPv6, which one project alone sees.

The one of the devcloud has no IPv6, and what is changed there every router on it would notice.
"""

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import openstack

from .account import ADMIN, Account

IPV4, IPV6 = "198.51.100.0/24", "fd5b:4:6:ff::/64"


@contextmanager
def external_network(account: Account, *, with_dhcp: bool = False) -> Iterator[Any]:
    """The network. With DHCP it has a bridge on this machine before a router is on it."""
    with openstack.connect(cloud=ADMIN) as admin:
        name = f"ipv6-{secrets.token_hex(3)}"
        network = admin.network.create_network(name=name)
        try:
            for version, cidr, dhcp in ((4, IPV4, with_dhcp), (6, IPV6, False)):
                admin.network.create_subnet(
                    name=f"{name}-{version}", network_id=network.id,
                    ip_version=version, cidr=cidr, is_dhcp_enabled=dhcp,
                )  # fmt: skip
            admin.network.create_rbac_policy(
                object_type="network", object_id=network.id,
                action="access_as_external", target_project_id=account.project_id,
            )  # fmt: skip
            yield network
        finally:
            admin.network.delete_network(network)
