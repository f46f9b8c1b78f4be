"""A member of Redis hands over before its server goes away."""

from collections.abc import Set
from dataclasses import dataclass

from skytier.deploy.kind import Found, Key, Known, Tell
from skytier.hosts.host import UnreachableError
from skytier.openstack.entry_point import BEHIND, FRONT
from skytier.openstack.machines.taken_away import ServersTakenAway
from skytier.services.redis.servers import SENTINEL_PORT, SERVERS
from skytier.services.sentinel.service import LEAVE, UNIT
from skytier.stackfile import StackFile
from skytier.stackfile.cache import members_on

Places = Set[tuple[str, int]]
"""Roles and numbers of machines."""
_COME_BACK = f"systemctl start {UNIT} {' '.join(each.unit for each in SERVERS)}"


@dataclass(frozen=True)
class RedisServers(ServersTakenAway):
    """The servers of a stack with a cache, as a kind.

    One that cannot is not taken away, unless nobody keeps what it has anyway. On one that is
    broken, the others choose a primary by themselves.
    """

    members: Places
    """The machines that have a member, as far as that is known; none where nobody has one."""
    goes_on: bool
    """Whether Redis has several members afterwards, which then keep what this one has."""

    def prepare(self, found: Found, tell: Tell, *, for_good: bool) -> None:
        """Have another member take over, if Redis has several; and have the others forget it."""
        if not self._may_have_one(found) or found.fault:
            return
        how = ("--for-good" if self.goes_on else "--apart") if for_good else ""
        try:
            self.access.enter(found.key.name, self.there).run(_if_there(f"{LEAVE} {how}".rstrip()))
        except UnreachableError as error:
            if self.goes_on and (found.facts["role"], found.facts["number"]) in self.members:
                raise
            tell(f"if Redis runs there, it was not stopped: {error.what}")

    def serve_again(self, found: Found, tell: Tell) -> None:
        """It follows the primary."""
        if not self._may_have_one(found):
            return
        self.access.enter(found.key.name, self.there).run(_if_there(_COME_BACK))

    def _may_have_one(self, found: Found) -> bool:
        # A run that was cut short may have left one anywhere.
        return bool(self.members) and found.facts["role"] in (FRONT, BEHIND)


def members(stack: StackFile, there: Known) -> Places:
    """The machines that are to have a member, or may have had one; none where Redis had one server.

    `there` is all that is there before. The group of its web servers lets in Sentinels where Redis
    had several members. The least number of web servers of then is not known.
    """
    group = there.get(Key("security group", f"{stack.name}-{BEHIND}"))
    if group is None or not any(rule[0] == SENTINEL_PORT for rule in group.attributes["rules"]):
        return frozenset()
    last = {
        role: max(
            (
                found.facts["number"]
                for key, found in there.items()
                if key.kind == "server" and found.facts["role"] == role
            ),
            default=0,
        )
        for role in (FRONT, BEHIND)
    }
    before = [members_on(last[FRONT], number) for number in range(1, last[BEHIND] + 1)]
    return frozenset(place for places in (stack.cache_members, *before) for place in places)


def _if_there(script: str) -> str:
    """What is run on a machine that has a member."""
    return f"[ ! -x {LEAVE} ] || {{ {script}; }}"
