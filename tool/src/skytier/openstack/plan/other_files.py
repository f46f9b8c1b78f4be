"""A new server for data that its PostgreSQL could not read: refused before anything is changed.

PostgreSQL reads the files of its own major version only, and each distribution has another one.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from skytier.deploy.kind import Key, Known
from skytier.deploy.plan import Action, Step
from skytier.deploy.update import SERVER
from skytier.errors import SkytierError
from skytier.openstack.choices import systems
from skytier.openstack.plan.given_up import GIVEN_UP
from skytier.openstack.plan.resolved import ResolvedStack
from skytier.openstack.plan.upgrades import DATABASE, set_up
from skytier.openstack.resources.volume import KEPT, Volume
from skytier.services.postgresql.distribution import major_version

_MADE = (Action.CREATE, Action.REPLACE)


@dataclass(frozen=True)
class NewServer:
    """A server of the database that is to be made for data that is there."""

    name: str
    image: str
    gets: int | None
    """The major version of PostgreSQL that it gets; None where nothing tells it."""
    has: int | None
    """The one that the data is of, as far as it can be told without asking a machine."""


def new_servers(resolved: ResolvedStack, known: Known, steps: Sequence[Step]) -> list[NewServer]:
    """The servers that a plan makes for data that stays: on a volume, or of other members."""
    wanted = resolved.stack.database.version if resolved.stack.has_database else None
    gets = wanted or major_version(resolved.choices.systems.get(DATABASE, systems.UNKNOWN))
    return [
        NewServer(
            step.key.name,
            step.wanted.attributes["image"],
            gets,
            _version(resolved, known, step),
        )
        for step in steps
        if step.key.kind == SERVER and step.action in _MADE and not step.loses
        if step.wanted and step.wanted.creation["role"] == DATABASE
        if not (step.found and step.found.facts.get(GIVEN_UP))
        if _on_volume(known, step.key.name) is not None or set_up(known)
        if wanted or step.wanted.attributes["image"] not in _images(known)
    ]


def refuse(servers: Iterable[NewServer], wanted: int | None, told: int | None) -> None:
    """Raises SkytierError where one of them could not read the data.

    `wanted` is the version that the stack file names, and `told` the one that the database says
    that it has; None where it was not asked.
    """
    for server in servers:
        has = told or server.has
        if has is None or server.gets is None or has == server.gets:
            continue
        if wanted is None:
            raise SkytierError(
                f"The image {server.image} has PostgreSQL {server.gets}, and the data that the new "
                f"server {server.name} is to find is of PostgreSQL {has}: no other version reads "
                "its files.",
                f"Set database.version = {has}: then the new server has that version. Go over to "
                f"{server.gets} afterwards, or never. Or name an image with PostgreSQL {has}. "
                "docs/how-to/upgrade-postgresql-major.md",
            )
        raise SkytierError(
            f"The server {server.name} is to be made again, and database.version is {wanted}. Its "
            f"data is of PostgreSQL {has}, and an upgrade needs a server that has both.",
            f"One after the other: set database.version = {has} and run skytier up, which makes "
            f"the server. Then set it to {wanted} and run skytier up.",
        )


def _version(resolved: ResolvedStack, known: Known, step: Step) -> int | None:
    if noted := _on_volume(known, step.key.name):
        return noted
    # A version of the stack file counts more than an image.
    if resolved.stack.database.version:
        return None
    own = [step.found.attributes["image"]] if step.found else []
    images = [*own, *_images(known)]
    if not images:
        return None
    return major_version(resolved.choices.system_of(images[0]))


def _images(known: Known) -> list[str]:
    """The images of the database's servers. What one of them has reads its data."""
    servers = (each for key, each in known.items() if key.kind == SERVER)
    return [each.attributes["image"] for each in servers if each.facts["role"] == DATABASE]


def _on_volume(known: Known, name: str) -> int | None:
    """The version of the data on a server's volume: 0 where it is not noted, None without data."""
    volume = known.get(Key(Volume.name, name))
    if volume is None or volume.facts["data"] != KEPT:
        return None
    return int(volume.facts.get("postgresql") or 0)
