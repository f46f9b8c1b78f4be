"""`skytier doctor`"""

import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import typer
from rich.padding import Padding
from rich.text import Text

from skytier.cli import chosen, console
from skytier.openstack.login import clouds

if TYPE_CHECKING:
    from skytier.doctor import Finding

app = typer.Typer()

# By name, since the states come with openstacksdk, which takes its time to import.
_SIGNS = {
    "ok": ("✓", "green"),
    "warning": ("!", "yellow"),
    "failed": ("✗", "red"),
    "skipped": ("-", "dim"),
}
_WIDTH = 18


@app.command(
    epilog="Exit codes: 0 it can be used, perhaps with warnings; 1 it cannot; 64 wrong usage."
    "\n\nExample: skytier doctor --cloud mycloud"
)
def doctor(
    cloud: chosen.Cloud = None,
    file: chosen.File = None,
    as_json: chosen.Json = False,
) -> None:
    """Check whether a stack can be brought up. Changes nothing.

    Credentials, catalog and region, the shape of the cloud and what the stack looks like on it,
    flavor, image, network, the quotas for the whole plan, the object store if the stack file asks
    for it, the clock and this machine's SSH. Each failure says what to do. The cloud `envvars` is
    the one of the variables OS_AUTH_URL and so on.
    """
    wanted = chosen.stack_file(file, cloud)
    name = wanted.cloud
    # Imported here, so that other commands need not wait for openstacksdk.
    from skytier.doctor import examine

    found: list[tuple[str, Finding]] = []
    for check, finding in examine(wanted, name, with_cloud=name is not None):
        found.append((check, finding))
        if not as_json:
            _show(check, finding)
    bad = [check for check, finding in found if finding.state.value == "failed"]
    if as_json:
        answer: dict[str, Any] = {
            "usable": not bad,
            "cloud": name,
            "checks": [{"name": check, **asdict(finding)} for check, finding in found],
        }
        print(json.dumps(answer, indent=2))  # noqa: T201  # nothing may wrap or colour it
    else:
        _conclude(name, bad)
    if bad:
        raise typer.Exit(1)


def _show(check: str, finding: "Finding") -> None:
    sign, colour = _SIGNS[finding.state.value]
    line = Text.assemble((f"{sign} ", colour), f"{check:<{_WIDTH}}")
    console.out.print(line.append(finding.said, "dim" if finding.state.value == "skipped" else ""))
    if finding.do:
        console.out.print(Text(f"{'':<{_WIDTH + 2}}{finding.do}", colour))
    if finding.quota:
        from skytier.cli.on_cloud import quota

        console.out.print(Padding(quota.table(finding.quota), (0, 0, 0, 2)))


def _conclude(name: str | None, bad: list[str]) -> None:
    if bad:
        console.out.print(f"\nNot usable yet: {', '.join(bad)}.", style="red")
    elif name is None:
        console.out.print(
            console.callable_here("\nThis machine is ready: skytier up"), markup=False
        )
        if there := str(clouds.find()):
            console.out.print(f"For a cloud add --cloud. There is {there}.", markup=False)
    else:
        ready = console.callable_here(f"\nReady: skytier up --cloud {name}")
        console.out.print(ready, markup=False)
