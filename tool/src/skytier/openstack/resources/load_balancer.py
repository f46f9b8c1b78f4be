"""Load balancers of Octavia: each with all that it is made of, as one resource."""

from collections.abc import Iterable
from typing import Any

from openstack.exceptions import ConflictException, HttpException, NotFoundException

from skytier.deploy.kind import Found, Key, Known, Tell, UnseenError, Wanted
from skytier.errors import SkytierError
from skytier.openstack import catalog
from skytier.openstack.resources import load_balancer_parts as parts
from skytier.openstack.resources.listed import Listed
from skytier.openstack.resources.project import Project, own_tags
from skytier.openstack.resources.waiting import ACTIVE_TIMEOUT_S, wait_for

ACTIVE = "ACTIVE"
TAGS_SINCE = (2, 5)
"""The version of Octavia's API that has tags."""
_GOES = frozenset({"PENDING_DELETE", "DELETED"})


class UnseenLoadBalancerError(UnseenError):
    """The project may not list load balancers, and the stack is to have one."""


class LoadBalancer(Listed):
    """`attributes`: port (a Key), which has its address; listeners, pools, members and monitors, as
    in load_balancer_parts; state, which is ACTIVE; tags. `creation`: provider.

    `facts`: address; operating, what Octavia says of it; members, the operating status by address.

    It loses nothing where it is made anew: its address stays, since the port is the stack's own.
    """

    name = "load balancer"
    fixed = frozenset({"port"})

    def __init__(
        self, project: Project, there: bool, *, wanted: bool = False, held_by: str = ""
    ) -> None:
        """`there` is whether the cloud has Octavia; `wanted` whether the stack is to have one.

        One that is not wanted is looked for where the stack has the port `held_by`, which has its
        address; anyway without that name.
        """
        self._project, self._there, self._wanted = project, there, wanted
        self._held_by = held_by
        # Its members are told by the ports that have their addresses.
        self.lists = project.ports

    @property
    def _octavia(self) -> Any:
        # Asked for late: openstacksdk has none where the catalog has none.
        return self._project.connection.load_balancer

    @property
    def _has_tags(self) -> bool:
        version = catalog.load_balancer_version(self._project.connection)
        return version is None or version >= TAGS_SINCE

    def among(self, listed: Iterable[Any]) -> Iterable[Found]:
        """Those with the mark as their description. `listed` are the ports of the stack."""
        listed = list(listed)
        # A stack without one does not depend on Octavia.
        if not self._there or not self._may_be_there(listed):
            return []
        return [self._found(each, listed) for each in self.marked()]

    def _may_be_there(self, ports: Iterable[Any]) -> bool:
        if self._wanted or not self._held_by:
            return True
        return any(port.name == self._held_by for port in ports)

    def marked(self) -> list[Any]:
        """All with the mark, by one list. Raises UnseenLoadBalancerError."""
        mark, mine = self._project.mark, self._project.id
        try:
            listed = list(self._octavia.load_balancers(description=mark, project_id=mine))
        except HttpException as error:
            if error.status_code not in (403, 404):
                raise
            # Who may not list them has made none.
            if not self._wanted:
                return []
            raise UnseenLoadBalancerError(
                "The stack's load balancer could not be looked for: the cloud has Octavia, and "
                f"Octavia answers {error.status_code}.",
                "Ask the cloud's operator which role may have load balancers in this project "
                '(often load-balancer_member). Or set balancer.kind = "haproxy".',
            ) from error
        # What is found here goes with `down`, so it does not depend on Octavia's filter.
        ours = (each for each in listed if each.description == mark)
        return [each for each in ours if each.provisioning_status != "DELETED"]

    def create(self, wanted: Wanted, known: Known) -> Found:
        """The request, without its parts: Octavia makes it in its own time.

        It takes all parts by one call, too; Octavia 11 was seen to leave them in PENDING_CREATE.
        """
        made = self._octavia.create_load_balancer(
            name=wanted.key.name,
            description=self._project.mark,
            vip_port_id=known.attributes(wanted)["port"],
            provider=wanted.creation["provider"],
        )
        return Found(wanted.key, made.id, {}, created_at=made.created_at or "")

    def reconcile(self, wanted: Wanted, found: Found, known: Known, tell: Tell) -> Found:
        """Octavia is done with it, and each part is as wanted.

        Raises SkytierError where it, or a part, ends in ERROR.
        """
        balancer = self._settled(found.id, tell)
        if balancer.is_admin_state_up is False:
            self._octavia.update_load_balancer(balancer, is_admin_state_up=True)
            balancer = self._settled(found.id, tell)
        if self._has_tags and own_tags(balancer.tags) != self._project.tags:
            foreign = set(balancer.tags) - set(own_tags(balancer.tags))
            tags = sorted({*foreign, *self._project.tags})
            self._octavia.update_load_balancer(balancer, tags=tags)
        parts.mend(
            self._octavia,
            *(self._project.id, found.id, wanted, known),
            lambda: self._settled(found.id, tell),
        )
        done = self._found(self._settled(found.id, tell), self._project.ports())
        if ill := list(dict.fromkeys(parts.failed(done.attributes))):
            raise SkytierError(
                f"The load balancer {wanted.key.name} is ACTIVE, and Octavia could not set up all "
                f"of it. In ERROR: {', '.join(ill)}.",
                "skytier up sets it up again. If that ends so again, ask the cloud's operator, who "
                f"alone sees why: openstack loadbalancer status show {found.id}",
            )
        return done

    def delete(self, found: Found, tell: Tell) -> None:
        """Delete it with all that it is made of. Its port stays, which is not Octavia's."""

        def gone() -> bool:
            try:
                now = self._octavia.get_load_balancer(found.id)
            except NotFoundException:
                return True
            tell(_in_words(now.provisioning_status))
            if now.provisioning_status in (ACTIVE, "ERROR"):
                try:
                    self._octavia.delete_load_balancer(found.id, cascade=True)
                except ConflictException:
                    tell("another operation on it is running")
            return bool(now.provisioning_status == "DELETED")

        wait_for(
            f"The load balancer {found.key.name} was not deleted",
            gone,
            ACTIVE_TIMEOUT_S,
            f"See what holds it: openstack loadbalancer status show {found.id}. The cloud's "
            "operator can end what is done to it. Then run this again.",
        )

    def _settled(self, balancer_id: str, tell: Tell) -> Any:
        """It, once nothing is being done to it. Raises SkytierError where it is in ERROR."""

        def ask() -> Any:
            balancer = self._octavia.get_load_balancer(balancer_id)
            tell(_in_words(balancer.provisioning_status))
            if balancer.provisioning_status == "ERROR" or balancer.provisioning_status in _GOES:
                raise SkytierError(
                    f"The load balancer {balancer.name} is in the state "
                    f"{balancer.provisioning_status}.",
                    "skytier up makes another one, with the same address. If that ends so again, "
                    "ask the cloud's operator, who alone sees why: openstack loadbalancer status "
                    f'show {balancer_id}. Until then balancer.kind = "haproxy" serves.',
                )
            return balancer if balancer.provisioning_status == ACTIVE else None

        return wait_for(
            f"Octavia was not done with the load balancer {balancer_id}",
            ask,
            ACTIVE_TIMEOUT_S,
            "Until it is done, nothing of the load balancer can be changed. Ask the cloud's "
            f"operator: openstack loadbalancer status show {balancer_id}. Then run skytier up "
            "again.",
        )

    def _found(self, balancer: Any, ports: Iterable[Any]) -> Found:
        status = balancer.provisioning_status
        whole = parts.read(self._octavia, self._project.id, balancer.id)
        fault = drift = undo = ""
        if status == "ERROR":
            fault = "it is in ERROR, so Octavia changes nothing of it"
        elif status in _GOES:
            fault = "it is being deleted"
        elif not balancer.is_admin_state_up:
            drift, undo, status = "it is disabled", "it is enabled", "disabled"
        elif status != ACTIVE:
            drift, undo = f"it is {_in_words(status)}", "it is waited for"
        return Found(
            Key(self.name, balancer.name or ""),
            balancer.id,
            {
                "port": balancer.vip_port_id,
                **parts.described(whole, {_address(port): port.id for port in ports}),
                "state": status,
                "tags": own_tags(balancer.tags) if self._has_tags else self._project.tags,
            },
            {
                "address": balancer.vip_address,
                "operating": balancer.operating_status,
                "members": parts.operating(whole),
            },
            fault=fault,
            drift=drift,
            undo=undo,
            created_at=balancer.created_at or "",
        )


def _address(port: Any) -> str:
    addresses = [fixed["ip_address"] for fixed in port.fixed_ips or []]
    return next((each for each in addresses if ":" not in each), "")


def _in_words(status: str) -> str:
    return status.lower().replace("_", " ")
