"""A machine that backups go to by SFTP: an account that can do nothing else, with a real sshd."""

import subprocess
from pathlib import Path

from tests.cluster.container import Container

HOST, ACCOUNT, PATH = "192.168.128.60", "shop-backups", "/srv/backups"


def key(path: Path, passphrase: str = "") -> str:
    """Makes a pair of keys, as the operator does. Returns the private one."""
    made = ("ssh-keygen", "-q", "-t", "ed25519", "-N", passphrase, "-f", str(path))
    subprocess.run(made, check=True)
    return path.read_text()


def public(path: Path) -> str:
    """The other half of a key that was made at this path."""
    return path.with_suffix(".pub").read_text()


def let_in(host: Container, lets_in: str) -> None:
    """The account and its directory, for whoever has the other half of this public key."""
    only = f"Match User {ACCOUNT}\n    ForceCommand internal-sftp\n    AllowTcpForwarding no\n"
    host.put("/etc/ssh/sshd_config.d/backups.conf", only, 0o644)
    host.run(
        f"useradd --create-home --shell /usr/sbin/nologin {ACCOUNT}; "
        f"install -d -o {ACCOUNT} {PATH}; cd /home/{ACCOUNT}; "
        f"install -d -o {ACCOUNT} -m 0700 .ssh; "
        f"install -o {ACCOUNT} -m 0600 /dev/stdin .ssh/authorized_keys; systemctl restart ssh",
        f"restrict {lets_in}".encode(),
    )
