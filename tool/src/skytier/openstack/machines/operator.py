"""What the operator's machine keeps of a stack: SSH key, known hosts, a log of what was done.

Nothing of it is needed to see the stack; the key is needed to get into its machines. Secrets are
here only while no machine of the stack can keep them; the key of its backups stays.
"""

import json
import os
import re
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from skytier import files
from skytier.errors import SkytierError
from skytier.hosts import ssh_config
from skytier.hosts.ssh_config import SshEntry

KEPT_REHEARSALS = 50


@dataclass(frozen=True)
class Way:
    """How the operator gets to the stack's machines."""

    bastion: str = ""
    """The machine that is entered at its own address; empty where floating IPs or public ports lead
    in."""
    jump: str = ""
    """The operator's own jump host; empty for none."""
    role: str = ""
    """The role of that machine: all machines of it are entered so."""


@dataclass(frozen=True)
class OperatorFiles:
    """One directory for each stack of each cloud, readable by the operator only."""

    path: Path
    way: Way = Way()

    @property
    def key(self) -> Path:
        """The private key."""
        return self.path / "id_ed25519"

    @property
    def known_hosts(self) -> Path:
        """The machines' host keys, by the id of the server."""
        return self.path / "known_hosts"

    @property
    def config(self) -> Path:
        """What people give to the system's ssh: `ssh -F FILE shop-web-1`."""
        return self.path / "ssh_config"

    @property
    def variables(self) -> Path:
        """The secrets of the operator's own application, while the stack has no place for them."""
        return self.path / "application_variables"

    @property
    def secrets(self) -> Path:
        """The stack's own secrets, while the machine that keeps them is replaced."""
        return self.path / "secrets.json"

    @property
    def backup_key(self) -> Path:
        """The key of the stack's backups, which outlive the machine that keeps it."""
        return self.path / "backup_key"

    @property
    def rehearsals(self) -> Path:
        """The reports of the last rehearsals, a file each."""
        return self.path / "rehearsals"

    @property
    def log(self) -> Path:
        """A line for each time that the stack was changed from here."""
        return self.path / "audit.log"

    def create(self) -> None:
        """Make the directory."""
        self.path.mkdir(mode=0o700, parents=True, exist_ok=True)

    def public_key(self) -> str:
        """The public half, as `ssh-ed25519 AAAA...`; both are made when there is none."""
        if not self.key.exists():
            self.create()
            _keygen("-q", "-t", "ed25519", "-N", "", "-C", "", "-f", str(self.key))
        return " ".join(_keygen("-y", "-f", str(self.key)).split()[:2])

    def has_key(self, public_key: str) -> bool:
        """Whether the stack's key is here."""
        return self.key.exists() and self.public_key() == public_key

    def check_key(self, public_key: str) -> None:
        """Raises SkytierError when this is not the key that the stack's machines let in."""
        if not self.key.exists():
            raise SkytierError(
                "The stack's SSH key is not on this machine.",
                f"Copy the file {self.key.name} of this stack from the machine that brought it up, "
                f"to {self.key}.",
            )
        if not self.has_key(public_key):
            raise SkytierError(
                f"The SSH key {self.key} is another than the stack's machines let in.",
                "Copy the one from the machine that brought the stack up, in its place.",
            )

    def keep_variables(self, text: str) -> None:
        """Keep the secrets of the operator's own application."""
        self.create()
        files.write(self.variables, text, 0o600)

    def forget_variables(self) -> None:
        """The stack has them."""
        self.variables.unlink(missing_ok=True)

    def keep_secrets(self, secrets: Mapping[str, str]) -> None:
        """Keep the stack's own secrets: name to text."""
        self.create()
        files.write(self.secrets, json.dumps(secrets), 0o600)

    def kept_secrets(self) -> dict[str, str]:
        """Those that are here; mostly none."""
        return dict(json.loads(self.secrets.read_text())) if self.secrets.exists() else {}

    def forget_secrets(self) -> None:
        """The stack has them."""
        self.secrets.unlink(missing_ok=True)

    def keep_backup_key(self, text: str) -> None:
        """Keep the key of the backups; it stays when the stack is deleted, and so does a former."""
        if (former := self.kept_backup_key()) != text:
            self.create()
            if former:
                files.write(self._place_of_former_key(), former, 0o600)
            files.write(self.backup_key, text, 0o600)

    def _place_of_former_key(self) -> Path:
        names = ("backup_key.former", *(f"backup_key.former.{n}" for n in range(2, 1000)))
        return next(path for name in names if not (path := self.path / name).exists())

    def kept_backup_key(self) -> str:
        """The one that is here; empty where there is none."""
        return self.backup_key.read_text() if self.backup_key.exists() else ""

    def keep_rehearsal(self, name: str, text: str) -> None:
        """Keep the report of a rehearsal; its name sorts after those before. The oldest go."""
        self.rehearsals.mkdir(mode=0o700, parents=True, exist_ok=True)
        files.write(self.rehearsals / f"{name}.json", text, 0o600)
        for path in sorted(self.rehearsals.glob("*.json"))[:-KEPT_REHEARSALS]:
            path.unlink(missing_ok=True)

    def last_rehearsal(self) -> str:
        """The text of the newest one; empty where there is none."""
        kept = sorted(self.rehearsals.glob("*.json"))
        return kept[-1].read_text() if kept else ""

    def note(self, line: str) -> None:
        """Add a line to the log."""
        self.create()
        with self.log.open("a") as log:
            log.write(line + "\n")

    def forget_hosts(self) -> None:
        """What is only true while the stack is up."""
        for path in (self.known_hosts, self.config):
            path.unlink(missing_ok=True)

    def write_hosts(self, hosts: Sequence[SshEntry], known_hosts: str) -> None:
        """Write down for people how to get to the machines. Only who holds the lock does."""
        self.create()
        files.write(self.known_hosts, known_hosts, 0o600)
        files.write(self.config, ssh_config.config(hosts, self.key, self.known_hosts), 0o600)


def of(cloud: str, stack: str, way: Way = Way(), *, region: str | None = None) -> OperatorFiles:
    """The files of one stack: ~/.config/skytier/CLOUD/STACK.

    With the `region` of a stack file: ~/.config/skytier/CLOUD=@REGION/STACK. No cloud's name gives
    the same directory, since an equals sign in one is escaped.
    """
    base = os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config"
    directory = _as_directory(cloud) + (f"=@{_as_directory(region)}" if region else "")
    return OperatorFiles(Path(base).absolute() / "skytier" / directory / stack, way)


def _as_directory(cloud: str) -> str:
    """A cloud's name as that of one directory that ssh can read.

    >>> _as_directory("my cloud"), _as_directory("../x")
    ('my cloud', '=2E.=2Fx')
    """
    escaped = re.sub(r"[^\w .@+:,()-]", lambda found: quote(found[0], safe=""), cloud)
    return re.sub("^[.]", "%2E", escaped).replace("%", "=")


def _keygen(*arguments: str) -> str:
    try:
        done = subprocess.run(
            ["ssh-keygen", *arguments], check=False, capture_output=True, text=True
        )
    except FileNotFoundError:
        raise SkytierError(
            "There is no ssh-keygen on this machine.",
            "Install the OpenSSH client (Debian and Ubuntu: apt-get install openssh-client).",
        ) from None
    if done.returncode:
        raise SkytierError(f"ssh-keygen failed: {done.stderr.strip()}", "Fix the cause.")
    return done.stdout
