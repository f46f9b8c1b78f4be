"""An external or provider network of a test's own, with IPv6, which one project alone sees.

The one of the devcloud has no IPv6, and what is changed there every router on it would notice.
"""

import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from ipaddress import ip_network
from typing import Any

import openstack

from .account import ADMIN, Account

IPV4, IPV6 = "198.51.100.0/24", "fd5b:4:6:ff::/64"


@contextmanager
def external_network(account: Account, *, with_dhcp: bool = False) -> Iterator[Any]:
    """For routers. With DHCP it has a bridge on this machine before a router is on it."""
    addresses = {IPV4: {"is_dhcp_enabled": with_dhcp}, IPV6: {"is_dhcp_enabled": False}}
    with _network(account, "access_as_external", addresses) as network:
        yield network


@contextmanager
def provider_network(account: Account) -> Iterator[Any]:
    """For machines, which make their IPv6 addresses by themselves (SLAAC)."""
    dhcp = {"is_dhcp_enabled": True}
    addresses = {IPV4: dhcp, IPV6: {**dhcp, "ipv6_address_mode": "slaac"}}
    with _network(account, "access_as_shared", addresses) as network:
        yield network


@contextmanager
def _network(
    account: Account, action: str, addresses: Mapping[str, Mapping[str, Any]]
) -> Iterator[Any]:
    with openstack.connect(cloud=ADMIN) as admin:
        name = f"ipv6-{secrets.token_hex(3)}"
        network = admin.network.create_network(name=name)
        try:
            for cidr, options in addresses.items():
                version = ip_network(cidr).version
                admin.network.create_subnet(
                    name=f"{name}-{version}", network_id=network.id,
                    ip_version=version, cidr=cidr, **options,
                )  # fmt: skip
            admin.network.create_rbac_policy(
                object_type="network", object_id=network.id,
                action=action, target_project_id=account.project_id,
            )  # fmt: skip
            yield network
        finally:
            admin.network.delete_network(network)
