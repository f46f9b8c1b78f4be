"""A short name for how a machine is set up, to see whether it has to be set up again."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict

from skytier.roles.role import Setup


def fingerprint(setup: Setup, more: Sequence[str] = ()) -> str:
    """16 hexadecimal digits: others once a file, a script, a check or a secret's name changes.

    The value of a secret is not in it; `more` is what tells that one may be another.

    >>> fingerprint(Setup(files=[], script="true", checks=[]))
    'c37090048f150c97'
    """
    canonical = json.dumps(asdict(setup), sort_keys=True, ensure_ascii=False)
    return hashlib.sha256("\n".join([canonical, *more]).encode()).hexdigest()[:16]
