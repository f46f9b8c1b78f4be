"""Several members of Redis: whether the images of their machines have a Redis for that."""

from collections.abc import Mapping

from skytier.errors import SkytierError
from skytier.openstack.choices.images import Image
from skytier.openstack.choices.systems import is_older
from skytier.release.platform import System
from skytier.services.redis.servers import MEMBERS_SINCE, MEMBERS_VERSION
from skytier.stackfile import StackFile


def check(stack: StackFile, images: Mapping[str, Image], systems: Mapping[str, System]) -> None:
    """Raises SkytierError where the image of a member's machine is known to have an older Redis.

    `images` and `systems` are those of the roles. What an image does not tell is told by the set-up
    of the machine.
    """
    if not stack.cache.replicated:
        return
    for role in dict.fromkeys(role for role, _ in stack.cache_members):
        if is_older(systems[role], MEMBERS_SINCE):
            raise SkytierError(
                f"cache.members is {stack.cache.members}, which needs Redis {MEMBERS_VERSION}: the "
                f"image {images[role].name} ({role}) has an older one.",
                f"Name an image of Debian 12, Ubuntu 24.04 or newer: {role}.image. A server that "
                "is there keeps the image that it has: set cache.members to 1.",
            )
