"""Whether a stack could be brought up, before anything is made."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

from skytier.doctor import cloud, load_balancer, machine, object_store, shape
from skytier.doctor.check import Finding, State
from skytier.doctor.cloud import Subject
from skytier.errors import SkytierError
from skytier.openstack.login import clouds
from skytier.openstack.plan import makeable
from skytier.openstack.plan.object_store import containers
from skytier.openstack.resources.errors import API_ERRORS, explained
from skytier.stackfile import StackFile

__all__ = ["Check", "Finding", "State", "examine"]


@dataclass(frozen=True)
class Check:
    """A thing to look at."""

    name: str
    look: Callable[[Subject], Finding]
    needs: Sequence[str] = ()
    """Checks without which this one cannot be made."""


MACHINE = (
    Check("python", lambda _: machine.python()),
    Check("ssh", lambda _: machine.ssh()),
    Check("ssh-keygen", lambda _: machine.ssh_keygen()),
)
CLOUD = (
    Check("clouds.yaml", cloud.clouds_yaml),
    Check("keystone", cloud.reach, ["clouds.yaml"]),
    Check("clock", cloud.clock, ["keystone"]),
    Check("credentials", cloud.credentials, ["keystone"]),
    Check("catalog", cloud.services, ["credentials"]),
    Check("load balancer", load_balancer.service, ["catalog"]),
    Check("shape", shape.cloud, ["catalog"]),
    Check("flavor", cloud.flavors, ["catalog"]),
    Check("image", cloud.images, ["flavor"]),
    Check("root volume", cloud.root_volumes, ["image"]),
    Check("network", cloud.network, ["catalog"]),
    Check("external network", cloud.external_network, ["catalog"]),
    Check("floating IP", cloud.floating_ip, ["catalog"]),
    Check("stack", shape.stack, ["root volume", "network", "external network"]),
    Check("quota", cloud.quotas, ["flavor"]),
)
IPV6 = Check("IPv6", cloud.ipv6, ["network", "external network"])
ZONES = Check("zone", cloud.zones, ["catalog"])
VOLUME_ZONES = Check("volume zone", cloud.volume_zones, ["root volume"])
VOLUME_TYPES = Check("volume type", cloud.volume_types, ["root volume"])
BALANCERS = Check("balancers", cloud.balancers, ["network"])
OBJECT_STORE = Check("object store", object_store.container, ["catalog"])


def examine(
    stack: StackFile, cloud_name: str | None, with_cloud: bool = True
) -> Iterator[tuple[str, Finding]]:
    """Each check's name and finding, as soon as it is made. Changes nothing.

    `cloud_name` is as for `connect`; without a cloud only this machine is looked at.
    """
    subject = Subject(stack, cloud_name)
    failed: set[str] = set()
    extra = [IPV6] if stack.ipv6 else []
    extra += [ZONES] if makeable.of_stack(stack, {}).zones else []
    extra += [VOLUME_ZONES] if any(stack.volume_zone_of(r, 1) for r in stack.machines()) else []
    extra += [VOLUME_TYPES] if any(map(stack.volume_type_of, stack.machines())) else []
    extra += [BALANCERS] if stack.shares_address else []
    extra += [OBJECT_STORE] if containers(stack) else []
    for check in (*MACHINE, *([*CLOUD, *extra] if with_cloud else ())):
        missing = [need for need in check.needs if need in failed]
        finding = (
            Finding(State.SKIPPED, f"needs {missing[0]}") if missing else _look(check, subject)
        )
        finding = replace(finding, do=clouds.advice(cloud_name, finding.do))
        if finding.state in (State.FAILED, State.SKIPPED):
            failed.add(check.name)
        yield check.name, finding


def _look(check: Check, subject: Subject) -> Finding:
    try:
        return check.look(subject)
    except SkytierError as error:
        return Finding(State.FAILED, error.what, error.do or "")
    except API_ERRORS as error:
        found = explained(f"The cloud could not be asked for its {check.name}", error)
        return Finding(State.FAILED, found.what, found.do or "")
    except Exception as error:
        # Whatever a cloud answers, the other checks still say something.
        said = f"The cloud's answer was an error: {type(error).__name__}: {error}"
        return Finding(State.FAILED, said, "Try again; if it stays, ask the cloud's operator.")
