"""Containers of the object store (Swift, or Ceph behind Swift's API): the buckets of its S3 API."""

from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import quote, unquote

from openstack.exceptions import HttpException, NotFoundException, raise_from_response

from skytier.deploy.kind import Found, Key, Known, Tell, UnseenError, Wanted
from skytier.errors import SkytierError
from skytier.openstack.resources.objects import Objects, address, pages
from skytier.openstack.resources.project import STACK, Project, marks

HEADER = "X-Container-Meta-Skytier"
"""The mark and the labels: a header's name has no colon, so all of them are in its value."""
NOTE = "X-Container-Meta-Skytier-Access"
"""Which EC2 credential the application has, and the user that it belongs to."""
RELEASE = "X-Container-Meta-Skytier-Release"
"""The id of the source of the release whose static files were sent last."""
LONGEST_VALUE = 256
"""The bytes that Swift takes for a value."""
HOLDS, READERS, ORIGINS = "holds", "readers", "origins"
STATIC_FILES = "static files"
"""What a container holds that is a CDN's origin. All of it comes from releases."""
PUBLIC = {HOLDS: STATIC_FILES, READERS: ".r:*", ORIGINS: "*"}
"""The attributes of such a one. Everybody may read objects, and pages of every site may: fonts and
modules need that. `.rlistings` is left out, so that Swift shows nobody a list."""
AT_ONCE = 8
_REFUSED = (401, 403, 404)
_HEADERS = {
    HOLDS: "X-Container-Meta-Skytier-Holds",
    READERS: "X-Container-Read",
    ORIGINS: "X-Container-Meta-Access-Control-Allow-Origin",
}


class UnseenContainerError(UnseenError):
    """The stack file asks for a container, and this project may not list them."""


