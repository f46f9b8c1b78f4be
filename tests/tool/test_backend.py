"""Commands load a backend only when they ask it."""

import subprocess
import sys

LOADED = """
import sys
import skytier.cli
heavy = {"openstack", "skytier.local.stack", "skytier.local.backend", "skytier.openstack.backend"}
print(*sorted(heavy & sys.modules.keys()))
"""


def test_the_commands_load_no_backend_before_one_is_asked() -> None:
    command = [sys.executable, "-c", LOADED]
    done = subprocess.run(command, capture_output=True, text=True, check=True)

    assert done.stdout.split() == []
