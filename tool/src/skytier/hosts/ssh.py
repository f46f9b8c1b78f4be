"""Running things on a stack's machines, by the system's own ssh.

Each run has files of its own, so that no two of them change each other's. What a person uses,
`ssh -F ssh_config shop-web-1`, has the same text. Machines without a public address are reached
through the bastion.
"""

import shutil
import signal
import socket
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from skytier import files
from skytier.hosts.host import CommandError, CommandTimeoutError, UnreachableError
from skytier.hosts.ssh_config import SshEntry, config, path_in_config

LONGEST_S = 1800.0
"""How long a command may take. A machine that is set up while it boots waits for its packages."""


class HostKeyError(UnreachableError):
    """The machine shows another key than the one that the cloud told."""


class Ssh:
    """Connections to the machines of one stack; each machine's is kept for the next command."""

    def __init__(self) -> None:
        # A short path: the sockets' names are limited to about 100 bytes. It is one for each run,
        # since an address may lead to another machine by the next.
        self._directory = Path(tempfile.mkdtemp(prefix="skytier-"))
        self.config = self._directory / "config"
        self._hosts, self._known_hosts = (self._directory / name for name in ("hosts", "known"))
        self._times = 0
        self.connect_anew()

    def connect_anew(self) -> None:
        """Use no connection again that is kept by now: an address leads to another machine. What
        runs goes on."""
        self._times += 1
        control = path_in_config(self._directory / "CONNECTION").replace("%", "%%")
        control = control.replace("CONNECTION", f"%C{self._times}")
        files.write(
            self.config,
            # A file, and not options: the way through the bastion has to share its connection too.
            "ControlMaster auto\n"
            f"ControlPath {control}\n"
            "ControlPersist 60\n"
            f"Include {path_in_config(self._hosts)}\n",
            0o600,
        )

    def know(self, hosts: Sequence[SshEntry], key: Path, known_hosts: str) -> None:
        """Go by these hosts from now on, with a private key and the text of a known_hosts file."""
        files.write(self._known_hosts, known_hosts, 0o600)
        files.write(self._hosts, config(hosts, key, self._known_hosts), 0o600)

    def __enter__(self) -> "Ssh":
        return self

    def __exit__(self, *_: object) -> None:
        for path in self._directory.iterdir():
            if path.is_socket():
                subprocess.run(
                    ["ssh", "-o", f"ControlPath={path}", "-O", "exit", "any"],
                    check=False,
                    capture_output=True,
                )
        shutil.rmtree(self._directory, ignore_errors=True)

    def attend(self, host: str, *words: str, terminal: bool = False) -> int:
        """Run a command on a machine, or a shell, at this terminal. Returns its exit code.

        A shell has a terminal of its own there, a command only with `terminal`.

        Signals that would end this process are the command's.
        """
        options = ["-t"] if terminal else []
        command = ["ssh", *options, "-F", str(self.config), host, *words]
        child: subprocess.Popen[bytes] | None = None
        early: list[int] = []

        def pass_on(number: int, _: object) -> None:
            if child is None:
                early.append(number)
            else:
                child.send_signal(number)

        # Before it begins: a signal that comes as soon as it prints something is its own, too.
        numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
        before = {number: signal.signal(number, pass_on) for number in numbers}
        try:
            with subprocess.Popen(command) as child:
                for number in early:
                    child.send_signal(number)
                code = child.wait()
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)
        return 128 - code if code < 0 else code

    def run(
        self, host: str, command: str, stdin: bytes | None = None, timeout_s: float = LONGEST_S
    ) -> str:
        """Run a shell command. Returns what it printed.

        Secrets go by `stdin`: a command can be read in the list of processes. Raises
        UnreachableError or CommandError.
        """
        try:
            done = subprocess.run(
                ["ssh", "-F", self.config, "-o", "BatchMode=yes", host, command],
                input=stdin or b"",
                capture_output=True,
                check=False,
                timeout=timeout_s,
            )
        except subprocess.TimeoutExpired as error:
            said = _text(error.stdout) + _text(error.stderr)
            raise CommandTimeoutError(
                f"A command on {host} did not end within {timeout_s:.0f} s. It said:\n{_end(said)}",
                f"Look at the machine: skytier ssh {host}",
                said,
            ) from None
        out, err = _text(done.stdout), _text(done.stderr)
        if done.returncode == 255:
            raise unreachable(host, err)
        if done.returncode:
            raise CommandError(
                f"A command on {host} ended with code {done.returncode}:\n{_end(out + err)}",
                f"Look at the machine: skytier ssh {host}",
                out + err,
            )
        return out

    @contextmanager
    def tunnel(self, host: str, port: int) -> Iterator[int]:
        """A port of this machine's 127.0.0.1 that leads to `port` of a machine's own 127.0.0.1.

        It is there as long as the context is. Raises UnreachableError.
        """
        local = _free_port()
        options = [
            "BatchMode=yes",
            "ExitOnForwardFailure=yes",
            f"LocalForward=127.0.0.1:{local} 127.0.0.1:{port}",
        ]
        words = [word for option in options for word in ("-o", option)]
        # It ends when its input does, so with this program, however that ends.
        command = ["ssh", "-F", str(self.config), *words, host, "echo open && exec cat"]
        pipe = subprocess.PIPE
        with subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe) as popen:
            if popen.stdout and not popen.stdout.readline():
                said = popen.communicate()[1]
                raise unreachable(host, _text(said))
            yield local


