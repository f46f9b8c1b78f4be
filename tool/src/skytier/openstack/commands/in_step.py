"""Waits until all members of a database follow the primary."""

from collections.abc import Mapping

from skytier.deploy.kind import Tell
from skytier.errors import SkytierError
from skytier.hosts.host import Host
from skytier.poll import until
from skytier.services.patroni.look import look
from skytier.services.patroni.members import Members
from skytier.services.patroni.minor_upgrade import obstacle

FOLLOWS_S = 600.0
"""How long a member that was taken out may need to be in step again."""


def all_in_step(
    hosts: Mapping[str, Host], tell: Tell, *, count: int, synchronous: bool
) -> tuple[Members, SkytierError | None]:
    """The members once all `count` of them are in step, else with what is in the way after
    FOLLOWS_S."""
    found: list[Members] = []
    errors: list[SkytierError | None] = []

    def in_step() -> bool:
        tell("waiting until all members are in step")
        found[:] = [look(hosts)]
        errors[:] = [obstacle(found[0], count=count, synchronous=synchronous)]
        return errors[0] is None

    until(in_step, FOLLOWS_S, 1)
    return found[0], errors[0]
