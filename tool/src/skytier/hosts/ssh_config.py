"""The text of an ssh_config file. What is not safe in one is refused, wherever it comes from.

Names and addresses come from a cloud, where others may have chosen them; paths have the names of
clouds and users in them.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path

from skytier.errors import SkytierError

ACCOUNT = "skytier-operator"
"""Who the operator is on a machine: the account that gets the key pair, and sudo."""
CONNECT_TIMEOUT_S = 20
_WORD = re.compile("[A-Za-z0-9][A-Za-z0-9._-]{0,254}")
# ssh knows no way to write these in a path: quotes, patterns, variables, ends of lines.
_NOT_IN_PATHS = re.compile(r'["\\*?\[\]]|\$\{|[\x00-\x1f\x7f]')


@dataclass(frozen=True)
class SshEntry:
    """The entry of one machine. Its host key is filed under its server's id, which is unique."""

    name: str
    address: str
    server_id: str
    via: str | None = None
    """The host that leads there."""
    jump: str | None = None
    """The operator's own jump host, which their own configuration of ssh knows."""


def is_word(text: str) -> bool:
    """Whether it means itself as a host's name: no pattern, no option, no second line.

    >>> is_word("shop-web-1"), is_word("*"), is_word("-oProxyCommand=x")
    (True, False, False)
    """
    return _WORD.fullmatch(text) is not None


def is_jump(text: str) -> bool:
    """Whether it is a host, or a user and a host.

    >>> is_jump("me@jump.example.org"), is_jump("-oProxyCommand=x"), is_jump("a b")
    (True, False, False)
    """
    return all(map(is_word, text.split("@", 1)))


def is_address(text: str) -> bool:
    """Whether it is an IP address, as Neutron writes them."""
    try:
        return str(ip_address(text)) == text and "%" not in text
    except ValueError:
        return False


def path_in_config(path: Path) -> str:
    """A path as ssh reads it, in quotes. Raises SkytierError for one that cannot be written."""
    text = str(path)
    if found := _NOT_IN_PATHS.search(text):
        raise SkytierError(
            f"ssh cannot use files at {text!r}: {found[0]!r} has a meaning of its own there.",
            "Set XDG_CONFIG_HOME to a directory without such characters.",
        )
    return f'"{text}"'


def config(hosts: Sequence[SshEntry], key: Path, known_hosts: Path) -> str:
    """The whole text. Raises SkytierError for what is not safe in it."""
    parts = [
        "# How to get to the machines of this stack. Written by Skytier.",
        *(_host(host) for host in hosts),
        "Host *",
        f"  User {ACCOUNT}",
        # Here a percent sign begins what ssh puts in.
        f"  IdentityFile {path_in_config(key).replace('%', '%%')}",
        "  IdentitiesOnly yes",
        f"  UserKnownHostsFile {path_in_config(known_hosts).replace('%', '%%')}",
        "  GlobalKnownHostsFile /dev/null",
        "  # A key that is not known was not learnt from the cloud: no question, no connection.",
        "  StrictHostKeyChecking yes",
        "  UpdateHostKeys no",
        "  PasswordAuthentication no",
        f"  ConnectTimeout {CONNECT_TIMEOUT_S}",
        "  ServerAliveInterval 15",
        "  ServerAliveCountMax 4",
    ]
    return "\n".join(parts) + "\n"


def _host(host: SshEntry) -> str:
    if host.jump and not is_jump(host.jump):
        raise SkytierError(f"{host.jump!r} is no host that ssh takes.", "Set ssh_jump to another.")
    words = [host.name, host.server_id, *([host.via] if host.via else [])]
    if not all(map(is_word, words)) or not is_address(host.address):
        raise SkytierError(
            f"The machine {host.name!r} cannot be reached by SSH: its name, id or address "
            f"({host.server_id!r}, {host.address!r}) is not safe in a configuration of ssh.",
            "Skytier makes no such names. See who made it: openstack server show.",
        )
    lines = [f"Host {host.name}", f"  HostName {host.address}", f"  HostKeyAlias {host.server_id}"]
    if host.jump:
        # A process of its own: ProxyJump would take the stack's user, key and host keys for it.
        lines.append(f"  ProxyCommand ssh -o BatchMode=yes -W '[%h]:%p' {host.jump}")
    return "\n".join([*lines, *([f"  ProxyJump {host.via}"] if host.via else [])])
