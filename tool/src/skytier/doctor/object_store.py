"""The check of the object store, for a stack file that asks for a container."""

from dataclasses import dataclass

import requests
from openstack.connection import Connection

from skytier.deploy.kind import Known
from skytier.doctor.check import Finding, failed, ok, warning
from skytier.doctor.cloud import Subject
from skytier.openstack.plan import object_store
from skytier.openstack.plan.kinds import find_all
from skytier.openstack.resources.container import Container
from skytier.openstack.resources.ec2_credential import Ec2Credential
from skytier.openstack.resources.project import Project
from skytier.stackfile import StackFile

TIMEOUT_S = 30.0


def container(subject: Subject) -> Finding:
    """Whether the stack can have its containers, and a key for the S3 API, which has to answer."""
    conn, stack = subject.conn, subject.stack
    project = Project(conn, stack.name, stack.labels)
    there = object_store.is_there(conn)
    containers = Container(project, there, wanted=True)
    credential = Ec2Credential(project, containers, there, object_store.buckets(stack))
    found = find_all([containers, credential])
    object_store.check(project, stack, Known({each.key: each for each in found}))
    addresses = _addresses(conn, stack)
    asked: dict[str, _Address] = {}
    for each in addresses:
        asked.setdefault(each.endpoint, each)
    for address in asked.values():
        if wrong := _no_s3(subject, address):
            return wrong
    said = ", ".join(f"{each.bucket} at {each.endpoint}" for each in addresses)
    if stack.static.bucket:
        of_cdn = f"{stack.static.bucket} for static files, which everybody may read"
        said = f"{said}, {of_cdn}" if said else of_cdn
    if not addresses:
        return ok(said)
    if object_store.asking_for_key(stack):
        return ok(f"{said}; Keystone makes the key")
    given = "S3_ACCESS_KEY_ID and S3_SECRET_ACCESS_KEY"
    return ok(f"{said}; the key is given{f': {given}' if stack.storage.bucket else ''}")


@dataclass(frozen=True)
class _Address:
    """A container, and where it is."""

    bucket: str
    endpoint: str
    key: str
    """Of the stack file, for the endpoint."""
    role: str
    """Who has to reach it."""


def _addresses(conn: Connection, stack: StackFile) -> list[_Address]:
    found = []
    if stack.storage.bucket:
        endpoint = object_store.s3_endpoint(conn, stack)
        found.append(_Address(stack.storage.bucket, endpoint, "storage.endpoint", "web"))
    endpoints = object_store.backup_endpoints(conn, stack)
    for name, place in stack.backup.places.items():
        if place.container:
            key = f"{place.section}.endpoint"
            found.append(_Address(place.container, endpoints.get(name, ""), key, "database"))
    return found


def _no_s3(subject: Subject, address: _Address) -> Finding | None:
    """What is wrong with the S3 API. Without a key it answers in XML."""
    endpoint = address.endpoint
    do = f"Set {address.key} to the address of the S3 API; the cloud's operator knows it."
    verify, cert = subject.config.get_requests_verify_args()
    try:
        answer = requests.get(f"{endpoint}/", timeout=TIMEOUT_S, verify=verify, cert=cert)
    except requests.RequestException as error:
        said = f"The S3 API does not answer this machine at {endpoint}: {error}"
        return warning(said, f"The {address.role} servers have to reach it. {do}")
    if "<ListAllMyBucketsResult" in answer.text or "<Error>" in answer.text:
        return None
    return failed(f"What answers at {endpoint} is not an S3 API ({answer.status_code}).", do)
