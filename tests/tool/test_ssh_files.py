"""What ssh reads: each run has files of its own, and only who changes the stack writes people's."""

import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import pytest

from skytier.deploy.kind import Found, Key, Known
from skytier.hosts.ssh import Ssh
from skytier.openstack.machines.access import Access
from skytier.openstack.machines.host_keys import HOST_KEY
from skytier.openstack.machines.operator import OperatorFiles
from skytier.poll import until

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAILZRUMcmDv4RbK5LEgx2dWNB2VrUhKlkBRNMJFauQq5L"


def known(*numbers: int) -> Known:
    """A stack with these web servers, whose host keys are known."""
    found = []
    for number in numbers:
        name = f"shop-web-{number}"
        facts = {"metadata": {HOST_KEY: KEY}}
        found.append(Found(Key("server", name), f"id-{number}", {}, facts))
        found.append(
            Found(Key("port", name), f"port-{number}", {}, {"address": f"10.0.0.{number}"})
        )
        address = {"address": f"203.0.113.{number}"}
        port = {"port": f"port-{number}"}
        found.append(Found(Key("floating IP", name), f"ip-{number}", port, address))
    return Known({each.key: each for each in found})


@pytest.fixture
def operator(tmp_path: Path) -> OperatorFiles:
    return OperatorFiles(tmp_path / "shop")


def read(config: Path, host: str) -> dict[str, str]:
    """What the system's ssh makes of a configuration."""
    command = ["ssh", "-G", "-F", config, host]
    said = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    return dict(line.split(" ", 1) for line in said.splitlines() if " " in line)


def test_who_only_looks_writes_no_file_that_others_use(operator: OperatorFiles) -> None:
    with Ssh() as shell:
        Access(cast(Any, None), operator, shell).write(known(1))
        ways = read(shell.config, "shop-web-1")
        assert (ways["hostname"], ways["hostkeyalias"]) == ("203.0.113.1", "id-1")
        assert Path(ways["userknownhostsfile"]).read_text() == f"id-1 {KEY}\n"
    assert not operator.path.exists()


def test_an_up_does_not_see_what_a_status_beside_it_knows(operator: OperatorFiles) -> None:
    with Ssh() as up, Ssh() as status:
        upping = Access(cast(Any, None), operator, up, publish=True)
        upping.write(known(1, 2))
        # The status began before the second server was there.
        Access(cast(Any, None), operator, status).write(known(1))
        ways = read(up.config, "shop-web-2")
        assert ways["hostname"] == "203.0.113.2"
        assert "id-2" in Path(ways["userknownhostsfile"]).read_text()
        for host in ("shop-web-1", "shop-web-2"):
            assert read(operator.config, host)["userknownhostsfile"] == str(operator.known_hosts)
        assert "id-2" in operator.known_hosts.read_text()


def test_connections_that_are_kept_are_left_once_an_address_leads_elsewhere(
    operator: OperatorFiles,
) -> None:
    with Ssh() as shell:
        access = Access(cast(Any, None), operator, shell)
        access.write(known(1, 2))
        before = read(shell.config, "shop-web-1")["controlpath"]
        address, port = known(1)[Key("floating IP", "shop-web-1")], {"port": "port-2"}
        there = known(1, 2)

        access.led(replace(address, attributes={"port": "port-1"}), there, moved=False)
        assert read(shell.config, "shop-web-1")["controlpath"] == before
        access.led(replace(address, attributes=port), there, moved=True)

        ways = read(shell.config, "shop-web-2")
        assert (ways["hostname"], ways["hostkeyalias"]) == ("203.0.113.1", "id-2")
        # The other address of that machine leads there no more.
        first = read(shell.config, "shop-web-1")
        assert (first["hostname"], first["proxyjump"]) == ("10.0.0.1", "shop-web-2")
        assert before not in (ways["controlpath"], first["controlpath"])
        # What a step knows that began before changes none of it.
        access.write(known(1, 2))
        access.enter("shop-web-1", known(1, 2))
        assert read(shell.config, "shop-web-2") == ways


@pytest.fixture
def fake_ssh(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An `ssh` that runs the command here."""
    program = tmp_path / "bin" / "ssh"
    program.parent.mkdir()
    program.write_text('#!/bin/sh\nshift 3\n[ "$1" = -- ] && shift\nexec "$@"\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}:{os.environ['PATH']}")
    return program


@pytest.mark.parametrize(("command", "code"), [("exit 7", 7), ("kill -9 $$", 137), ("true", 0)])
def test_the_exit_code_is_the_commands(fake_ssh: Path, command: str, code: int) -> None:
    with Ssh() as shell:
        assert shell.attend("shop-web-1", "--", "sh", "-c", command) == code


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_signal_ends_the_command_and_nothing_is_left(
    fake_ssh: Path, tmp_path: Path, number: int
) -> None:
    attend = (
        "import sys\n"
        "from skytier.hosts.ssh import Ssh\n"
        "with Ssh() as shell:\n"
        "    sys.exit(shell.attend('h', '--', 'sh', '-c', 'echo $$; exec sleep 600'))\n"
    )
    environment = {**os.environ, "TMPDIR": str(tmp_path)}
    with subprocess.Popen(
        [sys.executable, "-c", attend], env=environment, stdout=subprocess.PIPE, text=True
    ) as popen:
        assert popen.stdout is not None
        child = int(popen.stdout.readline())
        popen.send_signal(number)
        assert popen.wait(timeout=60) == 128 + number
    assert until(lambda: not Path(f"/proc/{child}").exists(), 60, 0.05)
    assert not list(tmp_path.glob("skytier-*"))
