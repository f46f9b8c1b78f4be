"""All that a project used, from every service that the cloud has."""

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

from openstack.connection import Connection
from openstack.exceptions import ForbiddenException

from skytier.costs.usage import Usage
from skytier.openstack import catalog
from skytier.openstack.resources.errors import API_ERRORS, explained
from skytier.openstack.usages import floating_ips, images, load_balancers, objects, servers, volumes
from skytier.openstack.usages.collected import Collected, Window


@dataclass(frozen=True)
class Service:
    """One service of a cloud that keeps what costs money."""

    types: frozenset[str]
    """What the catalog calls it."""
    what: str
    """`floating IPs`"""
    collect: Callable[[Connection, Window], Collected]
    remembers: bool = False
    """Whether it tells of what is deleted."""


SERVICES = (
    Service(catalog.COMPUTE, "servers", servers.collect, remembers=True),
    Service(catalog.NETWORK, "floating IPs", floating_ips.collect),
    Service(catalog.IMAGE, "images", images.collect),
    Service(catalog.BLOCK_STORAGE, "volumes and snapshots", volumes.collect),
    Service(catalog.LOAD_BALANCER, "load balancers", load_balancers.collect),
    Service(catalog.OBJECT_STORE, "objects", objects.collect),
)


def collect(connection: Connection, window: Window) -> Collected:
    """Everything of a project in a window, all services asked at once. Raises SkytierError.

    What a service refuses is missing, and a note says so.
    """
    there = catalog.services(connection)
    asked = [service for service in SERVICES if service.types & there]
    with ThreadPoolExecutor(len(SERVICES)) as pool:
        told = list(pool.map(lambda service: _ask(service, connection, window), asked))
    forgetful = [service.what for service in asked if not service.remembers]
    notes = [note for each in told for note in each.notes]
    if forgetful:
        notes.append(
            f"Of {_enumerated(forgetful)} the cloud tells only of those that are there now: what "
            "was deleted since is not counted."
        )
    return Collected(labelled(usage for each in told for usage in each.usages), notes)


def labelled(usages: Iterable[Usage]) -> list[Usage]:
    """With the labels of its stack on what carries the mark and no label.

    Labels are a stack's, the same on all of it. Nova forgets those of servers that it deleted.
    """
    usages = list(usages)
    newest_last = sorted(usages, key=lambda each: each.end)
    labels = {each.stack: each.labels for each in newest_last if each.stack and each.labels}
    return [
        replace(each, labels=labels[each.stack])
        if each.stack in labels and not each.labels
        else each
        for each in usages
    ]


def _ask(service: Service, connection: Connection, window: Window) -> Collected:
    try:
        return service.collect(connection, window)
    except ForbiddenException as error:
        said = error.details or error
        return Collected(
            notes=[f"The cloud refuses to tell of {service.what}, so they are missing: {said}"]
        )
    except API_ERRORS as error:
        raise explained(f"The {service.what} of the project could not be listed", error) from error


def _enumerated(words: list[str]) -> str:
    return " and ".join(filter(None, [", ".join(words[:-1]), words[-1]]))
