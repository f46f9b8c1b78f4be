"""How a machine is set up: files, secrets, a script and checks."""

import hashlib
import json
import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass

REMOVALS = "/usr/local/lib/skytier/removals"
"""Where a service may leave a script that takes it away. A set-up that does not have that file any
more runs it first, in the order of the names. So what a stack never had is in none of its
set-ups."""

NEW_MACHINE, ANY_MACHINE = "# For a machine that is new:", "# For any machine:"
"""The lines around a part of a script that does nothing on a machine that was set up before. So it
is no reason to set one up again, and not in the fingerprint."""


@dataclass(frozen=True)
class File:
    """A file that the tool puts on a machine."""

    path: str
    text: str
    mode: int = 0o644
    owner: str = "root"
    group: str = "root"


@dataclass(frozen=True)
class ByHand:
    """An answer of a check that stays until a person does something."""

    says: str
    """How it begins."""
    do: str
    """What to do, as a sentence of advice."""


@dataclass(frozen=True)
class Check:
    """A question to a machine: a bash script, run as root.

    It exits with 0 and a word on how it is, or with 1 and, on its standard output, what is wrong:
    one line, then the log lines that say why.
    """

    name: str
    script: str
    needs_release: bool = False
    """Whether it makes sense only once a release has been shipped."""
    outside: bool = False
    """Whether it waits for somebody outside the stack: `up` ends well without it, and `status`
    follows it."""
    with_others: bool = False
    """Whether it waits for other machines of the stack, which may be set up at the same time."""
    by_hand: ByHand | None = None
    """The answer that nobody waits with; None where each may pass by itself."""


@dataclass(frozen=True)
class Setup:
    """How a machine is brought to what it should be. Running it again changes nothing.

    Setups add up: a machine's is the sum of those of its services.

    In this order: `files` are put in place, `secrets` too (each as /etc/skytier/secrets/NAME,
    readable by root only), then `script` runs: bash, as root. All of it may begin as soon as the
    machine answers by SSH: the script waits for cloud-init itself, and every file belongs to root,
    because other accounts come with packages.
    """

    files: Sequence[File] = ()
    script: str = ""
    checks: Sequence[Check] = ()
    secrets: Sequence[str] = ()
    """Names of secrets that the script needs: `database_password`."""

    def __add__(self, other: "Setup") -> "Setup":
        """Both. The other one's script comes second, and finds the functions of the first."""
        return Setup(
            files=[*self.files, *other.files],
            script="\n".join(text for text in (self.script, other.script) if text),
            checks=[*self.checks, *other.checks],
            secrets=tuple(dict.fromkeys([*self.secrets, *other.secrets])),
        )

    def fingerprint(self, more: Sequence[str] = ()) -> str:
        """16 hexadecimal digits: others once a file, a script, a check or a secret's name changes.

        The value of a secret is not in it; `more` is what tells that one may be another.

        >>> Setup(files=[], script="true", checks=[]).fingerprint()
        'c37090048f150c97'
        """
        told = {**asdict(self), "script": _OF_NEW.sub("", self.script)}
        for each in told["checks"]:
            # For how long it is asked changes nothing on the machine.
            del each["with_others"], each["by_hand"]
        canonical = json.dumps(told, sort_keys=True, ensure_ascii=False)
        return hashlib.sha256("\n".join([canonical, *more]).encode()).hexdigest()[:16]


_OF_NEW = re.compile(f"^{NEW_MACHINE}\n.*?^{ANY_MACHINE}\n", re.DOTALL | re.MULTILINE)
