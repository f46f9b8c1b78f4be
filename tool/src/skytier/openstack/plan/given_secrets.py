"""Secrets that the operator gives: whether a machine was set up with those of this run.

The metadata of its server has a mark of each. A mark is made with the stack's private SSH key,
which every operator of the stack has: nobody else can find out a secret by trying.
"""

import hashlib
import hmac
from collections.abc import Mapping

from skytier.deploy.kind import Found
from skytier.openstack.machines.operator import OperatorFiles
from skytier.openstack.resources.project import PREFIX

MARKS = f"{PREFIX}given"
"""A key of the metadata: marks with spaces between them."""


def marks(operator: OperatorFiles, secrets: Mapping[str, str]) -> dict[str, str]:
    """A mark of each secret, 16 hexadecimal digits, by its name; none where the key is not here."""
    if not (secrets and operator.key.exists()):
        return {}
    key = operator.key.read_bytes().strip()
    return {
        name: hmac.digest(key, f"{name}={text}".encode(), hashlib.sha256).hex()[:16]
        for name, text in secrets.items()
    }


def noted(server: Found | None) -> set[str]:
    """The marks of those that a machine was set up with; none of one that is not there yet."""
    return {*server.facts["metadata"].get(MARKS, "").split()} if server else set()
