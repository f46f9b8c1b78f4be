"""What the check of Nginx says of a web server that is drained."""

import subprocess
from pathlib import Path

import pytest

from skytier import roles
from skytier.services.nginx.service import DRAINED, DRAINED_UNTIL_BOOT
from skytier.topology import Machine, Topology
from tests.roles.topology import BALANCED, TOPOLOGY, topology
from tests.tool.loopback import serving

BEHIND = topology("web.count = 2", BALANCED)
ANSWERED = "answers at port 8080"
PUT_BACK = "skytier undrain web/2"


def said(stack: Topology, machine: Machine, root: Path) -> str:
    """What the check prints where Nginx answers, with the machine's files below a directory."""
    [script] = [each.script for each in roles.setup(stack, machine).checks if each.name == "nginx"]
    for path in (DRAINED, DRAINED_UNTIL_BOOT):
        script = script.replace(path, f"{root}{path}")
    with serving(lambda *_: (404, {"X-Request-ID": "1"}, b"")) as url:
        for port in ("80", "8080"):
            script = script.replace(f"127.0.0.1/{port} ", f"127.0.0.1/{url.rpartition(':')[2]} ")
        stubs = "systemctl() { echo active; }\n"
        done = subprocess.run(
            ["bash", "-c", stubs + script], check=True, capture_output=True, text=True
        )
    return done.stdout.strip()


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ([], ANSWERED),
        ([DRAINED], f"drained: {PUT_BACK}"),
        ([DRAINED_UNTIL_BOOT], f"drained by skytier up; if none runs now: {PUT_BACK}"),
        ([DRAINED, DRAINED_UNTIL_BOOT], f"drained: {PUT_BACK}"),
    ],
    ids=["not drained", "by an operator", "until the boot", "both"],
)
def test_a_drained_web_server_says_so_and_is_well(
    tmp_path: Path, files: list[str], expected: str
) -> None:
    for path in files:
        file = Path(f"{tmp_path}{path}")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch()
    assert said(BEHIND, BEHIND.of("web")[1], tmp_path) == expected


def test_without_a_balancer_there_is_nothing_to_drain(tmp_path: Path) -> None:
    assert said(TOPOLOGY, TOPOLOGY.of("web")[0], tmp_path) == "answers at port 80"
    assert "undrain" not in "".join(
        each.script for each in roles.setup(TOPOLOGY, TOPOLOGY.of("web")[0]).checks
    )
