"""Backups to a host by SFTP: whether the image of the database server has what that needs."""

from collections.abc import Mapping

from skytier.errors import SkytierError
from skytier.openstack.choices.images import Image
from skytier.openstack.choices.systems import is_older
from skytier.release.platform import System
from skytier.services.pgbackrest.config import SFTP_SINCE, SFTP_VERSION
from skytier.stackfile import StackFile


def check(stack: StackFile, images: Mapping[str, Image], systems: Mapping[str, System]) -> None:
    """Raises SkytierError where that image is known to have an older pgBackRest.

    `images` and `systems` are those of the roles. What an image does not tell is told by the set-up
    of the server.
    """
    place = next((each for each in stack.backup.places.values() if each.on_host), None)
    if place is None:
        return
    if not is_older(systems["database"], SFTP_SINCE):
        return
    raise SkytierError(
        f'Backups cannot go to {place.host} by SFTP ({place.section}.kind = "sftp"): the image '
        f"{images['database'].name} of the database server has a pgBackRest that is older than "
        f"{SFTP_VERSION}.",
        "Name an image of Debian 13, Ubuntu 24.04 or newer: database.image. A database server that "
        f"is there keeps the image that it has: set {place.section}.kind to another kind of place.",
    )
