"""The objects of a container, by Swift's API, which Ceph has too."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from openstack.exceptions import raise_from_response

from skytier.errors import SkytierError
from skytier.openstack.resources.project import Project

PAGE = 1000


@dataclass(frozen=True)
class Stored:
    """An object as a list tells it."""

    name: str
    md5: str
    """Of its content: 32 hexadecimal digits."""


class Objects:
    """Those of one container. Any number may be sent and deleted at once."""

    def __init__(self, project: Project, container: str) -> None:
        self._store: Any = project.connection.object_store
        self._container = container

    def pages(self) -> Iterator[list[Stored]]:
        """All of them, as many at a time as one answer has."""
        for page in pages(self._store, address(self._container)):
            yield [Stored(each["name"], each.get("hash", "")) for each in page]

    def read(self, name: str) -> str:
        """The text of one; empty where there is none."""
        answer = self._store.get(self._address(name))
        if answer.status_code == 404:
            return ""
        raise_from_response(answer)
        return str(answer.content.decode(errors="replace"))

    def put(self, name: str, content: bytes, headers: Mapping[str, str]) -> None:
        """Send one. With the ETag of its content among the headers, what arrives is compared."""
        raise_from_response(
            self._store.put(self._address(name), data=content, headers=dict(headers))
        )

    def delete(self, name: str) -> None:
        """Delete one; that it is gone already is no error. Raises SkytierError."""
        if {".", ".."} & set(name.split("/")):
            # On its way this would become the address of something else.
            raise SkytierError(
                f"The container {self._container} has an object with the name {name!r}, which "
                "cannot be deleted by Swift's API.",
                "Delete it with a client of S3, then run it again.",
            )
        answer = self._store.delete(self._address(name))
        if answer.status_code != 404:
            raise_from_response(answer)

    def _address(self, name: str) -> str:
        return f"{address(self._container)}/{quote(name)}"


def pages(store: Any, path: str) -> Iterator[list[dict[str, Any]]]:
    """What the object store lists of a container's objects, or of containers where `path` is empty.

    A container that is not there has none.
    """
    marker = ""
    while page := _page(store, path, marker):
        yield page
        marker = page[-1]["name"]


def _page(store: Any, path: str, marker: str) -> list[dict[str, Any]]:
    query = {"format": "json", "limit": PAGE, **({"marker": marker} if marker else {})}
    answer = store.get(path, params=query, headers={"Accept": "application/json"})
    if path and answer.status_code == 404:
        return []
    raise_from_response(answer)
    return list(answer.json()) if answer.status_code != 204 else []


def address(container: str) -> str:
    """The path of a container below the project's address."""
    return f"/{quote(container, safe='')}"
