"""Puts the static files of a release into the container that a CDN gets them from."""

import threading
from collections.abc import Collection
from dataclasses import dataclass

from skytier.deploy.apply import Events, apply
from skytier.deploy.kind import Found, Key, Tell, Wanted
from skytier.deploy.plan import Action, Step
from skytier.errors import SkytierError
from skytier.openstack.plan.planned import Plan
from skytier.openstack.resources.container import Container
from skytier.openstack.resources.creation import RepeatedCalls
from skytier.openstack.resources.static_files import StaticFiles
from skytier.openstack.stack import CloudStack
from skytier.release.static import Push


@dataclass(frozen=True)
class Intended:
    """What `static push` would do."""

    push: Push
    bucket: str
    origin: str
    """Where a CDN gets the files: an address, below which each has its URL path."""


def intend_static(stack: CloudStack, tell: Tell) -> Intended:
    """What of the source's release would be sent. Changes nothing in the cloud.

    Raises SkytierError, also where the container is not there yet.
    """
    plan, files = _planned(stack), static_files_of(stack)
    made = plan.resolved
    with files.intended(made.application, made.platform, plan.known, tell) as push:
        return Intended(push, str(stack.stack.static.bucket), files.origin)


def push_static(stack: CloudStack, unused: Collection[str], events: Events) -> None:
    """Send what is new and changed of the source's release. Raises SkytierError.

    Of the `unused` objects those are deleted that no kept release uses now.
    """
    lost, files = threading.Event(), static_files_of(stack)
    with stack.held("static push", lost):
        plan = _planned(stack)
        made = plan.resolved
        key = Key(files.name, str(stack.stack.static.bucket))
        wanted = Wanted(
            key,
            {"release": made.release},
            {"application": made.application, "target": made.platform, "unused": unused},
        )
        found = plan.known.get(key, Found(key, key.name, {}))
        step = Step(Action.CHANGE, key, "asked for", wanted=wanted, found=found)
        apply([step], {files.name: files}, events, plan.known, lost, RepeatedCalls())


def static_files_of(stack: CloudStack) -> StaticFiles:
    """Those of the stack's container."""
    containers = Container(stack.project, stack.has_objects)
    return StaticFiles(stack.project, containers, stack.stack.static.bucket)


def _planned(stack: CloudStack) -> Plan:
    bucket = stack.stack.static.bucket
    if bucket is None:
        raise SkytierError(
            "The stack file names no container for static files.",
            'Add it: bucket = "shop-static" in the section [static], then run skytier up, which '
            "makes it and sends them.",
        )
    plan = stack.plan(anew=True)
    plan.check_application()
    if Key(Container.name, bucket) not in plan.known:
        raise SkytierError(
            f"The container {bucket} is not there yet.",
            "Run skytier up: it makes the container, and sends the static files.",
        )
    return plan
