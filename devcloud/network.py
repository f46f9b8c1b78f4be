"""The cloud's side of the machine's network: guard routes, the external bridge, NAT, a firewall.

The resolver and the default route are read and never changed.
"""

import json
from pathlib import Path

from devcloud import command, home, machine
from devcloud.release import HERE
from devcloud.stage import Stage

BRIDGE = "br-ex"
CABLE, SOCKET = "ve-public", "ve-public-ex"
"""A cable. The bridge agent puts its first end into a bridge of its own: there guests have ports
on the external network, as routers have. The other end is in BRIDGE."""
PUBLIC, GATEWAY = HERE.public, HERE.gateway
OBJECTS_PORT = 8080
OBJECTS_TLS_PORT = 8443
OBJECTS_NAME = "objects.devcloud.test"
"""What guests call the gateway: programs want a name in the certificate of an object store."""
# The networks of the guests. The real routes have a lower metric and win while they are there.
AMPHORAE = "172.24.6.0/24"
"""Where Octavia reaches its amphorae."""
GUARDED = (PUBLIC, "192.168.128.0/24", AMPHORAE)
# For guests with IPv6: no such packet may leave by the machine's own route.
GUARDED_IPV6 = ("fd5b:4::/32",)
GUARD_METRIC = "4000"
# Where no guest has any business beyond this machine.
PRIVATE = "10.0.0.0/8,172.16.0.0/12,192.168.0.0/16,100.64.0.0/10,169.254.0.0/16"
SYSCTLS = {
    "net/ipv4/ip_forward": "1",
    "net/bridge/bridge-nf-call-iptables": "1",
    # A bridge of guests must not give the machine a default route: theirs advertise themselves.
    "net/ipv6/conf/default/accept_ra": "0",
}
PROC = Path("/proc/sys")
LINKS = Path("/sys/class/net")
BEFORE = "sysctl-before"  # in home.DONE

Rule = list[str]


def guard_routes() -> list[Rule]:
    """The `ip route` words of the guard routes: a packet that no real route takes goes nowhere."""
    guarded = (*GUARDED, *(GUARDED_IPV6 if _has_ipv6() else ()))
    return [["unreachable", network, "metric", GUARD_METRIC] for network in guarded]


def _has_ipv6() -> bool:
    return (PROC / "net/ipv6").exists()


def rules(
    device: str | None, resolvers: list[str], with_objects: bool = False
) -> dict[tuple[str, str, str], list[Rule]]:
    """The firewall by (table, builtin chain, our chain). `device` is that of the default route.

    `with_objects` is whether guests reach the object store, which listens at the gateway.
    """
    if device is None:
        return {}
    to_objects: list[Rule] = [
        ["-i", BRIDGE, "-d", f"{GATEWAY}/32", "-p", "tcp", "--dport", str(port), "-j", "ACCEPT"]
        for port in (OBJECTS_PORT, OBJECTS_TLS_PORT)
    ]
    out = ["-o", device]
    refuse = ["-j", "REJECT"]
    forward: list[Rule] = [
        # Nobody outside opens a connection to a guest.
        ["-i", device, "-o", BRIDGE, "-m", "conntrack", "--ctstate", "ESTABLISHED,RELATED",
         "-j", "ACCEPT"],
        ["-i", device, "-o", BRIDGE, "-j", "DROP"],
        # An address that a router did not translate must not leave.
        ["-i", BRIDGE, *out, "!", "-s", PUBLIC, *refuse],
    ]  # fmt: skip
    for resolver in resolvers:
        for protocol in ("udp", "tcp"):
            dns = ["-d", f"{resolver}/32", "-p", protocol, "--dport", "53"]
            forward.append(["-i", BRIDGE, *out, *dns, "-j", "ACCEPT"])
    forward += [["-i", BRIDGE, *out, "-d", private, *refuse] for private in PRIVATE.split(",")]
    # The package registries; nothing else outside is a guest's to reach.
    for port in ("80", "443"):
        forward.append(["-i", BRIDGE, *out, "-p", "tcp", "--dport", port, "-j", "ACCEPT"])
    forward.append(["-i", BRIDGE, *out, *refuse])
    return {
        ("filter", "FORWARD", "devcloud-forward"): forward,
        # A packet crosses the external network's own bridge first, which tracks it as a connection
        # without NAT. Here that connection begins anew, so that it is translated below.
        ("raw", "PREROUTING", "devcloud-prerouting"): [
            ["-i", BRIDGE, "-j", "CT", "--zone-orig", "1"]
        ],
        # Only out of the default route's device: packets between guests pass here as well, since
        # the kernel shows bridged packets to iptables, and would lose their source.
        ("nat", "POSTROUTING", "devcloud-postrouting"): [["-s", PUBLIC, *out, "-j", "MASQUERADE"]],
        # What listens on all of the machine's addresses is not the guests' business.
        ("filter", "INPUT", "devcloud-input"): [
            ["-i", BRIDGE, "-m", "conntrack", "--ctstate", "ESTABLISHED,RELATED", "-j", "ACCEPT"],
            ["-i", BRIDGE, "-p", "icmp", "-j", "ACCEPT"],
            *(to_objects if with_objects else []),
            ["-i", BRIDGE, *refuse],
        ],
    }


