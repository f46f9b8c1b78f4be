"""A planned switchover: Patroni makes another member the primary."""

import json
import shlex
from dataclasses import dataclass
from importlib.resources import files

from skytier.errors import SkytierError
from skytier.hosts.host import Host
from skytier.services.patroni.members import Member
from skytier.services.patroni.service import CONFIG, HOME

_PROGRAM = files("skytier.services.patroni.on_member") / "switchover.py"


@dataclass(frozen=True)
class Switched:
    """How it went."""

    without_primary_s: float | None
    """From the last write that the former primary took until the new one takes them, by one clock;
    None where that was not seen."""


def switch_over(host: Host, primary: Member, to: Member) -> Switched:
    """Make `to` the primary, on the machine of the present one. Raises SkytierError."""
    words = shlex.join([CONFIG, primary.machine, to.machine])
    command = f"runuser -u postgres -- {HOME}/bin/python - {words}"
    try:
        said = host.run(f"cd / && {command}", _PROGRAM.read_bytes())
    except SkytierError as error:
        raise SkytierError(
            f"Patroni did not make {to.machine} the primary. {error.what}",
            "See who is the primary now: skytier database",
        ) from error
    told = json.loads(said)
    if told["took"] is None or told["takes"] is None:
        return Switched(None)
    return Switched(max(0, told["takes"] - told["took"]))
