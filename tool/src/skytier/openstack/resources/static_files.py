"""The static files of a release in a container that everybody may read: a CDN's origin."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, TypeVar
from urllib.parse import quote

import requests

from skytier import release as releasing
from skytier.deploy.kind import Found, Key, Known, Tell, Wanted
from skytier.deploy.update import DELIVERY, RELEASE
from skytier.errors import SkytierError
from skytier.openstack.resources.container import AT_ONCE, Container
from skytier.openstack.resources.container import RELEASE as NOTED
from skytier.openstack.resources.objects import Objects, address
from skytier.openstack.resources.project import Project
from skytier.release import Application, Platform, static
from skytier.release.static import LIST, Push, StaticFile, Uses

TIMEOUT_S = 30.0
_REFUSED = (401, 403)
Item = TypeVar("Item")


class StaticFiles:
    """`attributes`: release, the id of the source whose files were sent last. `creation`:
    application, target, unused.

    It is noted on the container, so a plan reads no object. `unused` are the names of objects that
    may be deleted, if no kept release uses them.
    """

    name = "static files"
    fixed: frozenset[str] = frozenset()

    def __init__(self, project: Project, containers: Container, bucket: str | None) -> None:
        """`bucket` is the stack file's; None where it has none."""
        self._project, self._containers, self._bucket = project, containers, bucket

    def find(self) -> Iterable[Found]:
        """What was sent to the stack's container; nothing where containers may not be seen."""
        container = self._containers.seen(self._bucket) if self._bucket else None
        if container and (release := container.facts["release"]):
            yield Found(Key(self.name, container.key.name), container.id, {"release": release})

    def create(self, wanted: Wanted, known: Known) -> Found:
        """Nothing is there to be made but the container."""
        return Found(wanted.key, wanted.key.name, {})

    def reconcile(self, wanted: Wanted, found: Found, known: Known, tell: Tell) -> Found:
        """Send what is new and changed, and see that everybody can read it.

        The note comes last, so that a run that is interrupted is continued.
        """
        made, objects = wanted.creation, self._objects
        with self.intended(made["application"], made["target"], known, tell) as push:
            _each(self._send, push.to_send, "sent", tell)
            self._keep(push.uses)
            self._check_readable(push)
        unused = [name for name in push.unused if name in made.get("unused", ())]
        _each(objects.delete, unused, "deleted", tell)
        self._containers.note(wanted.key.name, NOTED, push.release)
        return Found(wanted.key, found.id, {"release": push.release})

    def delete(self, found: Found, tell: Tell) -> None:
        """They go with their container."""

    @contextmanager
    def intended(
        self, application: Application, target: Platform | None, known: Known, tell: Tell
    ) -> Iterator[Push]:
        """What would be sent of a release, and which objects no kept one uses. Changes nothing.

        Its files can be read while the context is open. Raises SkytierError.
        """
        built = releasing.build(application, target or Platform.here(), progress=tell)
        with TemporaryDirectory() as directory:
            files = static.read(built.application.unpack_part("static", Path(directory)))
            there = {each.name: each.md5 for page in self._objects.pages() for each in page}
            yield static.plan(application.release, files, there, self._uses(), _serving(known))

    def used(self, release: str) -> None:
        """Note that a release serves again: its files are kept as long as it is."""
        if any(self.find()):
            before = self._uses()
            if (after := before.used(release)) != before:
                self._keep(after)

    @property
    def origin(self) -> str:
        """The public address of the container, below which each file has its URL path."""
        return self._at("public")

    def _at(self, interface: str | None = None) -> str:
        """Its address; without an interface by that of clouds.yaml."""
        asked = {"interface": interface} if interface else {}
        store: Any = self._project.connection.object_store
        return f"{str(store.get_endpoint(**asked)).rstrip('/')}{address(str(self._bucket))}"

    @property
    def _objects(self) -> Objects:
        return Objects(self._project, str(self._bucket))

    def _uses(self) -> Uses:
        return Uses.parse(self._objects.read(LIST))

    def _keep(self, uses: Uses) -> None:
        headers = {"Content-Type": "application/json", "Cache-Control": "no-store"}
        self._objects.put(LIST, uses.text.encode(), headers)

    def _send(self, file: StaticFile) -> None:
        headers = {**file.headers, "ETag": file.md5}
        self._objects.put(file.name, file.path.read_bytes(), headers)

    def _check_readable(self, push: Push) -> None:
        """Raises SkytierError where who has no key cannot read the first file."""
        for file in push.files[:1]:
            verify, cert = self._project.connection.config.get_requests_verify_args()
            # This machine may not reach the public address.
            url = f"{self._at()}/{quote(file.name)}"
            do = "Run it again. It sends no file twice."
            try:
                answer = requests.head(url, timeout=TIMEOUT_S, verify=verify, cert=cert)
                wrong = "" if answer.ok else f"answers {answer.status_code}"
                if answer.status_code in _REFUSED:
                    do = (
                        "Ask the cloud's operator whether everybody may read a container (its "
                        "header X-Container-Read: .r:*). If not, take static.bucket out of the "
                        "stack file, and let the CDN get the files from the site."
                    )
            except requests.RequestException as error:
                wrong = f"does not answer: {error}"
            if wrong:
                raise SkytierError(
                    f"The static files were sent to the container {self._bucket}, and a CDN cannot "
                    f"read them: without a key {url} {wrong}.",
                    do,
                )


def _serving(known: Known) -> set[str]:
    """The ids of the sources whose releases web servers have, or are about to get."""
    kinds = (RELEASE, DELIVERY)
    return {each.attributes["release"] for key, each in known.items() if key.kind in kinds}


def _each(do: Callable[[Item], None], items: Sequence[Item], done: str, tell: Tell) -> None:
    """Do something to all, several at a time, and tell how far it is ten times."""
    tenth = -(-len(items) // 10)
    with ThreadPoolExecutor(AT_ONCE) as pool:
        try:
            for number, _ in enumerate(pool.map(do, items), 1):
                if number % tenth == 0 or number == len(items):
                    tell(f"{number} of {len(items)} {done}")
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise
