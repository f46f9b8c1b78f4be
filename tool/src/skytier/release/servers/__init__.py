"""The servers that run an application, for projects that do not bring one.

NAME.txt pins a server and what it needs, with hashes, for every Python and machine.
"""

from collections.abc import Sequence
from importlib.resources import files

from packaging.utils import canonicalize_name

from skytier.release.pins import Requirements, read
from skytier.release.platform import Platform
from skytier.release.refusals import refused
from skytier.release.resolve import resolve_beside


def add(project: Requirements, needs: Sequence[str], target: Platform) -> tuple[Requirements, bool]:
    """A project's pins with the servers that they lack; and whether versions were chosen for that.

    Versions are those of NAME.txt. Where the project pins other versions of what a server needs,
    the project's stay: the index is asked for a version of the server that suits them. Raises
    SkytierError when there is none.
    """
    chosen = False
    for name in needs:
        if canonicalize_name(name) in project.names:
            continue
        project, anew = _add(project, name, target)
        chosen = chosen or anew
    return project, chosen


def _add(project: Requirements, name: str, target: Platform) -> tuple[Requirements, bool]:
    own = read(files(__package__).joinpath(f"{name}.txt").read_text(), target)
    version = {pin.name: pin.version for pin in project.pins}
    added = own.with_pins(pin for pin in own.pins if pin.name not in version)
    if all(version.get(pin.name, pin.version) == pin.version for pin in own.pins):
        return project.with_pins({*project.pins, *added.pins}), False
    # The direct needs of the file: all that stands in it, so that none is left out.
    wanted = [pin.name for pin in added.pins]
    found = resolve_beside(wanted, target, project, added)
    if isinstance(found, Requirements):
        return _with(project, found), False
    found = resolve_beside([name], target, project)
    if isinstance(found, Requirements):
        return _with(project, found), True
    raise refused(f"No {name} suits the versions that the project pins", found)


def _with(project: Requirements, found: Requirements) -> Requirements:
    new = {pin for pin in found.pins if pin.name not in project.names}
    return project.with_pins({*project.pins, *new})
