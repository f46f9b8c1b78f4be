"""The SSH key that a stack's machines let in. Nova shows a key pair to its own user alone."""

from collections.abc import Iterable

from skytier.deploy.kind import Found
from skytier.openstack.machines.operator import OperatorFiles
from skytier.openstack.resources.key_pair import KeyPair
from skytier.openstack.resources.server import PUBLIC_KEY, Server


def public_key(found: Iterable[Found], operator: OperatorFiles) -> str:
    """What the machines let in, as `ssh-ed25519 AAAA...`.

    As the oldest server says that has it noted, or else the user's own key pair. Where neither
    does, it is the operator's, which is made for a new stack alone: empty where there are servers,
    and no key is here.
    """
    found = sorted(found, key=lambda each: each.created_at)
    servers = [each for each in found if each.key.kind == Server.name]
    noted = [each.facts.get("metadata", {}).get(PUBLIC_KEY) for each in servers]
    pairs = [each.facts["public_key"] for each in found if each.key.kind == KeyPair.name]
    if told := next((str(each) for each in [*noted, *pairs] if each), ""):
        return told
    return "" if servers and not operator.key.exists() else operator.public_key()
