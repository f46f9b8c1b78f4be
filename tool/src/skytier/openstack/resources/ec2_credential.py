"""EC2 credentials of Keystone: the keys of the object store's S3 API."""

import hashlib
import json
import secrets
from collections.abc import Iterable, Sequence
from typing import Any

from keystoneauth1.identity.base import BaseIdentityPlugin
from openstack.connection import Connection
from openstack.exceptions import raise_from_response

from skytier.deploy.kind import Found, Key, Known, Tell, Wanted
from skytier.errors import SkytierError
from skytier.openstack.resources.container import NOTE, Container
from skytier.openstack.resources.project import STACK, Project
from skytier.services.pgbackrest.secrets import GIVEN, VARIABLES
from skytier.stackfile.backup import FIRST, SECOND, BackupSection
from skytier.stackfile.storage import ACCESS_KEY_ID, STORAGE
from skytier.stackfile.storage import SECRET_ACCESS_KEY as SECRET_KEY

OWN = "own"
_REFUSED = (401, 403, 404)


class Ec2Credential:
    """`attributes`: noted, whether the containers name it. `creation`: buckets; sections, those of
    the stack file that ask for it.

    It belongs to the user who made it, in one project. Keystone shows it to that user alone, and
    to nobody who came in by an application credential; others see it by the container's note.
    `facts`: own, whether this user can read and delete it; user, the id of its user.
    """

    name = "EC2 credential"
    fixed: frozenset[str] = frozenset()

    def __init__(
        self, project: Project, containers: Container, there: bool, buckets: Sequence[str] = ()
    ) -> None:
        """`there`: the cloud has an object store. `buckets` are those of the stack file."""
        self._project, self._containers = project, containers
        self._there, self._buckets = there, buckets

    @property
    def _keystone(self) -> Any:
        return self._project.connection.identity

    @property
    def _user(self) -> str:
        return str(self._project.connection.current_user_id)

    def find(self) -> Iterable[Found]:
        """Those of this user with the mark in them; and the one that the container names."""
        if not self._there:
            return
        own = self._own()
        found = [self._containers.marked(bucket) for bucket in self._buckets]
        notes = [str(each.facts["note"]) if each else "" for each in found]
        noted, _, user = next((each for each in notes if each), "").partition(" ")
        for access in own or ():
            everywhere = all(each.partition(" ")[0] == access for each in notes)
            yield self._found(access, self._user, noted=everywhere)
        # One of this user that Keystone does not show any more is gone.
        if noted and (own is None or user != self._user):
            yield self._found(noted, user, noted=True, own=False)

    def create(self, wanted: Wanted, known: Known) -> Found:
        """The request, with a key of our own choice: Keystone's own call takes no mark."""
        access = secrets.token_hex(16)
        blob = {"access": access, "secret": secrets.token_hex(16), STACK: self._project.stack}
        credential = {
            "type": "ec2",
            "blob": json.dumps(blob),
            "user_id": self._user,
            "project_id": self._project.id,
        }
        answer = self._keystone.post("/credentials", json={"credential": credential})
        if answer.status_code == 403:
            raise not_made(f"Keystone answers: {_message(answer)}", wanted.creation["sections"])
        raise_from_response(answer)
        return self._found(access, self._user, noted=False)

    def reconcile(self, wanted: Wanted, found: Found, known: Known, tell: Tell) -> Found:
        """Note it on the containers, for operators who are other users."""
        note = f"{found.id} {found.facts['user']}"
        for bucket in wanted.creation["buckets"]:
            self._containers.note(bucket, NOTE, note)
        return self._found(found.id, found.facts["user"], noted=True, own=found.facts[OWN])

    def delete(self, found: Found, tell: Tell) -> None:
        """It lets nobody in from then on; a store that has it in a cache takes some minutes."""
        answer = self._keystone.delete(f"/credentials/{_id(found.id)}")
        if answer.status_code != 404:
            raise_from_response(answer)
        for bucket in self._buckets:
            container = self._containers.marked(bucket)
            if container and container.facts["note"].startswith(found.id):
                # Another operator would take it for one that is there.
                self._containers.note(bucket, NOTE, "")

    def secret(self, access: str) -> str:
        """The secret part of one of this user's. Raises SkytierError where it cannot be read."""
        answer = self._keystone.get(f"/credentials/{_id(access)}")
        if answer.status_code in _REFUSED:
            raise SkytierError(
                f"The secret of the EC2 credential {access} cannot be read: no machine of the "
                "stack has it any more, and Keystone shows it to the user who made it alone.",
                "Run skytier up as that user, with a password in clouds.yaml. Or have another one "
                "made: openstack container unset --property Skytier-Access "
                f"{' (and the same for '.join(self._buckets)}{')' * (len(self._buckets) - 1)}, "
                "then skytier up.",
            )
        raise_from_response(answer)
        return str(json.loads(answer.json()["credential"]["blob"])["secret"])

    def _own(self) -> list[str] | None:
        """The access keys of this user's with the mark; None where Keystone does not show them."""
        if is_delegated(self._project.connection):
            return None  # its list would be empty
        query = {"type": "ec2", "user_id": self._user}
        answer = self._keystone.get("/credentials", params=query)
        if answer.status_code in _REFUSED:
            return None
        raise_from_response(answer)
        found = []
        for each in answer.json()["credentials"]:
            try:
                blob = json.loads(each["blob"])
            except ValueError:
                continue
            ours = isinstance(blob, dict) and blob.get(STACK) == self._project.stack
            if ours and each["project_id"] == self._project.id and each["user_id"] == self._user:
                found.append(str(blob["access"]))
        return sorted(found)

    def _found(self, access: str, user: str, *, noted: bool, own: bool = True) -> Found:
        key = Key(self.name, f"{self._project.stack}-s3")
        return Found(key, access, {"noted": noted}, {OWN: own, "user": user})


def is_delegated(connection: Connection) -> bool:
    """Whether the token is an application credential's or a trust's: it sees no credentials."""
    auth = connection.session.auth
    if not isinstance(auth, BaseIdentityPlugin):
        return False
    access = auth.get_access(connection.session)
    return bool(getattr(access, "application_credential_id", None) or access.trust_scoped)


def not_made(why: str, sections: Sequence[str]) -> SkytierError:
    """The error where Keystone makes none for who asks. `sections` of the stack file ask for it."""
    given = " and ".join(f'{each}.keys = "given"' for each in sections)
    return SkytierError(
        f"The EC2 credential for the object store cannot be made. {why}",
        f"Set {given} in the stack file, and give a key of your own (openstack ec2 credentials "
        f"create): {'; '.join(_how_given(each) for each in sections)}. Or run skytier up once with "
        "a user's password in clouds.yaml.",
    )


def _how_given(section: str) -> str:
    if section == STORAGE:
        return " and ".join(f"skytier secret set {each}" for each in (ACCESS_KEY_ID, SECRET_KEY))
    place = FIRST if section == BackupSection.section else SECOND
    return f"skytier up with the variables {' and '.join(VARIABLES[each] for each in GIVEN[place])}"


def _id(access: str) -> str:
    """Keystone's id of an EC2 credential."""
    return hashlib.sha256(access.encode()).hexdigest()


def _message(answer: Any) -> str:
    try:
        return str(answer.json()["error"]["message"])
    except (ValueError, KeyError, TypeError):
        return str(answer.status_code)
