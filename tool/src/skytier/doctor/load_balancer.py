"""Whether the cloud has load balancers, and what that means for the stack."""

from skytier.doctor.check import Finding, ok
from skytier.doctor.cloud import Subject
from skytier.errors import SkytierError
from skytier.openstack import catalog
from skytier.openstack.choices import load_balancer_service
from skytier.openstack.resources.load_balancer import LoadBalancer
from skytier.openstack.resources.project import Project


def service(subject: Subject) -> Finding:
    """Whether there is the service, of which providers, and whether the stack gets one of it.

    Decides what `balancer.kind = "auto"` means, for the checks that follow.
    """
    conn = subject.conn
    project = Project(conn, subject.stack.name)
    asked = subject.stack.balancer.kind
    subject.stack = load_balancer_service.decided(project, subject.stack)
    stack = subject.stack
    if stack.has_load_balancer:
        provider = load_balancer_service.provider(conn, stack)
        # Raises where the project may have none.
        LoadBalancer(project, there=True, wanted=True).marked()
        return ok(f"{_auto(asked)}the stack gets one of the provider {provider}")
    if not catalog.has_load_balancers(conn):
        return ok(f"{_auto(asked)}the cloud has none; HAProxy on a machine of the stack needs none")
    try:
        names = load_balancer_service.providers(conn)
    except SkytierError as error:
        said = f"{auto}the stack gets none: " if (auto := _auto(asked)) else ""
        return ok(f"{said}the cloud has them, but does not say of which providers: {error.what}")
    said = f"the cloud has them, of the provider {' and '.join(names)}"
    if not load_balancer_service.fitting(names):
        return ok(f"{said}, which is none that Skytier uses: a balancer is HAProxy on a machine")
    if why := stack.no_load_balancer:
        return ok(f"{said}; not for this stack, since {why}")
    if not stack.has_balancer:
        return ok(f"{said}; one web server needs none")
    return ok(f'{said}; the stack has {stack.balancer.kind} (balancer.kind = "octavia" takes one)')


def _auto(kind: str) -> str:
    return 'for balancer.kind = "auto", ' if kind == "auto" else ""
