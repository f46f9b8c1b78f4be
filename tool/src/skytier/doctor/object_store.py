"""The check of the object store, for a stack file that asks for a container."""

import requests

from skytier.deploy.kind import Known
from skytier.doctor.check import Finding, failed, ok, warning
from skytier.doctor.cloud import Subject
from skytier.openstack import object_store
from skytier.openstack.kinds import find_all
from skytier.openstack.resources.container import Container
from skytier.openstack.resources.ec2_credential import Ec2Credential
from skytier.openstack.resources.project import Project

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
    endpoints = object_store.backup_endpoints(conn, stack)
    of_backups = [
        endpoints.get(name, "") for name, each in stack.backup.places.items() if each.container
    ]
    endpoint = next(filter(None, [object_store.s3_endpoint(conn, stack), *of_backups]), "")
    if wrong := _no_s3(subject, endpoint):
        return wrong
    said = f"{' and '.join(object_store.buckets(stack))} at {endpoint}"
    if object_store.makes_key(stack):
        return ok(f"{said}; Keystone makes the key")
    given = "S3_ACCESS_KEY_ID and S3_SECRET_ACCESS_KEY"
    return ok(f"{said}; the key is given{f': {given}' if stack.storage.bucket else ''}")


def _no_s3(subject: Subject, endpoint: str) -> Finding | None:
    """What is wrong with the S3 API. Without a key it answers in XML."""
    do = "Set storage.endpoint to the address of the S3 API; who runs the cloud knows it."
    verify, cert = subject.config.get_requests_verify_args()
    try:
        answer = requests.get(f"{endpoint}/", timeout=TIMEOUT_S, verify=verify, cert=cert)
    except requests.RequestException as error:
        said = f"The S3 API does not answer this machine at {endpoint}: {error}"
        return warning(said, f"The web servers have to reach it. {do}")
    if "<ListAllMyBucketsResult" in answer.text or "<Error>" in answer.text:
        return None
    return failed(f"What answers at {endpoint} is not an S3 API ({answer.status_code}).", do)
