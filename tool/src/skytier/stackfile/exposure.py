"""What a stack on a cloud leaves open to everybody, and the line of the stack file to change."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network, collapse_addresses
from pathlib import Path

from skytier.stackfile.document import toml
from skytier.stackfile.model import DEFAULT_PATH, StackFile
from skytier.stackfile.read import line_of, text_of

EVERYBODY_IPV4, EVERYBODY_IPV6 = [IPv4Network("0.0.0.0/0")], [IPv6Network("::/0")]
OWN = '["203.0.113.0/24"]'
"""Stands for the operator's own network."""


@dataclass(frozen=True)
class Exposure:
    """One thing that is open."""

    key: str
    """The key of the stack file that decides it: `ssh_from`."""
    said: str
    """What is open to whom."""
    do: str
    """What to write instead."""

    def __str__(self) -> str:
        return f"{self.said} {self.do}"


def exposures(stack: StackFile, path: Path | None = None) -> list[Exposure]:
    """All that is open. `path` is the stack file's, as it was named to `load`."""
    path = path or DEFAULT_PATH
    text = text_of(path) if path.exists() else ""
    return [
        Exposure(key, said, f"{_place(text, path, stack, key)} {instead}")
        for key, said, instead in _found(stack)
    ]


def _found(stack: StackFile) -> Iterator[tuple[str, str, str]]:
    if stack.network:
        fixed = ' and public = "fixed" out, where the cloud has floating IPs.'
        yield (
            "network",
            f"All machines, the database too, are on the network {stack.network}, which others "
            "may use: security groups alone guard them.",
            f"take network{fixed}"
            if stack.public == "fixed"
            else "take network out, so that the stack has a network of its own.",
        )
    if stack.public == "none":
        return
    if stack.tls == "off":
        yield (
            "tls",
            "The page is plain HTTP on a public address: on the way anybody can read the passwords "
            "of those who sign in.",
            'write tls = "self-signed", or tls = "acme" with domain and email.',
        )
    if everybody(stack.ssh_from):
        yield (
            "ssh_from",
            f"SSH (port 22) of {_bastions(stack)} is open to the whole world.",
            f"write your own networks: ssh_from = {OWN}.",
        )
    if everybody(stack.api_from):
        yield (
            "api_from",
            "The application's port 8000 is open to the whole world, past Nginx and by plain HTTP.",
            f"write the networks that need it, or take the line away: api_from = {OWN}.",
        )


def everybody(networks: Sequence[str]) -> bool:
    """Whether networks together are all addresses of IPv4, or all of IPv6.

    >>> everybody(["0.0.0.0/1", "128.0.0.0/1"])
    True
    """
    of_ipv4 = [IPv4Network(each) for each in networks if ":" not in each]
    of_ipv6 = [IPv6Network(each) for each in networks if ":" in each]
    return (
        list(collapse_addresses(of_ipv4)) == EVERYBODY_IPV4
        or list(collapse_addresses(of_ipv6)) == EVERYBODY_IPV6
    )


def _place(text: str, path: Path, stack: StackFile, key: str) -> str:
    value = toml(getattr(stack, key))
    if line := line_of(text, [key]):
        return f"{path}, line {line}, has {key} = {value}:"
    return f"{path} has no line for it ({key} = {value} holds):"


def _bastions(stack: StackFile) -> str:
    if stack.shares_address:
        return "both balancers"
    if stack.has_load_balancer:
        return "the first web server"
    return "the balancer" if stack.has_balancer else "every web server"
