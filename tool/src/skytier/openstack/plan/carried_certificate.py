"""The authority's certificate, on its way to the machine that visitors come to next."""

from skytier.deploy.kind import Key, Known, Tell
from skytier.deploy.update import CONFIGURATION
from skytier.errors import SkytierError
from skytier.hosts.host import Host
from skytier.openstack.machines.access import Access
from skytier.openstack.plan.resolved import ResolvedStack
from skytier.roles.role import public_role
from skytier.services.certificate import certificate


def carry(resolved: ResolvedStack, access: Access, host: Host, known: Known, tell: Tell) -> None:
    """Let visitors get it from there, too: an authority gives only some in a week.

    Nothing happens on another machine, or on one that has its own. When the machine that has it
    does not answer, the new one asks the authority.
    """
    former = _former(resolved, host.name, known) if resolved.stack.tls == "acme" else ""
    if not former:
        return
    try:
        if certificate.carry(access.enter(former, known), host):
            tell(f"it has the certificate of {former}")
    except SkytierError as error:
        tell(
            f"it asks the authority for a certificate, since that of {former} is lost: {error.what}"
        )


def _former(resolved: ResolvedStack, name: str, known: Known) -> str:
    """The machine whose certificate another one gets; empty for none.

    It is one that visitors come to until the address moves to another role, or the balancer beside
    a new one.
    """
    role = public_role(resolved.stack, resolved.roles)
    public = [
        resolved.key("server", *place).name for place in resolved.machines() if place[0] == role
    ]
    if name not in public:
        return ""
    if (moves_from := resolved.moves_from(known)) and moves_from != role:
        return resolved.led_to(known)[0]
    if Key(CONFIGURATION, name) in known:
        return ""
    return next((each for each in public if Key(CONFIGURATION, each) in known), "")
