"""What fails, and how it is mended. Each fault is bounded."""

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import psutil
from tests.cluster.container import Container

from bench.failing.stack import Stack
from skytier.openstack.machines.fencing import succeeded
from skytier.poll import until
from skytier.services.patroni.members import successor
from skytier.services.patroni.switchover import switch_over

LASTS_S = 35
"""How long a machine is cut off or frozen: longer than it takes to have another primary."""
ETCD_LASTS_S = 20
RANDOM_S = 300
DISK_MIB = 600
Fault = Callable[[Stack], None]


def all_faults(seed: int) -> Mapping[str, Fault]:
    """By their names, in the order in which they are tried. Each returns when it is mended.

    `seed` is of the faults by chance.
    """
    return {
        "switchover under load": _switch_over,
        "kill -9 of PostgreSQL": lambda stack: _kill(stack.primary(), _POSTGRESQL),
        "kill -9 of Patroni": lambda stack: _kill(stack.primary(), _PATRONI),
        "kill -9 of both": lambda stack: _kill(stack.primary(), f"{_PATRONI} {_POSTGRESQL}"),
        "primary's machine gone, fenced": _gone,
        "primary cut off from all": lambda stack: _cut(stack, stack.primary(), LASTS_S),
        "primary cut off from etcd": _cut_from_etcd,
        "primary's machine frozen": _freeze,
        "synchronous replica cut off": lambda stack: _cut(stack, stack.replicas()[0], LASTS_S),
        "one etcd stopped": lambda stack: _stop_etcd(stack.replicas()[:1]),
        "two etcd stopped": lambda stack: _stop_etcd(stack.replicas()[:2]),
        "disk of the primary full": _fill_disk,
        "primary cut off, then its successor killed": _two_in_a_row,
        f"faults by chance for {RANDOM_S // 60} minutes": lambda stack: _by_chance(stack, seed),
    }


_PATRONI = "$(systemctl show --property=MainPID --value skytier-patroni)"
_POSTGRESQL = "$(head -n 1 /var/lib/postgresql/*/main/postmaster.pid)"


def _kill(machine: Container, pids: str) -> None:
    machine.run(f"kill -KILL {pids}")


def _switch_over(stack: Stack) -> None:
    primary, to = successor(stack.members(), synchronous=True, wanted=None)
    switch_over(stack.machines[primary.machine], primary, to)


def _gone(stack: Stack) -> None:
    """Powered off, which is the fence; then its lease is ended as `skytier failover --fence` does.

    What Nova takes to say that it is off is no part of it.
    """
    machine = stack.primary()
    others = {name: each for name, each in stack.machines.items() if each is not machine}
    machine.kill()
    try:
        succeeded(others, machine.name)
    finally:
        stack.made.servers.start(machine.name)
        machine.wait()


def _cut(stack: Stack, machine: Container, seconds: float) -> None:
    """Both directions: the cable is pulled at the switch."""
    _cable(stack, machine, "down")
    try:
        time.sleep(seconds)
    finally:
        _cable(stack, machine, "up")


def _cable(stack: Stack, machine: Container, state: str) -> None:
    inside = ("ip", "-netns", stack.made.network.namespace)
    subprocess.run([*inside, "link", "set", machine.address, state], check=True)


def _cut_from_etcd(stack: Stack) -> None:
    """From the etcd of the other machines, and them from its own; all else reaches it."""
    namespace = stack.primary().namespace
    rules = [
        f"{chain} {way} eth0 -p tcp -m multiport --ports 2379,2380 -j DROP".split()
        for chain, way in (("INPUT", "-i"), ("OUTPUT", "-o"))
    ]
    iptables = ("ip", "netns", "exec", namespace, "iptables")
    for rule in rules:
        subprocess.run([*iptables, "-A", *rule], check=True)
    try:
        time.sleep(LASTS_S)
    finally:
        for rule in rules:
            subprocess.run([*iptables, "-D", *rule], check=True)


def _freeze(stack: Stack) -> None:
    """Stop every process of the machine, and let them go on as if no time had passed."""
    machine = stack.primary()
    _signal_all(machine, signal.SIGSTOP)
    try:
        time.sleep(LASTS_S)
    finally:
        _signal_all(machine, signal.SIGCONT)


def _signal_all(machine: Container, number: signal.Signals) -> None:
    if machine.process is None:
        raise RuntimeError(f"{machine.name} does not run")
    # Without the program that holds the container: it is not a part of the machine.
    for process in psutil.Process(machine.process.pid).children(recursive=True):
        if Path(f"/proc/{process.pid}").exists():
            os.kill(process.pid, number)


def _stop_etcd(machines: list[Container]) -> None:
    for machine in machines:
        machine.run("systemctl kill --signal=KILL etcd; systemctl stop etcd")
    try:
        time.sleep(ETCD_LASTS_S)
    finally:
        for machine in machines:
            machine.run("systemctl start etcd")


def _two_in_a_row(stack: Stack) -> None:
    first = stack.primary()
    _cable(stack, first, "down")
    try:
        others = {name: each for name, each in stack.machines.items() if each is not first}

        def found() -> Container | None:
            script = "runuser -u postgres -- psql -XqAtc 'SELECT pg_is_in_recovery()'"
            primaries = [each for each in others.values() if each.run(script).strip() == "f"]
            return primaries[0] if primaries else None

        until(found, LASTS_S)
        second = found()
        if second is None:
            raise RuntimeError("nobody took over")
        _kill(second, f"{_PATRONI} {_POSTGRESQL}")
        time.sleep(LASTS_S)
    finally:
        _cable(stack, first, "up")


def _fill_disk(stack: Stack) -> None:
    """Of a small disk, which both replicas were given before; one of them is the primary then."""
    for machine in stack.replicas():
        data = machine.run("ls -d /var/lib/postgresql/*/main").strip()
        options = f"size={DISK_MIB}m,mode=0700,uid=postgres,gid=postgres"
        machine.run(
            f"systemctl stop skytier-patroni && mv {data} {data}.before && mkdir {data} && "
            f"mount -t tmpfs -o {options} tmpfs {data} && "
            f"cp --archive {data}.before/. {data}/ && systemctl start skytier-patroni"
        )
        if not stack.wait_until_well():
            raise RuntimeError(f"{machine.name} does not follow from its new disk")
    _switch_over(stack)
    stack.wait_until_well()
    machine = stack.primary()
    machine.run(f"dd if=/dev/zero of={data}/filler bs=1M status=none || true")
    try:
        time.sleep(LASTS_S)
    finally:
        machine.run(f"rm {data}/filler")


def _by_chance(stack: Stack, seed: int) -> None:
    """One fault after another, whether or not the one before is over; never two cables at once."""
    choose = random.Random(seed)  # noqa: S311
    ends = time.monotonic() + RANDOM_S
    while time.monotonic() < ends:
        name = choose.choice(sorted(stack.machines))
        what = choose.choice(["cut", "etcd", _POSTGRESQL, _PATRONI, f"{_PATRONI} {_POSTGRESQL}"])
        seconds = choose.uniform(2, LASTS_S)
        print(f"  {what} on {name}, {seconds:.0f} s", file=sys.stderr)
        machine = stack.machines[name]
        if what == "cut":
            _cut(stack, machine, seconds)
        elif what == "etcd":
            machine.run("systemctl kill --signal=KILL etcd || true")
        else:
            # What does not run at the moment is not killed.
            machine.run(f"kill -KILL {what} 2>/dev/null || true")
        time.sleep(choose.uniform(0, 15))
