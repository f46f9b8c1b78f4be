"""Programs on a machine that end as a whole, whoever goes away: see `Program`."""

from contextlib import suppress

from skytier.deploy import backups
from skytier.deploy.files import archive
from skytier.deploy.kind import Tell
from skytier.errors import SkytierError
from skytier.hosts.host import Host
from skytier.services.pgbackrest.program import Program

_BESIDE = (
    "--property=Nice=10 --property=IOSchedulingClass=idle --property=CPUWeight=20 "
    "--property=OOMScoreAdjust=500"
)
"""The application comes first, also when memory runs out."""


def run(host: Host, program: Program, tell: Tell, *, beside: bool = False) -> str:
    """Carry a program out. Returns what it wrote into its file `result`. Raises SkytierError.

    One that was interrupted before is ended, and what is left of it is removed. `beside` is whether
    something runs on the machine that comes first.
    """
    directory = program.directory
    end(host, program)
    directories = {file.path.rpartition("/")[0] for file in program.files}
    places = " ".join(sorted({directory, *directories}))
    host.run(
        f"install -d -o root -g {program.reader} -m 0750 {places} && tar --extract --file=- "
        "--directory=/ --no-overwrite-dir --same-owner --preserve-permissions",
        archive(program.files, {}),
    )
    # Also when it is killed.
    gone = " ".join([f"{directory}/conf.d", *program.owned])
    limits = " ".join(f"--property={each}" for each in program.properties)
    try:
        host.run(
            f"systemd-run --quiet --no-block --collect --unit={program.unit} "
            f"--property=Type=oneshot --property=ExecStopPost='/bin/rm -rf {gone}' {limits} "
            f"{_BESIDE if beside else ''} "
            f"/bin/bash {directory}/program"
        )

        def told(_: str) -> None:
            tell(_said(host, program).partition("\n")[0] or "beginning")

        backups.run(host, f"{program.unit}.service", told, "", start=False)
        state, _, why = _said(host, program).partition("\n")
        if state != "done":
            cut_short = f"What {program.unit} did on {host.name} was interrupted."
            raise SkytierError(why.strip() or cut_short, "Fix the cause, then run it again.")
        return host.run(f"cat {directory}/result")
    finally:
        # What is raised says more. The next run removes what stays.
        with suppress(SkytierError):
            end(host, program)


def end(host: Host, program: Program) -> None:
    """End it where it runs, and remove what it left."""
    gone = " ".join([program.directory, *program.owned])
    host.run(f"systemctl stop {program.unit}.service 2>/dev/null; rm -rf {gone}")


def _said(host: Host, program: Program) -> str:
    return host.run(f"cat {program.directory}/state 2>/dev/null || true").strip()
