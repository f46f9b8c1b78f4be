"""A stack on a cloud, through the operator's own command."""

import json
import subprocess
import sys
from pathlib import Path
from urllib.parse import urlsplit

from bench.watching.watched import Parts, Used

SKYTIER = Path(sys.executable).with_name("skytier")
JOBS = ("node", "nginx", "postgres", "redis")
UNITS = " ".join(
    ["prometheus", "prometheus-alertmanager", *(f"prometheus-{job}-exporter" for job in JOBS)]
)
# Of those that run here: name, nanoseconds of CPU, bytes of memory.
USED = f"""
for unit in {UNITS}; do
    systemctl --quiet is-active $unit || continue
    pid=$(systemctl show --property=MainPID --value $unit)
    echo $unit $(systemctl show --property=CPUUsageNSec --value $unit) \
        $(awk '/^Pss:/ {{print $2 * 1024}}' /proc/$pid/smaps_rollup)
done
"""
SIGNAL = """
for unit in {units}; do
    systemctl --quiet is-active $unit && systemctl kill --signal={signal} $unit
done
true
"""


class CloudStack:
    """`words` tell the command which stack it is: `--cloud`, `--file`."""

    def __init__(self, cloud: str, file: str) -> None:
        self._words = ["--cloud", cloud, "--file", file]
        self.where = f"on {cloud}"
        status = json.loads(self._run("status", "--json"))
        self.address = urlsplit(str(status["url"])).netloc
        self._machines = [str(machine["name"]) for machine in status["machines"]]

    def used(self) -> Parts:
        """From the units' control groups."""
        found = {}
        for machine, said in self._on_each(USED).items():
            for unit, cpu_ns, memory in map(str.split, said.splitlines()):
                found[machine, unit] = Used(int(cpu_ns) / 1e9, int(memory) / 2**20)
        return found

    def answers(self) -> bool:
        """Whether `top` has its figures from Prometheus."""
        return bool(json.loads(self._run("top", "--once", "--json"))["source"] == "Prometheus")

    def freeze(self) -> None:
        self._on_each(SIGNAL.format(units=UNITS, signal="STOP"))

    def thaw(self) -> None:
        self._on_each(SIGNAL.format(units=UNITS, signal="CONT"))

    def _on_each(self, command: str) -> dict[str, str]:
        """Run a command as root on every machine: machine to what it printed."""
        return {name: self._run("exec", name, command) for name in self._machines}

    def _run(self, *words: str) -> str:
        return subprocess.run(
            [SKYTIER, words[0], *self._words, *words[1:]],
            check=True,
            stdout=subprocess.PIPE,
            text=True,
        ).stdout
