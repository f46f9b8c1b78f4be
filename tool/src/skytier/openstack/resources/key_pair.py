"""Key pairs. They have neither metadata nor tags: the mark is the comment of the public key.

Nova shows them to the user alone who made them, so each operator of a stack has one.
"""

from collections.abc import Iterable
from typing import Any

from skytier.deploy.kind import Found, Key, Known, Tell, Wanted
from skytier.openstack.resources.project import Project


class KeyPair:
    """`attributes`: public_key, as `ssh-ed25519 AAAA...` without a comment."""

    name = "key pair"
    fixed = frozenset({"public_key"})

    def __init__(self, project: Project) -> None:
        self._project = project
        self._compute = project.connection.compute

    def find(self) -> Iterable[Found]:
        """Those whose comment is the mark."""
        for pair in self._compute.keypairs():
            if pair.public_key.strip().endswith(f" {self._project.mark}"):
                yield self._found(pair)

    def create(self, wanted: Wanted, known: Known) -> Found:
        """The public key with the mark behind it."""
        key = f"{wanted.attributes['public_key']} {self._project.mark}"
        pair = self._compute.create_keypair(name=wanted.key.name, public_key=key)
        return self._found(pair)

    def reconcile(self, wanted: Wanted, found: Found, known: Known, tell: Tell) -> Found:
        """It is whole at once."""
        return found

    def delete(self, found: Found, tell: Tell) -> None:
        """Servers that were made with it keep their copy."""
        self._compute.delete_keypair(found.id, ignore_missing=True)

    def _found(self, pair: Any) -> Found:
        facts = {"public_key": " ".join(pair.public_key.split()[:2])}
        return Found(Key(self.name, pair.name), pair.name, facts, facts)
