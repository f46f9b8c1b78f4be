"""Keystone's catalog: the services, their users, and the project and user `demo`."""

from typing import Any

from devcloud import configuration, wait
from devcloud.extras import Extras
from devcloud.network import GATEWAY, OBJECTS_PORT
from devcloud.passwords import passwords
from devcloud.release import HERE
from devcloud.stage import Stage

# name: (type, address)
SERVICES = {
    "glance": ("image", f"http://{HERE.address}:9292"),
    "placement": ("placement", f"http://{HERE.address}:8778"),
    "nova": ("compute", f"http://{HERE.address}:8774/v2.1"),
    "neutron": ("network", f"http://{HERE.address}:9696"),
}
VOLUMES = {"cinder": ("volumev3", f"http://{HERE.address}:8776/v3/%(project_id)s")}
_ACCOUNT = "swift/v1/AUTH_%(project_id)s"
OBJECTS = {"swift": ("object-store", f"http://{GATEWAY}:{OBJECTS_PORT}/{_ACCOUNT}")}
LOAD_BALANCERS = {"octavia": ("load-balancer", f"http://{HERE.address}:9876")}
DOMAIN = "default"


def connect() -> Any:
    """A connection as the cloud's administrator."""
    # Comes with Debian's OpenStack: not there before the packages are.
    import openstack

    return openstack.connect(
        auth_url=configuration.KEYSTONE,
        username="admin",
        password=passwords()["admin"],
        project_name="admin",
        user_domain_name="Default",
        project_domain_name="Default",
        region_name="RegionOne",
        app_name="devcloud",
    )


def up(stage: Stage, extras: Extras) -> None:
    """Make what is missing. Raises DevcloudError when Keystone keeps refusing its administrator."""
    do = "Look at devcloud/logs keystone."
    wait.until(_administers, "Keystone does not let its administrator in", 60, do)
    # One connection: each start of the command line client takes seconds.
    identity = connect().identity
    made: list[str] = []
    service = _project(identity, "service", made)
    demo = _project(identity, "demo", made)
    roles = {role.name: role for role in identity.roles()}
    services = SERVICES | (VOLUMES if extras.volumes else {}) | (OBJECTS if extras.objects else {})
    services |= LOAD_BALANCERS if extras.load_balancers else {}
    for name in services:
        user = _user(identity, name, made)
        # Newer releases have the second one, and there it alone may say how a port is bound.
        for role in {"admin", "service"} & set(roles):
            identity.assign_project_role_to_user(service, user, roles[role])
    identity.assign_project_role_to_user(demo, _user(identity, "demo", made), roles["member"])
    for name, (kind, url) in services.items():
        _endpoints(identity, name, kind, url, made)
    if made:
        stage.done(f"{len(made)} users, projects and endpoints made")


def _administers() -> bool:
    """Whether the administrator may read. For a moment after its bootstrap Keystone says no."""
    from openstack.exceptions import SDKException

    try:
        return connect().identity.find_project("admin", domain_id=DOMAIN) is not None
    except SDKException:
        return False


def _project(identity: Any, name: str, made: list[str]) -> Any:
    found = identity.find_project(name, domain_id=DOMAIN)
    if found is None:
        made.append(name)
        found = identity.create_project(name=name, domain_id=DOMAIN)
    return found


def _user(identity: Any, name: str, made: list[str]) -> Any:
    found = identity.find_user(name, domain_id=DOMAIN)
    if found is None:
        made.append(name)
        found = identity.create_user(name=name, domain_id=DOMAIN, password=passwords()[name])
    return found


def _endpoints(identity: Any, name: str, kind: str, url: str, made: list[str]) -> None:
    found = next(iter(identity.services(type=kind)), None)
    service = found or identity.create_service(name=name, type=kind)
    there = {endpoint.interface for endpoint in identity.endpoints(service_id=service.id)}
    for interface in ("public", "internal", "admin"):
        if interface not in there:
            made.append(f"{name} {interface}")
            identity.create_endpoint(
                service_id=service.id, interface=interface, url=url, region_id="RegionOne"
            )