class Container:
    """`attributes`: tags (the mark and the labels that fit), holds, readers, origins. `facts`:
    objects, bytes, note, release.

    A container has a name and no id.
    """

    name = "container"
    fixed: frozenset[str] = frozenset()

    def __init__(
        self, project: Project, there: bool, *, wanted: bool = False, with_objects: bool = False
    ) -> None:
        """`there`: the cloud has an object store; `wanted`: the stack file asks for a container.

        `with_objects` is whether a deletion deletes the objects, too.
        """
        self._project = project
        self._there, self._wanted, self._with_objects = there, wanted, with_objects

    @property
    def _store(self) -> Any:
        # Asked for late: openstacksdk has none where the catalog has none.
        return self._project.connection.object_store

    def find(self) -> Iterable[Found]:
        """Those with the mark: a list, then a question for each container of the project.

        Nothing in a list says whose a container is. Raises UnseenContainerError.
        """
        if not self._there:
            return
        try:
            names = list(self._names())
        except HttpException as error:
            if error.status_code not in _REFUSED:
                raise
            if self._wanted:
                raise UnseenContainerError(
                    "The stack's container could not be looked for: the object store answers "
                    f"{error.status_code}.",
                    "Ask the cloud's operator which role may use the object store in this project.",
                ) from error
            return
        with ThreadPoolExecutor(AT_ONCE) as pool:
            yield from (each for each in pool.map(self.marked, names) if each)

    def marked(self, name: str) -> Found | None:
        """The container of a name, if it carries the mark."""
        headers = self._headers(name)
        return (
            self._found(name, headers) if headers is not None and self._is_ours(headers) else None
        )

    def seen(self, name: str) -> Found | None:
        """The same; None also where there is no object store, or this project may not see it."""
        try:
            return self.marked(name) if self._there else None
        except HttpException as error:
            if error.status_code in _REFUSED:
                return None
            raise

    def foreign(self, name: str) -> SkytierError | None:
        """The error where there is one of that name without the mark."""
        headers = self._headers(name)
        if headers is None or self._is_ours(headers):
            return None
        another = f"Set {_ITS_KEY} to another name."
        if owner := marks(_tags(headers)).get(STACK):
            return SkytierError(
                f"The container {name} belongs to the stack {owner}, and this stack is "
                f"{self._project.stack}.",
                another,
            )
        mark = f"Skytier={_encoded([self._project.mark])}"
        return SkytierError(
            f"The project has a container {name} already, and it does not carry the mark of the "
            f"stack {self._project.stack}.",
            f"{another} To give that container with its objects to the stack (not possible for "
            f"static.bucket): openstack container set --property {mark} {name}",
        )

    def create(self, wanted: Wanted, known: Known) -> Found:
        """The request, which changes nothing of a container that is there without the mark."""
        name = wanted.key.name
        if wrong := self.foreign(name):
            raise wrong
        headers = {HEADER: _told(self._project), **_public(wanted)}
        answer = self._store.put(address(name), headers=headers)
        if answer.status_code in (403, 409):
            raise SkytierError(
                f"The container {name} cannot be made: the object store answers "
                f"{answer.status_code}. Perhaps another project has one of that name.",
                f"Set {_ITS_KEY} to another name.",
            )
        raise_from_response(answer)
        return self._found(name, headers)

    def reconcile(self, wanted: Wanted, found: Found, known: Known, tell: Tell) -> Found:
        """Its mark and labels, and who may read it where that is not the project alone."""
        for header, value in {HEADER: _told(self._project), **_public(wanted)}.items():
            self.note(found.key.name, header, value)
        return self.marked(found.key.name) or found

    def note(self, name: str, header: str, value: str) -> None:
        """Write down something about a container; the rest of its metadata stays."""
        headers = self._headers(name)
        if headers is not None and headers.get(header) != value:
            raise_from_response(self._store.post(address(name), headers={header: value}))

    def delete(self, found: Found, tell: Tell) -> None:
        """Delete it, with its objects only where that was said, or where releases have them."""
        name = found.key.name
        if self._with_objects or holds_static_files(found):
            self._empty(name, tell)
        answer = self._store.delete(address(name))
        if answer.status_code == 409:
            raise SkytierError(
                f"The container {name} is not empty, so it is not deleted.",
                f"See what is in it: openstack object list {name}. If that shows nothing, it has "
                "older versions of objects, which a client of S3 shows.",
            )
        if answer.status_code != 404:
            raise_from_response(answer)

    def _empty(self, name: str, tell: Tell) -> None:
        """Delete the objects of one list after another. Raises SkytierError where one stays."""
        deleted, objects = 0, Objects(self._project, name)
        with ThreadPoolExecutor(AT_ONCE) as pool:
            # A list may still show what was deleted a moment ago: each page begins after the last.
            for page in objects.pages():
                for _ in pool.map(objects.delete, [each.name for each in page]):
                    deleted += 1
                tell(f"{deleted} objects deleted")

    def _names(self) -> Iterator[str]:
        return (each["name"] for page in pages(self._store, "") for each in page)

    def _headers(self, name: str) -> Any:
        """What the object store says of a container; None where there is none."""
        answer = self._store.head(address(name))
        try:
            raise_from_response(answer)
        except NotFoundException:
            return None
        return answer.headers

    def _is_ours(self, headers: Any) -> bool:
        return self._project.owns(marks(_tags(headers)))

    def _found(self, name: str, headers: Any) -> Found:
        return Found(
            Key(self.name, name),
            name,
            {
                "tags": _tags(headers),
                **{name: headers.get(header, "") for name, header in _HEADERS.items()},
            },
            {
                "objects": int(headers.get("X-Container-Object-Count", 0)),
                "bytes": int(headers.get("X-Container-Bytes-Used", 0)),
                "note": headers.get(NOTE, ""),
                "release": headers.get(RELEASE, ""),
            },
        )


def tags(project: Project) -> list[str]:
    """The mark, and as many labels as a container's metadata can hold."""
    fit = [project.mark]
    for tag in project.tags:
        if tag not in fit and len(_encoded([*fit, tag])) <= LONGEST_VALUE:
            fit.append(tag)
    return fit


def holds_static_files(container: Found) -> bool:
    """Whether all in it comes from releases, so that nothing is lost with it."""
    return container.attributes.get(HOLDS) == STATIC_FILES


def marks_of(told: str) -> dict[str, str]:
    """The marks in the value of HEADER, as metadata."""
    return marks(unquote(told).split(","))


def _told(project: Project) -> str:
    return _encoded(tags(project))


def _encoded(tags: Iterable[str]) -> str:
    return quote(",".join(tags), safe=":=, ")


def _tags(headers: Any) -> list[str]:
    return [f"{name}={value}" for name, value in marks_of(headers.get(HEADER, "")).items()]


def _public(wanted: Wanted) -> dict[str, str]:
    """The headers of what is wanted besides the mark."""
    attributes: Mapping[str, Any] = wanted.attributes
    return {_HEADERS[name]: each for name, each in attributes.items() if name in _HEADERS}


_ITS_KEY = "storage.bucket (of static files static.bucket, of backups the bucket of their section)"
