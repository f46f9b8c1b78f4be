"""Whose a resource is, by what it carries."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from skytier.openstack.resources.project import PREFIX, ROLE, STACK, marks

LABEL = f"{PREFIX}label:"


@dataclass(frozen=True)
class Owner:
    """The stack that made it, and what it is there; all empty for what no stack made."""

    stack: str = ""
    role: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)


def of_marks(tags: Iterable[str], name: str = "") -> Owner:
    """By tags, or the parts of a description: `skytier:stack=shop`, `skytier:label:team=web`.

    Labels count with or without a stack, so that others can label what they make, too. The role
    is in a name such as `shop-web-1` where nothing else says it.
    """
    return of_metadata(marks(tags), name)


def of_metadata(metadata: Mapping[str, str], name: str = "") -> Owner:
    """The same by the metadata of servers, volumes and images."""
    stack = metadata.get(STACK, "")
    labels = {
        key.removeprefix(LABEL): value for key, value in metadata.items() if key.startswith(LABEL)
    }
    return Owner(stack, metadata.get(ROLE, "") or role_in(name, stack), labels)


def of_key_pair(key_pair: str, name: str) -> Owner:
    """A guess for a deleted server that carries nothing: by its key pair, `shop-key-pair`."""
    stack = key_pair.removesuffix("-key-pair")
    role = role_in(name, stack)
    return Owner(stack, role) if role and stack != key_pair else Owner()


def role_in(name: str, stack: str) -> str:
    """The role in the name of a stack's resource.

    >>> role_in("shop-web-1", "shop")
    'web'
    """
    found = re.fullmatch(rf"{re.escape(stack)}-(.+)-\d+", name) if stack else None
    return found[1] if found else ""