@dataclass(frozen=True)
class SshHost:
    """A host that is reached by SSH."""

    ssh: Ssh
    name: str

    def run(self, script: str, stdin: bytes | None = None) -> str:
        """Run a bash script as root; see `Host.run`. The script is part of the command."""
        return self.ssh.run(self.name, f"sudo bash -c {_quoted(script)}", stdin)

    def words(self, command: str) -> list[str]:
        """The command line that runs a command there, with this process's input and output."""
        return ["ssh", "-F", str(self.ssh.config), "-o", "BatchMode=yes", self.name, command]

    def attend(self, *words: str, terminal: bool = False) -> int:
        """Run a command, or a shell, at this terminal; see `Ssh.attend`."""
        return self.ssh.attend(self.name, *words, terminal=terminal)


def unreachable(host: str, said: str) -> UnreachableError:
    """Which of the many things it is that keep one from a machine."""
    if "Host key verification failed" in said:
        return HostKeyError(
            f"{host} cannot be reached: its host key is another than the one that was learnt from "
            "the cloud.",
            "Somebody may intercept the connection. Read the machine's own key at its console in "
            "the cloud's dashboard: /etc/ssh/ssh_host_ed25519_key.pub. If it was changed on "
            "purpose, say so: "
            f"skytier trust {host} KEY",
        )
    causes = {
        "Permission denied": (
            "it refuses the SSH key",
            "Run it on the machine that brought the stack up, or copy its key here.",
        ),
        "Connection refused": (
            "nothing listens at its port 22",
            "It may be just booting; otherwise look at its console: openstack console log show.",
        ),
        "timed out": (
            "it does not answer",
            "Check that ssh_from in the stack file has your own address, and that the server runs.",
        ),
        "No route to host": (
            "there is no route to its address",
            "Check that you reach the cloud's external network from here.",
        ),
    }
    for sign, (cause, do) in causes.items():
        if sign in said:
            return UnreachableError(f"{host} cannot be reached: {cause}.", do)
    if not said.strip():
        return UnreachableError(
            f"{host} cannot be reached: the connection ended, and ssh gives no reason.",
            "Run it again.",
        )
    return UnreachableError(
        f"{host} cannot be reached: {_end(said, 3)}", "See what ssh says above."
    )


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def _text(output: bytes | str | None) -> str:
    return output.decode(errors="replace") if isinstance(output, bytes) else output or ""


def _end(said: str, lines: int = 25) -> str:
    return "\n".join(said.strip().splitlines()[-lines:])


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "'\\''") + "'"
