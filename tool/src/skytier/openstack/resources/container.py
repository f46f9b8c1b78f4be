"""Containers of the object store (Swift, or Ceph behind Swift's API): the buckets of its S3 API."""

from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import quote, unquote

from openstack.exceptions import HttpException, NotFoundException, raise_from_response

from skytier.deploy.kind import Found, Key, Known, Tell, UnseenError, Wanted
from skytier.errors import SkytierError
from skytier.openstack.resources.project import Project, marks

HEADER = "X-Container-Meta-Skytier"
"""The mark and the labels: a header's name has no colon, so all of them are in its value."""
NOTE = "X-Container-Meta-Skytier-Access"
"""Which EC2 credential the application has, and the user that it belongs to."""
LONGEST_VALUE = 256
"""The bytes that Swift takes for a value."""
AT_ONCE = 8
PAGE = 1000
_REFUSED = (401, 403, 404)


class UnseenContainerError(UnseenError):
    """The stack file asks for a container, and this project may not list them."""


class Container:
    """`attributes`: tags (the mark and the labels that fit). `facts`: objects, bytes, note.

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
                    "Ask who runs the cloud which role may use the object store in this project.",
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

    def is_foreign(self, name: str) -> bool:
        """Whether there is one of that name without the mark."""
        headers = self._headers(name)
        return headers is not None and not self._is_ours(headers)

    def create(self, wanted: Wanted, known: Known) -> Found:
        """The request, which changes nothing of a container that is there without the mark."""
        name = wanted.key.name
        if self.is_foreign(name):
            raise foreign(self._project, name)
        answer = self._store.put(_path(name), headers={HEADER: _told(self._project)})
        if answer.status_code in (403, 409):
            raise SkytierError(
                f"The container {name} cannot be made: the object store answers "
                f"{answer.status_code}. Perhaps another project has one of that name.",
                "Set storage.bucket (of backups, the bucket of their section) to another name.",
            )
        raise_from_response(answer)
        return self._found(name, {HEADER: _told(self._project)})

    def reconcile(self, wanted: Wanted, found: Found, known: Known, tell: Tell) -> Found:
        """Its mark and labels."""
        self.note(found.key.name, HEADER, _told(self._project))
        return self.marked(found.key.name) or found

    def note(self, name: str, header: str, value: str) -> None:
        """Write down something about a container; the rest of its metadata stays."""
        headers = self._headers(name)
        if headers is not None and headers.get(header) != value:
            raise_from_response(self._store.post(_path(name), headers={header: value}))

    def delete(self, found: Found, tell: Tell) -> None:
        """Delete it, with its objects only where that was said."""
        name = found.key.name
        if self._with_objects:
            self._empty(name, tell)
        answer = self._store.delete(_path(name))
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
        deleted = 0

        def delete(object_name: str) -> None:
            if {".", ".."} & set(object_name.split("/")):
                # On its way this would become the address of something else.
                raise SkytierError(
                    f"The container {name} has an object with the name {object_name!r}, which "
                    "cannot be deleted by Swift's API.",
                    "Delete it with a client of S3, then run it again.",
                )
            answer = self._store.delete(f"{_path(name)}/{quote(object_name)}")
            if answer.status_code != 404:
                raise_from_response(answer)

        marker = ""
        with ThreadPoolExecutor(AT_ONCE) as pool:
            while page := self._page(_path(name), marker):
                for _ in pool.map(delete, page):
                    deleted += 1
                tell(f"{deleted} objects deleted")
                # A list may still show what was deleted a moment ago.
                marker = page[-1]

    def _names(self) -> Iterator[str]:
        marker = ""
        while page := self._page("", marker):
            yield from page
            marker = page[-1]

    def _page(self, path: str, marker: str) -> list[str]:
        """The names after `marker`, of containers or of a container's objects."""
        query = {"format": "json", "limit": PAGE, **({"marker": marker} if marker else {})}
        answer = self._store.get(path, params=query, headers={"Accept": "application/json"})
        if path and answer.status_code == 404:
            return []
        raise_from_response(answer)
        return [each["name"] for each in answer.json()] if answer.status_code != 204 else []

    def _headers(self, name: str) -> Any:
        """What the object store says of a container; None where there is none."""
        answer = self._store.head(_path(name))
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
            {"tags": _tags(headers)},
            {
                "objects": int(headers.get("X-Container-Object-Count", 0)),
                "bytes": int(headers.get("X-Container-Bytes-Used", 0)),
                "note": headers.get(NOTE, ""),
            },
        )


def tags(project: Project) -> list[str]:
    """The mark, and as many labels as a container's metadata can hold."""
    fit = [project.mark]
    for tag in project.tags:
        if tag not in fit and len(_encoded([*fit, tag])) <= LONGEST_VALUE:
            fit.append(tag)
    return fit


def foreign(project: Project, name: str) -> SkytierError:
    """The error where a container of that name is not the stack's."""
    mark = f"Skytier={_encoded([project.mark])}"
    return SkytierError(
        f"The project has a container {name} already, and it does not carry the mark of the stack "
        f"{project.stack}.",
        "Set storage.bucket (of backups, the bucket of their section) to another name. If the "
        "stack shall have that one with its objects: "
        f"openstack container set --property {mark} {name}",
    )


def marks_of(told: str) -> dict[str, str]:
    """The marks in the value of HEADER, as metadata."""
    return marks(unquote(told).split(","))


def _told(project: Project) -> str:
    return _encoded(tags(project))


def _encoded(tags: Iterable[str]) -> str:
    return quote(",".join(tags), safe=":=, ")


def _tags(headers: Any) -> list[str]:
    return [f"{name}={value}" for name, value in marks_of(headers.get(HEADER, "")).items()]


def _path(name: str) -> str:
    return f"/{quote(name, safe='')}"
