"""Whether a replica was away for so long that it cannot follow any more, asked on one machine
together with other questions. Patroni leaves it as it is."""

import shlex

from skytier.render import render
from skytier.services.patroni.service import CONFIG, HOME, UNIT

_WORD = "patroni-behind"
QUESTION = render("skytier.services.patroni", "behind.sh", unit=UNIT, word=_WORD)
"""In bash, as root. On a machine without Patroni it says nothing."""


def read(said: str) -> bool:
    """The answer, among others."""
    return _WORD in said.splitlines()


def clone(stack: str, machine: str) -> str:
    """The script for that machine. Patroni refuses it while no member is the primary."""
    names = f"{shlex.quote(stack)} {shlex.quote(machine)}"
    return f"{HOME}/bin/patronictl -c {CONFIG} reinit {names} --force"
