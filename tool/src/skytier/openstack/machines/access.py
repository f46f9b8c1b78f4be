"""The way into a stack's machines: who they are, where, and by which host key."""

import threading
import time
from collections.abc import Mapping, Sequence

from openstack.connection import Connection

from skytier.deploy.kind import Found, Key, Tell
from skytier.errors import SkytierError
from skytier.hosts.host import CommandError, Host, UnreachableError
from skytier.hosts.ssh import HostKeyError, Ssh, SshHost
from skytier.hosts.ssh_config import SshEntry, is_address, is_word
from skytier.openstack.entry_point import leads_to
from skytier.openstack.machines import host_keys
from skytier.openstack.machines.operator import OperatorFiles, Way
from skytier.openstack.resources.server import RUNNING
from skytier.roles import ROLES

REACH_TIMEOUT_S = 300.0
DIRECTLY = Way()


def hosts(known: Mapping[Key, Found], way: Way = DIRECTLY) -> list[SshEntry]:
    """Every machine with an address, those entered directly first: the first is the bastion.

    A server with a name that ssh would take for something else is none of ours.
    """
    servers = {
        key.name: found
        for key, found in known.items()
        if key.kind == "server" and is_word(key.name) and is_word(found.id)
    }
    ports = {key.name: found for key, found in known.items() if key.kind == "port"}
    public = {
        name: found.facts["address"]
        for key, found in known.items()
        if key.kind in ("floating IP", "public port") and is_address(found.facts["address"] or "")
        if (name := leads_to(key, known))
    }
    if way.bastion:
        # Their security group lets in the operator's networks, and not each other.
        public = {
            name: ports[name].facts["address"]
            for name in _entered(way, servers, ports)
            if name in ports and _is_reached(ports[name])
        }
    # Of several that are entered directly, one that runs leads to the others.
    order = sorted(servers, key=lambda name: (name not in public, is_away(servers[name]), name))
    bastion = next((name for name in order if name in public), None)
    found = []
    for name in order:
        server = servers[name]
        if name in public:
            found.append(SshEntry(name, public[name], server.id, jump=way.jump or None))
        elif bastion and name in ports and is_address(ports[name].facts["address"]):
            found.append(SshEntry(name, ports[name].facts["address"], server.id, bastion))
    return found


def _entered(way: Way, servers: Mapping[str, Found], ports: Mapping[str, Found]) -> Sequence[str]:
    """Those that let operators in now. Where a balancer comes or goes, these are other machines
    until `up` changes their security groups."""
    leaving = [name for name, role in ROLES.items() if role.fronts and role.fronts == way.role]
    if former := [name for role in leaving for name in _of_role(role, servers)]:
        return former
    # A port outlives its server, so this one has not come yet.
    if way.bastion not in ports and (behind := ROLES[way.role].fronts if way.role else ""):
        return _of_role(behind, servers)
    return [way.bastion, *_of_role(way.role, servers)]


def as_led(known: Mapping[Key, Found], led: Mapping[Key, Found]) -> dict[Key, Found]:
    """What is known, with the floating IPs that are `led` as they lead by now.

    Neutron leads one to a port: another one that led there before does so no more.
    """
    ports = {each.attributes["port"] for each in led.values()}
    stay = {
        key: each
        for key, each in known.items()
        if key.kind != "floating IP" or each.attributes["port"] not in ports
    }
    return {**stay, **led}


def is_away(server: Found) -> bool:
    """Whether a server is broken or off, as far as Nova knows."""
    return bool(server.fault) or server.attributes.get("power", RUNNING) != RUNNING


def _of_role(role: str, servers: Mapping[str, Found]) -> list[str]:
    return [each for each, server in servers.items() if role and server.facts.get("role") == role]


def _is_reached(port: Found) -> bool:
    return is_address(port.facts["address"] or "")


