"""Doing things to a stack's machines, as the roles say."""

import base64
import io
import tarfile
import time
from collections.abc import Mapping, Sequence

from skytier.deploy.kind import Tell
from skytier.errors import SkytierError
from skytier.hosts.ssh import CommandError, Ssh
from skytier.secrets import DIRECTORY
from skytier.services.setup import Check, File, Setup

CHECK_TIMEOUT_S = 120.0

_EXPLAIN_FIRST_BOOT = """
cloud-init status --long || true
echo '--- the end of /var/log/cloud-init-output.log'
tail -n 30 /var/log/cloud-init-output.log
"""
_SET_UP = "/usr/local/lib/skytier/set-up"
# Directories that are there keep their owner and mode. One command for all: each is a process
# that begins a session on a machine which may be slow.
_UNPACK = (
    "tar --extract --file=- --directory=/ --no-overwrite-dir --same-owner --preserve-permissions"
)
_UNPACK_AND_RUN = f"{_UNPACK} && exec bash {_SET_UP}"
_READ_SECRETS = f"""
cd {DIRECTORY} 2>/dev/null || exit 0
for name in *; do
    [ -f "$name" ] && printf '%s %s\\n' "$name" "$(base64 --wrap=0 "$name")"
done
exit 0
"""


def set_up(shell: Ssh, host: str, setup: Setup, secrets: Mapping[str, str], tell: Tell) -> None:
    """Bring a machine to what its role wants. Raises SkytierError with what the machine said."""
    tell("configuring")
    try:
        files = [*setup.files, File(_SET_UP, setup.script, 0o700)]
        shell.script(host, _UNPACK_AND_RUN, archive(files, secrets))
    except CommandError as error:
        # What cloud-init says of itself is not trusted; but what it did may be why.
        first_boot = shell.script(host, _EXPLAIN_FIRST_BOOT).strip()
        raise SkytierError(
            f"{host} could not be set up. It said:\n{error.output.strip()}\n"
            f"Its first boot went like this:\n{first_boot}",
            f"Mend the cause and run skytier up again. To look at the machine: skytier ssh {host}",
        ) from error


def check(shell: Ssh, host: str, checks: Sequence[Check], tell: Tell) -> None:
    """Ask a machine until all is well, for CHECK_TIMEOUT_S. Raises SkytierError."""
    tell("checking")
    deadline = time.monotonic() + CHECK_TIMEOUT_S
    while failed := failing(shell, host, checks):
        tell("checking")
        if time.monotonic() > deadline:
            said = "\n".join(f"{name}: {output}" for name, output in failed.items())
            raise SkytierError(
                f"{host} is set up, and is not well:\n{said}", f"Look at it: skytier ssh {host}"
            )
        time.sleep(1)


def failing(shell: Ssh, host: str, checks: Sequence[Check]) -> dict[str, str]:
    """The checks that fail now: name to what they said. All are asked in one go."""
    script = "".join(
        f"output=$(bash <<'CHECK-{number}' 2>&1\n{each.script}\nCHECK-{number}\n) "
        f'|| printf \'%s %s\\n\' {number} "$(printf %s "$output" | base64 --wrap=0)"\n'
        for number, each in enumerate(checks)
    )
    said = shell.script(host, "exec bash /dev/stdin", script.encode())
    failed = {}
    for line in said.splitlines():
        number, _, output = line.partition(" ")
        failed[checks[int(number)].name] = _decoded(output).strip() or "it fails without a word"
    return failed


def read_secrets(shell: Ssh, host: str) -> dict[str, str]:
    """The secrets that a machine has: name to text."""
    lines = shell.script(host, _READ_SECRETS).splitlines()
    return {name: _decoded(text) for name, _, text in (line.partition(" ") for line in lines)}


def keep_secrets(shell: Ssh, host: str, secrets: Mapping[str, str]) -> None:
    """Put secrets on a machine, and nothing else. Raises SkytierError."""
    shell.script(host, _UNPACK, archive([], secrets))


def archive(files: Sequence[File], secrets: Mapping[str, str]) -> bytes:
    """A tar archive of files, and of the secrets in their directory that only root passes."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for path, mode in (("etc/skytier", 0o755), (DIRECTORY.lstrip("/"), 0o700)):
            entry = tarfile.TarInfo(path)
            entry.type, entry.mode = tarfile.DIRTYPE, mode
            entry.uname = entry.gname = "root"
            tar.addfile(entry)
        for name, text in secrets.items():
            _add(tar, File(f"{DIRECTORY}/{name}", text, 0o400))
        for file in files:
            _add(tar, file)
    return buffer.getvalue()


def _add(tar: tarfile.TarFile, file: File) -> None:
    content = file.text.encode()
    entry = tarfile.TarInfo(file.path.lstrip("/"))
    entry.size, entry.mode, entry.mtime = len(content), file.mode, int(time.time())
    entry.uname, entry.gname = file.owner, file.group
    tar.addfile(entry, io.BytesIO(content))


def _decoded(text: str) -> str:
    return base64.b64decode(text).decode(errors="replace")
