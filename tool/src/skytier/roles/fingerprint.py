"""A short name for how a machine is set up, to see whether it has to be set up again."""

import hashlib
import json
from dataclasses import asdict

from skytier.roles.role import Setup


def fingerprint(setup: Setup) -> str:
    """16 hexadecimal digits: others once a file, a script, a check or a secret's name changes.

    The value of a secret is not in it; whoever changes one sets the machine up again.

    >>> fingerprint(Setup(files=[], script="true", checks=[]))
    '53ebb4f9e6a3d3ad'
    """
    canonical = json.dumps(asdict(setup), sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(canonical.encode()).hexdigest()[:16]
