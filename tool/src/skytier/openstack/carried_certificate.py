"""The authority's certificate, on its way to the machine that the floating IP moves to."""

from skytier.deploy.kind import Known, Tell
from skytier.errors import SkytierError
from skytier.hosts.host import Host
from skytier.openstack.access import Access
from skytier.openstack.entry_point import leads_to
from skytier.openstack.resolved import ResolvedStack
from skytier.services.certificate import certificate


def carry(resolved: ResolvedStack, access: Access, host: Host, known: Known, tell: Tell) -> None:
    """Let visitors get it from there, too: an authority gives only some in a week.

    Nothing happens on another machine, or where the address stays. When the machine that has it
    does not answer, the new one asks the authority.
    """
    entry_point = resolved.entry_point()
    moves = host.name == entry_point.name and resolved.moves_from(known)
    if not moves or resolved.stack.tls != "acme":
        return
    former = leads_to(entry_point, known)
    try:
        if certificate.carry(access.enter(former, known), host):
            tell(f"it has the certificate of {former}")
    except SkytierError as error:
        tell(
            f"it asks the authority for a certificate, since that of {former} is lost: {error.what}"
        )
