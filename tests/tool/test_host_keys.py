"""What a console shows, and what ssh is told."""

import subprocess
from pathlib import Path

import pytest

from skytier.hosts import ssh, ssh_config
from skytier.hosts.ssh_config import SshEntry
from skytier.openstack.machines import host_keys

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAILZRUMcmDv4RbK5LEgx2dWNB2VrUhKlkBRNMJFauQq5L"
OTHER = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIEAjM7NdEoRVozSE6tejodDtMUCx9wn9FF8JNt9MicAA"


def console(*keys: str, end: str = "-----END SSH HOST KEY KEYS-----\n") -> str:
    lines = "".join(f"{key} root@shop-web-1\r\n" for key in keys)
    return f"[  9.1] booting\r\n-----BEGIN SSH HOST KEY KEYS-----\r\n{lines}{end}"


CONSOLES = {
    "nothing yet": ("[  0.0] Linux version 6.1\n", None),
    "the keys": (console("ecdsa-sha2-nistp256 AAAAE2VjZHNh", KEY), KEY),
    "the block is being written": (console(KEY, end=""), None),
    "two boots, of which the second made new keys": (console(OTHER) + console(KEY), KEY),
    "a key outside of the block, which a guest's user may have written": (f"{OTHER}\n", None),
    "no key of the kind that is asked for": (console("ssh-rsa AAAAB3NzaC1yc2E"), None),
}


@pytest.mark.parametrize("case", CONSOLES)
def test_the_key_is_the_one_in_the_last_whole_block(case: str) -> None:
    log, key = CONSOLES[case]
    assert host_keys.in_console(log) == key


def test_the_systems_ssh_reads_the_configuration(tmp_path: Path) -> None:
    key, known = tmp_path / "a key", tmp_path / "known_hosts"
    hosts = [
        SshEntry("shop-web-1", "203.0.113.7", "id-of-web"),
        SshEntry("shop-database-1", "192.168.128.5", "id-of-database", via="shop-web-1"),
    ]
    config = tmp_path / "ssh_config"
    config.write_text(ssh_config.config(hosts, key, known))

    def read(host: str) -> dict[str, str]:
        said = subprocess.run(
            ["ssh", "-G", "-F", config, host], check=True, capture_output=True, text=True
        )
        return dict(line.split(" ", 1) for line in said.stdout.splitlines() if " " in line)

    web, database = read("shop-web-1"), read("shop-database-1")
    assert (web["hostname"], web["hostkeyalias"]) == ("203.0.113.7", "id-of-web")
    assert "proxyjump" not in web
    assert (database["hostname"], database["proxyjump"]) == ("192.168.128.5", "shop-web-1")
    assert database["identityfile"] == str(key)
    assert database["stricthostkeychecking"] in ("yes", "true")
    assert database["passwordauthentication"] == "no"


SAID = {
    "Permission denied (publickey).": "refuses the SSH key",
    "Host key verification failed.": "host key is another",
    "connect to host 203.0.113.7 port 22: Connection refused": "nothing listens",
    "connect to host 203.0.113.7 port 22: Connection timed out": "does not answer",
    "connect to host 203.0.113.7 port 22: No route to host": "no route to its address",
}


@pytest.mark.parametrize("said", SAID)
def test_what_keeps_one_out_is_said(said: str) -> None:
    error = ssh.unreachable("shop-web-1", said)
    assert SAID[said] in error.what
    assert error.do
