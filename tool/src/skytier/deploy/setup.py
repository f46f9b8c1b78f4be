"""Setting up a host as its role says: files, secrets, and a script."""

import shlex
from collections.abc import Mapping

from skytier.deploy.files import UNPACK, archive
from skytier.deploy.kind import Tell
from skytier.errors import SkytierError
from skytier.hosts.host import CommandError, CommandTimeoutError, Host
from skytier.services.setup import REMOVALS, File, Setup

_SCRIPT = "/usr/local/lib/skytier/set-up"
_LOCK, _WAITS_S, _BUSY = "/run/skytier-set-up.lock", 900, 213
"""What a set-up of a machine holds, how long another one waits for it, and the exit code then."""
_EXPLAIN_FIRST_BOOT = """
cloud-init status --long || true
echo '--- the end of /var/log/cloud-init-output.log'
tail -n 30 /var/log/cloud-init-output.log
"""


APPLIED_UNITS = "/var/lib/skytier/units.applied"
"""The sums of the units that systemd has read."""
REFUSED = "Refused by Skytier:"
"""What a script prints before the lines that say what is in its way, and what to do."""
REMOVE = f"""(
for each in {REMOVALS}/*; do
    case " KEPT " in
        *" ${{each##*/}} "*) ;;
        *) [ ! -e "$each" ] || {{ "$each" && rm -f "$each" {APPLIED_UNITS}; }} || exit 1 ;;
    esac
done
)"""
"""Takes away what an earlier set-up brought, and this one does not have: see REMOVALS. Whoever
brings it again has systemd read all units anew."""
RELEASE_FOLLOWS = "release-follows"
"""The argument of the script when another release is switched to right after."""
FOUNDS = "founds"
"""The argument of the script on the first machine of a role: there is no other one to join."""


def set_up(
    host: Host,
    setup: Setup,
    secrets: Mapping[str, str],
    tell: Tell,
    *,
    release_follows: bool = False,
    founds: bool = False,
) -> None:
    """Bring a host to what its role wants. Raises SkytierError with what the host said.

    `release_follows` is whether another release is switched to right after: then the present one
    need not be healthy with what changes. `founds` is whether no other machine of its role was ever
    set up.
    """
    tell("configuring")
    try:
        files = [*setup.files, File(_SCRIPT, setup.script, 0o700)]
        word = RELEASE_FOLLOWS if release_follows else FOUNDS if founds else ""
        remove = REMOVE.replace("KEPT", " ".join(removals(setup)))
        command = f"{UNPACK} && {remove} && exec bash {_SCRIPT} {word}"
        host.run(_alone(command, host.name), archive(files, secrets))
    except CommandTimeoutError as error:
        raise SkytierError(
            f"{host.name} was not set up in time. {error.what}",
            "It may go on there, and may wait for packages. Look at the machine: "
            f"skytier ssh {host.name}. Then run skytier up again.",
        ) from error
    except CommandError as error:
        _, refused, why = error.output.rpartition(f"{REFUSED}\n")
        if refused:
            what, _, do = why.strip().partition("\n")
            raise SkytierError(f"{host.name}: {what}", do) from error
        # What cloud-init says of itself is not trusted; but what it did may be why.
        first_boot = host.run(_EXPLAIN_FIRST_BOOT).strip()
        raise SkytierError(
            f"{host.name} could not be set up. It said:\n{error.output.strip()}\n"
            f"Its first boot went like this:\n{first_boot}",
            "Fix the cause and run skytier up again. To look at the machine: "
            f"skytier ssh {host.name}",
        ) from error


def _alone(command: str, name: str) -> str:
    """A command that waits for a set-up of the machine that goes on though its connection was lost.

    Both would write the same files, and copy the same data to the same place. Nothing that the
    command leaves running holds the lock.
    """
    lock = f"flock --close --wait {_WAITS_S} --conflict-exit-code {_BUSY} {_LOCK}"
    busy = shlex.join(
        [
            REFUSED,
            f"An earlier set-up, whose connection was lost, has not ended within {_WAITS_S} s.",
            f"It may copy data. Wait for its end: skytier exec {name} 'flock {_LOCK} true'. "
            "Then run skytier up again.",
        ]
    )
    told = f"[ $code != {_BUSY} ] || printf '%s\\n' {busy} >&2"
    return f"{lock} bash -c {shlex.quote(command)} || {{ code=$?; {told}; exit $code; }}"


def removals(setup: Setup) -> list[str]:
    """The names of the scripts in REMOVALS that a set-up has."""
    places = [file.path.rpartition("/") for file in setup.files]
    return [name for directory, _, name in places if directory == REMOVALS]