class Access:
    """Opens the way to each machine when it is asked for.

    Who changes the stack may `publish` the ways: they are written down for people, too.
    """

    def __init__(
        self,
        connection: Connection,
        operator: OperatorFiles,
        shell: Ssh,
        *,
        publish: bool = False,
    ) -> None:
        self._publish = publish
        self.connection = connection
        self._operator = operator
        # Several steps use this at once, and each knows only what was there when it began.
        self._known: dict[Key, Found] = {}
        self._led: dict[Key, Found] = {}  # the floating IPs that were set to lead to a port
        self._hosts: dict[str, SshEntry] = {}
        self._keys: dict[str, str] = {}
        self._reached: dict[str, str] = {}  # the id of the server that let us in, by name
        self._lock = threading.Lock()
        self.shell = shell

    def open(self, name: str, known: Mapping[Key, Found], tell: Tell) -> Host:
        """Wait until a machine lets us in. One that did so before is not asked again.

        One that has taken its place since is another machine. Raises SkytierError which says what
        keeps us out.
        """
        server = known.get(Key("server", name))
        if server and self._reached.get(name) == server.id:
            return SshHost(self.shell, name)
        there = self._ways(known)
        if name not in there:
            raise SkytierError(
                f"There is no way to {name}: neither it nor another machine of the stack has a "
                "floating IP, or another address that can be reached directly.",
                "Run skytier up.",
            )
        needed = [there[name], *([there[via]] if (via := there[name].via) else [])]
        for host in needed:
            if not host_keys.is_key(self._keys.get(host.server_id, "")):
                found = self.connection.compute.get_server(host.server_id)
                self._learn(host, host_keys.learn(self.connection, found, tell))
        self.write(known)
        reached = self.reach(name, tell)
        self._reached[name] = there[name].server_id
        return reached

    def enter(self, name: str, known: Mapping[Key, Found]) -> Host:
        """A machine that lets us in by now; nothing is waited for.

        What is `known` may be older than what is known here, and have machines that are to go.
        """
        with self._lock:
            # Others that are to go lead nowhere any more.
            own = {k: f for k, f in known.items() if name in (k.name, leads_to(k, known))}
            there = {**own, **self._known} if self._known else known
            ways = self._ways(there)
            needed = (name, ways[name].via) if name in ways else ()
            self._tell({each: ways[each] for each in needed if each}, there)
        return SshHost(self.shell, name)

    def write(self, known: Mapping[Key, Found]) -> None:
        """Tell ssh the ways, from what is known by now."""
        with self._lock:
            self._known |= known
            self._tell(self._ways(self._known), known)

    def led(self, address: Found, known: Mapping[Key, Found], *, moved: bool) -> None:
        """Go by where a floating IP leads now, whatever steps that began before know of it.

        `moved` is whether it led elsewhere before.
        """
        with self._lock:
            self._led[address.key] = address
            self._known = {**known, **self._known}
            if moved:
                self.shell.connect_anew()
            self._tell(self._ways(self._known), self._known)

    def _ways(self, known: Mapping[Key, Found]) -> dict[str, SshEntry]:
        found = hosts(as_led(known, self._led), self._operator.way)
        return {host.name: host for host in found}

    def _tell(self, hosts: Mapping[str, SshEntry], known: Mapping[Key, Found]) -> None:
        """Tell ssh these ways, beside those that it was told."""
        self._hosts |= hosts
        for key, each in known.items():
            pinned = each.facts.get("metadata", {}).get(host_keys.HOST_KEY)
            if key.kind == "server" and pinned:
                self._keys.setdefault(each.id, pinned)
        ways, keys = list(self._hosts.values()), host_keys.known_hosts(self._keys)
        self.shell.know(ways, self._operator.key, keys)
        if self._publish:
            self._operator.write_hosts(ways, keys)

    def _learn(self, host: SshEntry, key: str) -> None:
        with self._lock:
            self._keys[host.server_id] = key

    def reach(self, name: str, tell: Tell) -> Host:
        """Wait until a machine lets us in by a way that is known.

        One that was entered before has to be reached again once the bastion may have restarted:
        connections that went through it are gone. Raises SkytierError.
        """
        deadline = time.monotonic() + REACH_TIMEOUT_S
        while True:
            tell("waiting for SSH")
            try:
                self.shell.run(name, "true", timeout_s=60)
            except (UnreachableError, CommandError) as error:
                # No waiting makes another key of it.
                if isinstance(error, HostKeyError):
                    raise
                if time.monotonic() > deadline:
                    raise self._without_key(name) or error from error
                time.sleep(1)
            else:
                return SshHost(self.shell, name)

    def _without_key(self, name: str) -> SkytierError | None:
        """That this machine, or the one on the way to it, has no key of anybody's."""
        there = self._hosts.get(name)
        for each in [there.via, name] if there else []:
            found = self._hosts.get(each or "")
            if found and host_keys.knows_no_key(self.connection, found.server_id):
                return SkytierError(
                    f"{name} cannot be reached: {found.name} got no metadata from the cloud when "
                    "it booted, so it knows no SSH key.",
                    "See that the cloud's metadata service works, and restart the machine: "
                    f"openstack server reboot {found.server_id}. It may have another host key "
                    "then, and skytier up says how to trust it.",
                )
        return None