def rules_ipv6(device: str | None) -> dict[tuple[str, str, str], list[Rule]]:
    """The same for IPv6, by which guests have no business beyond each other."""
    if device is None:
        return {}
    refuse = ["-j", "REJECT"]
    return {
        ("filter", "FORWARD", "devcloud-forward"): [["-i", BRIDGE, "-o", device, *refuse]],
        ("filter", "INPUT", "devcloud-input"): [
            ["-i", BRIDGE, "-m", "conntrack", "--ctstate", "ESTABLISHED,RELATED", "-j", "ACCEPT"],
            # Neighbours are found by it.
            ["-i", BRIDGE, "-p", "ipv6-icmp", "-j", "ACCEPT"],
            ["-i", BRIDGE, *refuse],
        ],
    }


def up(stage: Stage, with_objects: bool) -> None:
    """Bring all of it to what it should be. Raises DevcloudError when a program fails."""
    changed = [*_guard(), *_sysctls(), *_bridge(), *_cable(), *_firewall(with_objects)]
    if changed:
        stage.done(", ".join(changed))


def _guard() -> list[str]:
    changed = []
    for route in guard_routes():
        ip = _ip(route)
        if not command.run([*ip, "route", "show", "type", *route[:2]]).strip():
            command.run([*ip, "route", "replace", *route])
            changed.append(f"guard route {route[1]}")
    return changed


def _ip(route: Rule) -> list[str]:
    return ["ip", "-6" if ":" in route[1] else "-4"]


def _sysctls() -> list[str]:
    found = {name: (PROC / name).read_text().strip() for name in SYSCTLS if (PROC / name).exists()}
    wrong = {name for name, value in found.items() if value != SYSCTLS[name]}
    if not wrong:
        return []
    before = home.DONE / BEFORE
    kept = json.loads(before.read_text()) if before.exists() else {}
    home.write(before, json.dumps(found | kept))
    for name in wrong:
        (PROC / name).write_text(SYSCTLS[name])
    return ["kernel settings"]


def _bridge() -> list[str]:
    path = LINKS / BRIDGE
    address = f"{GATEWAY}/{PUBLIC.partition('/')[2]}"
    changed = not path.exists()
    if changed:
        command.run(["ip", "link", "add", BRIDGE, "type", "bridge"])
    if f" {address} " not in command.run(["ip", "-4", "address", "show", "dev", BRIDGE]):
        command.run(["ip", "address", "replace", address, "dev", BRIDGE])
        changed = True
    accepts = PROC / f"net/ipv6/conf/{BRIDGE}/accept_ra"
    # One that was there before the default changed.
    if accepts.exists() and accepts.read_text().strip() != "0":
        accepts.write_text("0")
        changed = True
    changed |= _set_up(BRIDGE)
    return [f"bridge {BRIDGE}"] if changed else []


def _set_up(link: str) -> bool:
    """Whether it was down."""
    if int((LINKS / link / "flags").read_text(), 16) & 1:
        return False
    command.run(["ip", "link", "set", link, "up"])
    return True


def _cable() -> list[str]:
    changed = not (LINKS / CABLE).exists()
    if changed:
        mtu = ["mtu", str(machine.mtu())]
        ends = [CABLE, *mtu, "type", "veth", "peer", "name", SOCKET, *mtu]
        command.run(["ip", "link", "add", *ends])
    # A run may have ended before this, and a new bridge has no cable in it.
    if (LINKS / SOCKET / "master").resolve().name != BRIDGE:
        command.run(["ip", "link", "set", SOCKET, "master", BRIDGE])
        changed = True
    for end in (CABLE, SOCKET):
        changed |= _set_up(end)
    return [f"cable {CABLE}"] if changed else []


def _firewall(with_objects: bool) -> list[str]:
    device = machine.default_device()
    wanted = {"iptables": rules(device, machine.resolvers(), with_objects)}
    if _has_ipv6():
        wanted["ip6tables"] = rules_ipv6(device)
    mark = json.dumps(
        [[program, *key, *chain] for program, each in wanted.items() for key, chain in each.items()]
    )
    there = all(
        command.try_run([program, "-w", "-t", table, "-C", builtin, "-j", chain])
        for program, each in wanted.items()
        for table, builtin, chain in each
    )
    if there and home.is_done("firewall", mark):
        return []
    _remove_firewall()
    for program, each in wanted.items():
        for (table, builtin, chain), lines in each.items():
            words = [program, "-w", "-t", table]
            command.run([*words, "-N", chain])
            for line in lines:
                command.run([*words, "-A", chain, *line])
            # First, before the rules that Neutron's agent puts there.
            command.run([*words, "-I", builtin, "1", "-j", chain])
    home.set_done("firewall", mark)
    return ["NAT and firewall"]


def _remove_firewall() -> None:
    there = {"iptables": rules("any", []), "ip6tables": rules_ipv6("any")}
    for program, each in there.items():
        for table, builtin, chain in each:
            words = [program, "-w", "-t", table]
            while command.try_run([*words, "-D", builtin, "-j", chain]):
                pass
            if command.try_run([*words, "-F", chain]):
                command.try_run([*words, "-X", chain])


def down(stage: Stage) -> None:
    """Take all of it away again; what the kernel's settings were before comes back."""
    _remove_firewall()
    (home.DONE / "firewall").unlink(missing_ok=True)
    command.try_run(["ip", "link", "delete", CABLE])
    command.try_run(["ip", "link", "delete", BRIDGE])
    # Last of all: while a bridge stands, its guard does too.
    for route in guard_routes():
        command.try_run([*_ip(route), "route", "delete", *route])
    before = home.DONE / BEFORE
    if before.exists():
        for name, value in json.loads(before.read_text()).items():
            (PROC / name).write_text(value)
        before.unlink()
    stage.done(f"{BRIDGE}, routes and firewall rules are gone")
