"""Asking a host whether all is well."""

import base64
import time
from collections.abc import Sequence

from skytier.deploy.kind import Tell
from skytier.errors import SkytierError
from skytier.hosts.host import Host
from skytier.services.setup import Check

TIMEOUT_S = 120.0
WITH_OTHERS_TIMEOUT_S = 900.0
"""For what waits for other machines, which install packages meanwhile, or restart."""


def wait_until_well(host: Host, checks: Sequence[Check], tell: Tell) -> None:
    """Ask a host until no check fails.

    Raises SkytierError for one that fails for longer than it may without a break, and at once for
    what a person has to do.
    """
    tell("checking")
    since: dict[str, float] = {}
    patience_s = {
        each.name: WITH_OTHERS_TIMEOUT_S if each.with_others else TIMEOUT_S for each in checks
    }
    while failed := failing(host, checks):
        tell(f"checking, waiting for {', '.join(failed)}")
        now = time.monotonic()
        for check in checks:
            said = failed.get(check.name, "")
            if check.by_hand and said.startswith(check.by_hand.says):
                raise SkytierError(f"{host.name} is not healthy:\n{said}", check.by_hand.do)
        since = {name: since.get(name, now) for name in failed}
        if any(now - since[name] > patience_s[name] for name in failed):
            said = "\n".join(f"{name}: {output}" for name, output in failed.items())
            raise SkytierError(
                f"{host.name} is set up, but not healthy:\n{said}",
                f"Look at it: skytier ssh {host.name}",
            )
        time.sleep(1)


def failing(host: Host, checks: Sequence[Check]) -> dict[str, str]:
    """The checks that fail now: name to what they said. All are asked in one go."""
    script = "".join(
        f"output=$(bash <<'CHECK-{number}' 2>&1\n{each.script}\nCHECK-{number}\n) "
        f'|| printf \'%s %s\\n\' {number} "$(printf %s "$output" | base64 --wrap=0)"\n'
        for number, each in enumerate(checks)
    )
    said = host.run("exec bash /dev/stdin", script.encode())
    failed = {}
    for line in said.splitlines():
        number, _, output = line.partition(" ")
        text = base64.b64decode(output).decode(errors="replace").strip()
        failed[checks[int(number)].name] = text or "it fails without a message"
    return failed
