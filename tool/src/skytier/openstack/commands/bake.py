"""Bakes the images of a stack on a cloud, and does nothing else."""

import threading
from dataclasses import replace

from skytier.deploy.apply import Events, apply
from skytier.errors import SkytierError
from skytier.openstack.plan import baking
from skytier.openstack.plan.planned import Plan
from skytier.openstack.resources.creation import RepeatedCalls
from skytier.openstack.stack import CloudStack


def plan_bake(stack: CloudStack) -> Plan:
    """What of a plan bakes. Raises SkytierError where the stack file asks for no image."""
    if not stack.stack.baked():
        raise SkytierError(
            "The stack file asks for no baked image.", "Set image_baked = true in section [web]."
        )
    planned = stack.plan()
    return replace(planned, steps=baking.steps(planned.steps))


def bake(stack: CloudStack, approved: Plan, events: Events) -> None:
    """Carry out what was approved. Raises SkytierError."""
    lost = threading.Event()
    with stack.held("bake", lost):
        stack.make_network()
        current = plan_bake(stack)
        current.check_same(approved)
        apply(current.steps, stack.kinds, events, current.known, lost, RepeatedCalls())
