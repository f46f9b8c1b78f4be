"""What the agents and the hypervisor leave on the machine: guests, namespaces, bridges, rules."""

import re
import shlex
import signal
from pathlib import Path

from devcloud import command, preflight, supervisor
from devcloud.stage import Stage

QEMU = re.compile(r"guest=instance-[0-9a-f]{8}\b")
NAMESPACE = re.compile(r"^(?:qdhcp|qrouter)-[0-9a-f-]{36}\b", re.MULTILINE)
# A tenant's bridge, its ports, and the ends of the namespaces' cables, as Neutron names them.
DEVICE = re.compile(r"(?:brq|tap)[0-9a-f]{8}-[0-9a-f]{2}")


def processes() -> list[int]:
    """The ids of the guests' QEMU processes."""
    found = []
    for pid in command.pids():
        line = command.process_command_line(pid)
        if "qemu-system" in line.partition(" ")[0] and QEMU.search(line):
            found.append(pid)
    return found


def stop(stage: Stage) -> None:
    """End the guests, whose QEMU processes would outlive libvirtd."""
    running = processes()
    # nova-compute would put its guests' state right again, so it goes first.
    if running and supervisor.running():
        command.try_run(["supervisorctl", "-c", supervisor.CONF, "stop", "nova-compute"])
    supervisor.end(running, signal.SIGTERM, 10)
    if running:
        stage.done(f"{len(running)} ended")


def remove_networks() -> None:
    """Remove the namespaces, bridges and rules that Neutron's agents have made."""
    for namespace in NAMESPACE.findall(command.run(["ip", "netns", "list"])):
        inside = command.run(["ip", "netns", "pids", namespace]).split()
        supervisor.end([int(pid) for pid in inside], signal.SIGTERM, 5)
        command.run(["ip", "netns", "delete", namespace])
    for path in Path("/sys/class/net").iterdir():
        if DEVICE.fullmatch(path.name):
            command.try_run(["ip", "link", "delete", path.name])
    # A purge that was killed has taken these programs away already.
    if not all(map(command.is_there, ("iptables-save", "ipset", "ebtables"))):
        return
    for table in ("filter", "nat", "mangle", "raw"):
        _remove_chains(["iptables", "-w"], table)
        _remove_chains(["ip6tables", "-w"], table)
    for name in command.run(["ipset", "list", "-n"]).split():
        if re.match(r"NIPv[46]", name):
            command.try_run(["ipset", "destroy", name])
    _remove_ebtables()


def _remove_chains(program: list[str], table: str) -> None:
    """Remove the chains that begin with `neutron-`, and what jumps to them."""
    save = command.run([f"{program[0]}-save", "-t", table])
    lines = [line for line in save.splitlines() if "neutron-" in line]
    for line in lines:
        if line.startswith("-A"):
            command.try_run([*program, "-t", table, "-D", *shlex.split(line)[1:]])
    for line in lines:
        if line.startswith(":"):
            command.try_run([*program, "-t", table, "-X", line[1:].split()[0]])


def _remove_ebtables() -> None:
    """Remove the agent's chains against forged MAC and ARP addresses."""
    listed = command.run(["ebtables", "-t", "nat", "-L"])
    chains = re.findall(r"^Bridge chain: (neutron\S+),", listed, re.MULTILINE)
    for chain in re.findall(r"^Bridge chain: (\S+),", listed, re.MULTILINE):
        if chain in chains:
            command.try_run(["ebtables", "-t", "nat", "-F", chain])
    for line in listed.splitlines():
        if re.search(r"-j neutron", line):
            command.try_run(["ebtables", "-t", "nat", "-D", "PREROUTING", *line.split()])
    for chain in chains:
        command.try_run(["ebtables", "-t", "nat", "-X", chain])


def memory_mib() -> dict[str, int]:
    """The memory, shared pages divided among their users, of `control_plane` and `guests`."""
    ours = [pid for pid in command.pids() if preflight.is_ours(pid)]
    running = processes()
    return {
        "control_plane": sum(map(_pss_mib, set(ours) - set(running))),
        "guests": sum(map(_pss_mib, running)),
    }


def _pss_mib(pid: int) -> int:
    try:
        text = Path(f"/proc/{pid}/smaps_rollup").read_text()
    except OSError:
        return 0
    found = re.search(r"^Pss:\s+(\d+) kB", text, re.MULTILINE)
    return int(found[1]) // 1024 if found else 0
