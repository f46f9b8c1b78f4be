"""What releasing asks of a machine."""

from skytier.hosts.host import Host
from skytier.release.platform import Platform
from skytier.render import render


def target(host: Host) -> Platform | None:
    """What a release for a machine has to be built for.

    None when it has no Python that is new enough yet: its set-up brings one. Raises SkytierError
    when it says something else.
    """
    said = host.run(script("target")).strip()
    return Platform.parse(said) if said else None


def current(host: Host) -> str | None:
    """The id of the release that a machine is switched to."""
    return host.run("readlink /opt/skytier/current || true").strip().rpartition("/")[2] or None


def script(name: str, **values: object) -> str:
    """The bash script `templates/NAME.sh`."""
    return render("skytier.release", f"{name}.sh", home="/opt/skytier", **values)
