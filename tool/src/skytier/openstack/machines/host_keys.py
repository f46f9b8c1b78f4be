"""SSH host keys, learnt through the cloud's authenticated API and never at first sight.

cloud-init prints them on the console once, at the first boot. From there they go into the server's
metadata, since a console's log is cut, and since another operator reads them there too.
"""

import re
import time
from collections.abc import Iterator
from typing import Any

from openstack.connection import Connection
from openstack.exceptions import HttpException

from skytier.deploy.kind import Tell
from skytier.errors import SkytierError
from skytier.openstack.resources.project import PREFIX
from skytier.openstack.resources.waiting import poll_s

HOST_KEY = f"{PREFIX}host-key"
CONSOLE_LINES = 5000
LEARN_TIMEOUT_S = 900.0
_NO_METADATA = "Datasource DataSourceNone"
"""In the last line of a boot, as cloud-init writes it by default."""
_BLOCK = re.compile(r"-----BEGIN SSH HOST KEY KEYS-----(.*?)-----END SSH HOST KEY KEYS-----", re.S)
_KEY = re.compile(r"\bssh-ed25519 [A-Za-z0-9+/]{60,}={0,2}")


def in_console(log: str) -> str | None:
    """The ed25519 key that a console's log shows last: `ssh-ed25519 AAAA...`."""
    blocks = _BLOCK.findall(log)
    keys = _KEY.findall(blocks[-1]) if blocks else []
    return keys[0] if keys else None


def knows_no_key(connection: Connection, server_id: str) -> bool:
    """Whether a server's console shows that cloud-init got no metadata: it lets nobody in.

    False also where the cloud does not show the console.
    """
    try:
        said = connection.compute.get_server_console_output(server_id, length=CONSOLE_LINES)
    except HttpException:
        return False
    return _NO_METADATA in (said.get("output") or "")


def known_hosts(keys: dict[str, str]) -> str:
    """The text of a known_hosts file: server ids, which are never used again, to keys."""
    return "".join(f"{server_id} {key}\n" for server_id, key in sorted(keys.items()) if is_key(key))


def is_key(text: str) -> bool:
    """Whether it is one ed25519 key and nothing else."""
    return _KEY.fullmatch(text) is not None


def learn(connection: Connection, server: Any, tell: Tell) -> str:
    """A server's host key; waits for its first boot to print it, and pins it in the metadata."""
    if pinned := server.metadata.get(HOST_KEY):
        if not is_key(str(pinned)):
            raise SkytierError(
                f"The server {server.name} has a host key in its metadata that is no key: "
                f"{pinned!r}.",
                "Somebody wrote it there. Read the key by other means, such as the dashboard's "
                f"console, and say so: skytier trust {server.name} KEY",
            )
        return str(pinned)
    for log in _console(connection, server, tell):
        if key := in_console(log):
            connection.compute.set_server_metadata(server, **{HOST_KEY: key})
            return key
    raise SkytierError(
        f"The server {server.name} did not print its SSH host key on its console within "
        f"{LEARN_TIMEOUT_S / 60:.0f} minutes.",
        f"See what it does: openstack console log show {server.id}. When the console shows nothing "
        f"at all, compare the key by other means and say so: skytier trust {server.name} KEY",
    )


def _console(connection: Connection, server: Any, tell: Tell) -> Iterator[str]:
    """The console's log, again and again for as long as it makes sense."""
    began = time.monotonic()
    while (waited_s := time.monotonic() - began) < LEARN_TIMEOUT_S:
        tell("booting")
        try:
            said = connection.compute.get_server_console_output(server, length=CONSOLE_LINES)
        except HttpException as error:
            # 409: it has no console before it runs. 5xx: this is a POST, which nobody else repeats.
            if error.status_code in (409, 500, 502, 503, 504):
                time.sleep(poll_s(waited_s))
                continue
            raise SkytierError(
                f"The cloud does not show the console of {server.name} ({error.status_code}), so "
                "its SSH host key cannot be learnt from there.",
                "Read the key by other means, such as the dashboard's console (ssh-keygen -lf "
                f"/etc/ssh/ssh_host_ed25519_key.pub), and say so: skytier trust {server.name} KEY",
            ) from error
        yield said.get("output") or ""
        time.sleep(poll_s(waited_s))
