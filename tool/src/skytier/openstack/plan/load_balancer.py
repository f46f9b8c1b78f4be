"""The cloud's load balancer in front of the web servers, as it should be."""

from collections.abc import Sequence
from dataclasses import replace

from skytier.deploy.kind import Key, Known, Wanted
from skytier.openstack.entry_point import BEHIND, load_balancer_address
from skytier.openstack.plan import private_network, shared_address
from skytier.openstack.plan.resolved import ResolvedStack
from skytier.openstack.resources.floating_ip import FloatingIP
from skytier.openstack.resources.load_balancer import ACTIVE, LoadBalancer
from skytier.openstack.resources.project import Project
from skytier.services.nginx import load_balanced
from skytier.services.nginx.service import HEALTH

_IDLE_MS = 3_600_000
"""Nginx ends idle connections itself, and WebSockets stay open."""


def key(resolved: ResolvedStack) -> Key:
    """The load balancer."""
    return resolved.key(LoadBalancer.name)


def wanted(
    resolved: ResolvedStack,
    project: Project,
    known: Known,
    web_servers: Sequence[Key],
    all_well: Sequence[Key],
) -> list[Wanted]:
    """The load balancer with the port that has its address, and the floating IP that leads there.

    It changes once all of `web_servers` is well, and the floating IP moves once it is there, and
    all of `all_well` is well; at once where that is empty.
    """
    if not resolved.stack.has_load_balancer:
        return _leaving(resolved, project, known, enters=bool(all_well))
    held = load_balancer_address(resolved.stack.name)
    made = [
        _port(resolved, project, held),
        _wanted(resolved, project, held, web_servers),
    ]
    if resolved.stack.has_floating_ips:
        made.append(
            Wanted(
                Key(FloatingIP.name, held.name),
                {"port": held, "tags": project.tags},
                {"external_network": resolved.choices.external_network.id},
                needs=[held, *private_network.way_out(resolved)],
                after=[*all_well, key(resolved)] if all_well else (),
            )
        )
    return made


def _leaving(
    resolved: ResolvedStack, project: Project, known: Known, *, enters: bool
) -> list[Wanted]:
    """All of it as it is, for as long as visitors still come through it.

    `enters` is whether the first web server serves, through which operators enter the others until
    then.
    """
    if not resolved.leaves_load_balancer(known):
        return []
    held, balancer = load_balancer_address(resolved.stack.name), known.get(key(resolved))
    sound = balancer is not None and not balancer.fault
    stays = [Wanted(key(resolved), {}, needs=[held])] if sound else []
    way_in = [shared_address.ssh_address(resolved, project, known, BEHIND, 1)] if enters else []
    return [_port(resolved, project, held), *stays, *way_in]


def _port(resolved: ResolvedStack, project: Project, held: Key) -> Wanted:
    port = private_network.port(resolved, project, held, groups=())
    # Octavia puts it into a group of its own.
    return replace(
        port, attributes={n: v for n, v in port.attributes.items() if n != "security_groups"}
    )


def _wanted(
    resolved: ResolvedStack, project: Project, held: Key, web_servers: Sequence[Key]
) -> Wanted:
    leads = load_balanced.ports(resolved.stack)
    members = [resolved.key("port", *place) for place in resolved.machines() if place[0] == BEHIND]
    return Wanted(
        key(resolved),
        {
            "port": held,
            "listeners": [
                {
                    "protocol": "TCP",
                    "protocol_port": port,
                    "timeout_client_data": _IDLE_MS,
                    "timeout_member_data": _IDLE_MS,
                }
                for port in leads
            ],
            "pools": [
                {"listener": port, "protocol": "PROXY", "lb_algorithm": "LEAST_CONNECTIONS"}
                for port in leads
            ],
            "members": [
                {
                    "listener": port,
                    "port": member,
                    "protocol_port": at,
                    "monitor_port": load_balanced.ASKED_PORT,
                    "weight": 1,
                }
                for port, at in leads.items()
                for member in members
            ],
            "monitors": [
                {
                    "listener": port,
                    "type": "HTTP",
                    "http_method": "GET",
                    "url_path": HEALTH,
                    "expected_codes": load_balanced.ANSWERS_WELL,
                    "delay": load_balanced.ASKS_EVERY_S,
                    "timeout": load_balanced.ANSWER_S,
                    "max_retries": 1,
                    "max_retries_down": load_balanced.FAILURES,
                }
                for port in leads
            ],
            "state": ACTIVE,
            "tags": project.tags,
        },
        {"provider": resolved.choices.provider},
        needs=[held, *members],
        after=web_servers,
    )
