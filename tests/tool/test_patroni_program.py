"""Another version of Patroni replaces the one that runs, or nothing does."""

import subprocess
from pathlib import Path

import pytest

from skytier import roles
from tests.roles.topology import TOPOLOGIES

BEGIN, END = "if [ ! -x $home/bin/patroni ]", "ln -sfn $home/bin/patronictl"
BESIDES = """
set -euo pipefail
changed() { return 0; }
applied() { touch $home/applied; }
fail() { echo "$*" >&2; exit 1; }
python3() { rm -rf $home/bin && install -D $home/../pip $home/bin/pip; }
"""
# It notes what it is asked for. Without an index it only installs what is here.
PIP = """#!/bin/bash
echo "$1" >>{directory}/asked
case $1$6 in
    download*) [ -e {directory}/index ] && mkdir -p {home}.wheels ;;
    install--no-index) [ -d {home}.wheels ] && install -m 0755 /dev/null {home}/bin/patroni ;;
    install*) [ -e {directory}/index ] && install -m 0755 /dev/null {home}/bin/patroni ;;
esac
"""


def set_up(directory: Path) -> "subprocess.CompletedProcess[str]":
    topology = TOPOLOGIES["three members with volumes, and a balancer"]
    member = next(each for each in topology.machines if each.role == "database")
    script = roles.setup(topology, member).script
    part = BEGIN + script.split(BEGIN, 1)[1].split(END, 1)[0]
    return subprocess.run(
        ("bash", "-c", f"home={directory}/patroni\n{BESIDES}{part}"),
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture
def machine(tmp_path: Path) -> Path:
    """A machine without Patroni, and with an index of packages."""
    (tmp_path / "patroni").mkdir()
    (tmp_path / "index").touch()
    pip = tmp_path / "pip"
    pip.write_text(PIP.format(directory=tmp_path, home=tmp_path / "patroni"))
    pip.chmod(0o755)
    return tmp_path


def test_the_one_that_runs_stays_where_the_index_cannot_be_reached(machine: Path) -> None:
    assert set_up(machine).returncode == 0
    program = machine / "patroni" / "bin" / "patroni"
    assert program.exists()
    (machine / "asked").unlink()
    (machine / "index").unlink()

    done = set_up(machine)

    assert done.returncode == 1
    assert "index of Python packages" in done.stderr
    assert program.exists()
    assert (machine / "asked").read_text().split() == ["--version", "download"]

    (machine / "index").touch()
    assert set_up(machine).returncode == 0
    assert program.exists()
    assert not (machine / "patroni.wheels").exists()


def test_one_of_a_former_python_is_made_again(machine: Path) -> None:
    assert set_up(machine).returncode == 0
    # Its interpreter is gone since a newer system came.
    (machine / "patroni" / "bin" / "pip").write_text("#!/nowhere/python3\n")
    assert set_up(machine).returncode == 0
    assert (machine / "patroni" / "bin" / "patroni").exists()
