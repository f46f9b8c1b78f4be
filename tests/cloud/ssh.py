"""The system's ssh, which trusts only host keys that it was given."""

import subprocess
from pathlib import Path

from .project import BOOT_S, poll

CONFIG = """\
Host *
    User debian
    IdentityFile {key}
    IdentitiesOnly yes
    UserKnownHostsFile {known}
    StrictHostKeyChecking yes
    BatchMode yes
    ConnectTimeout 60
    LogLevel ERROR
Host * !{jump}
    ProxyJump {jump}
"""


def new_key(directory: Path) -> Path:
    """A private key, with its public key beside it."""
    path = directory / "key"
    words = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", path]
    subprocess.run(words, check=True)
    return path


class Ssh:
    """Runs commands on guests: on `jump` directly, on all others through it."""

    def __init__(self, directory: Path, key: Path, known: dict[str, str], jump: str) -> None:
        self._config = directory / "config"
        file = directory / "known_hosts"
        file.write_text("".join(f"{address} {key}\n" for address, key in known.items()))
        self._config.write_text(CONFIG.format(key=key, known=file, jump=jump))

    def run(self, address: str, command: str, timeout_s: float = 300) -> str:
        """What a command prints. Raises AssertionError, with all of that, when it fails."""
        ran = self._run(address, command, timeout_s)
        said = f"{address}: {command!r} ended with {ran.returncode}:\n{ran.stdout}{ran.stderr}"
        assert ran.returncode == 0, said
        return ran.stdout

    def wait(self, address: str) -> None:
        """Wait until a guest lets us in."""

        def is_let_in() -> bool:
            try:
                return self._run(address, "true", 120).returncode == 0
            except subprocess.TimeoutExpired:
                return False

        poll(is_let_in, f"ssh to {address}", BOOT_S)

    def _run(
        self, address: str, command: str, timeout_s: float
    ) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["ssh", "-F", self._config, address, command],
            check=False,
            capture_output=True,
            text=True,
            timeout=timeout_s,
        )
