"""Files and secrets on a host."""

import base64
import io
import tarfile
import time
from collections.abc import Mapping, Sequence

from skytier.hosts.host import Host
from skytier.secrets import DIRECTORY
from skytier.services.setup import File

# Directories that are there keep their owner and mode. One command for all: each is a process
# that begins a session on a machine which may be slow. Our own directories are not in the archive:
# tar closes such a one to all others until it is done, and the application reads files in it.
UNPACK = (
    f"install -d -m 0755 /etc/skytier && install -d -m 0700 {DIRECTORY} && "
    "tar --extract --file=- --directory=/ --no-overwrite-dir --same-owner --preserve-permissions"
)
_READ_SECRETS = f"""
cd {DIRECTORY} 2>/dev/null || exit 0
for name in *; do
    [ -f "$name" ] && printf '%s %s\\n' "$name" "$(base64 --wrap=0 "$name")"
done
exit 0
"""


def read_secrets(host: Host) -> dict[str, str]:
    """The secrets that a host has: name to text."""
    lines = host.run(_READ_SECRETS).splitlines()
    return {
        name: base64.b64decode(text).decode(errors="replace")
        for name, _, text in (line.partition(" ") for line in lines)
    }


def keep_secrets(host: Host, secrets: Mapping[str, str]) -> None:
    """Put secrets on a host, and nothing else. Raises SkytierError."""
    host.run(UNPACK, archive([], secrets))


def archive(files: Sequence[File], secrets: Mapping[str, str]) -> bytes:
    """A tar archive of files and of secrets, for UNPACK."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
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
