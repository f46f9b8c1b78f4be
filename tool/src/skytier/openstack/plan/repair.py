"""What of a plan repairs something: what is wrong, and what `up` does about it. Pure."""

from collections.abc import Iterator, Sequence

from skytier.deploy.apply import instead_of
from skytier.deploy.kind import Key
from skytier.deploy.plan import Action, Step
from skytier.deploy.update import CONFIGURATION, IN_SERVERS, SERVER
from skytier.openstack.entry_point import was_held
from skytier.openstack.resources.floating_ip import FloatingIP
from skytier.openstack.resources.load_balancer import LoadBalancer
from skytier.openstack.resources.port import Port
from skytier.openstack.resources.public_port import PublicPort
from skytier.openstack.resources.virtual_port import VirtualPort
from skytier.openstack.resources.volume import DATA_ID, KEPT, Volume
from skytier.openstack.resources.volume_attachment import VolumeAttachment
from skytier.roles import ROLES
from skytier.stackfile import StackFile
from skytier.status import Fault

RESTORE = "skytier restore --to latest brings back what the backups have."
_ANOTHER_ADDRESS = "another one is made, with another address: its DNS name has to follow"
_GONE = {
    VolumeAttachment.name: "it is attached again, and the server is rebooted",
    LoadBalancer.name: "another one is made, with the same address",
    FloatingIP.name: _ANOTHER_ADDRESS,
    PublicPort.name: _ANOTHER_ADDRESS,
    VirtualPort.name: "another one is made, and the floating IP leads to it, which stays the same",
}
"""What `up` does about what is gone, beside servers and volumes."""


def backups(stack: StackFile) -> str:
    """What there is to restore from, as a sentence."""
    return RESTORE if stack.has_backups else "There are no backups of it."


def faults(steps: Sequence[Step], stack: StackFile) -> list[Fault]:
    """What is wrong with the resources of a stack."""
    by_key = {step.key: step for step in steps if step.action is not Action.DELETE}
    return [fault for step in steps for fault in _faults(step, by_key, stack)]


def _faults(step: Step, steps: dict[Key, Step], stack: StackFile) -> Iterator[Fault]:
    found, about = step.found, (step.key.name, step.key.kind)
    if step.action in (Action.KEEP, Action.DELETE) or step.key.kind in IN_SERVERS:
        return
    if found is None:
        if _was_there(step.key, steps):
            yield _gone(step, steps, stack)
    elif step.by_hand:
        yield Fault(*about, found.fault, "", step.by_hand)
    elif found.fault and step.loses:
        yield Fault(*about, f"{found.fault}. It holds {step.loses}", "", instead_of(step))
    elif found.fault:
        yield Fault(*about, found.fault, found.mend if _mends(step) else "it is replaced", "")
    elif found.drift:
        yield Fault(*about, found.drift, found.undo, "")


def _mends(step: Step) -> bool:
    return step.action is Action.CHANGE


def _was_there(key: Key, steps: dict[Key, Step]) -> bool:
    """Whether what is missing was there before: another part of its machine has outlived it."""

    def found(kind: str) -> bool:
        step = steps.get(Key(kind, key.name))
        return step is not None and step.found is not None

    match key.kind:
        case "server":
            return found(Port.name)
        case "volume attachment":
            volume, server = steps.get(Key(Volume.name, key.name)), steps.get(Key(SERVER, key.name))
            if not (volume and volume.found and server and server.found):
                return False
            set_up = found(CONFIGURATION) and volume.found.facts["data"] == KEPT
            return bool(set_up or server.found.facts["metadata"].get(DATA_ID) == volume.found.id)
        case FloatingIP.name | PublicPort.name:
            return found(VirtualPort.name) or (found(SERVER) and found(CONFIGURATION))
        case VirtualPort.name:
            led = found(FloatingIP.name) and not _leads_to_machine(steps, key.name)
            return led or was_held(key, {each for each, step in steps.items() if step.found})
        case LoadBalancer.name:
            return _leads_there(steps, key.name)
    return False


def _leads_to_machine(steps: dict[Key, Step], name: str) -> bool:
    """Whether the floating IP of an address that is no machine's leads to a machine still."""
    ports = {each.found.id for key, each in steps.items() if key.kind == Port.name and each.found}
    address = steps[Key(FloatingIP.name, name)].found
    return address is not None and address.attributes["port"] in ports


def _leads_there(steps: dict[Key, Step], name: str) -> bool:
    """Whether visitors come to the address of a load balancer already."""
    held = steps.get(Key(VirtualPort.name, name))
    address = steps.get(Key(FloatingIP.name, name))
    if not (held and held.found):
        return False
    led_to = address.found.attributes["port"] if address and address.found else held.found.id
    return bool(led_to == held.found.id)


def _gone(step: Step, steps: dict[Key, Step], stack: StackFile) -> Fault:
    about = (step.key.name, step.key.kind)
    if step.key.kind == VolumeAttachment.name:
        return Fault(*about, "the volume was detached", _GONE[step.key.kind], "")
    if step.key.kind != SERVER:
        of_visitors = step.key.kind == VirtualPort.name and not stack.has_floating_ips
        up = _ANOTHER_ADDRESS if of_visitors else _GONE[step.key.kind]
        return Fault(*about, "it is gone", up, "")
    role = str(step.wanted.creation["role"]) if step.wanted else ""
    data, volume = ROLES[role].holds_data, steps.get(Key(Volume.name, step.key.name))
    outlives = volume is not None and volume.found is not None and volume.found.facts["data"]
    others = any(
        key.kind == CONFIGURATION and key.name != step.key.name and each.found
        for key, each in steps.items()
        if each.wanted and each.wanted.creation.get("role") == role
    )
    if not data or outlives or others:
        with_volume = ", with its volume" if outlives else ""
        return Fault(*about, "it is gone", f"it is made again{with_volume}", "")
    return Fault(
        *about,
        f"it is gone, and {data} with it",
        "another one is made, which is empty",
        backups(stack),
    )
