"""Images that are baked: a server installs packages and powers off, and Nova keeps its disk."""

import base64
from collections.abc import Iterable, Mapping
from typing import Any

from openstack.exceptions import ConflictException, HttpException, NotFoundException

from skytier.deploy.kind import Found, Key, Known, Tell, Wanted
from skytier.errors import SkytierError
from skytier.openstack.resources import glance
from skytier.openstack.resources.listed import Listed
from skytier.openstack.resources.mending import fault_of
from skytier.openstack.resources.project import PREFIX, ROLE, Project
from skytier.openstack.resources.waiting import ACTIVE_TIMEOUT_S, poll_s, wait_for
from skytier.poll import until
from skytier.services.system.service import BAKED, BEGIN, END

BAKES = f"{PREFIX}bakes"
"""The key of the image's name, in a builder's metadata and in the properties of the image."""
ACTIVE, NONE = "active", "none"
INSTALL_TIMEOUT_S = 1800.0
CONSOLE_LINES = 200
CONSOLE_END = 1000
"""How many characters of it an error shows."""
_ENDED = frozenset({"killed", "deleted", "pending_delete", "deactivated"})
_AGAIN = "Run it again: it goes on with what is there."


class BakedImage(Listed):
    """An image, with the server that it is made from (its builder) for as long as that is there.

    `attributes`: status (`active`, else what Glance says or `baking`), builder (`none`, or its id).
    `creation`: image_id, flavor_id, flavor, network (a Key or an id), group (a Key),
    user_data, role, zone.
    `facts`: bytes, role.
    """

    name = "image"
    fixed: frozenset[str] = frozenset()

    def __init__(self, project: Project) -> None:
        self._project = project
        self._compute = project.connection.compute
        self._glance = project.connection.image
        self.lists = project.servers

    def among(self, listed: Iterable[Any]) -> Iterable[Found]:
        """Those with the stack's mark, and their builders among servers."""
        images, builders = self._images(), [each for each in listed if BAKES in each.metadata]
        names = {each.name: each for each in images} | {e.metadata[BAKES]: e for e in builders}
        for name in sorted(names):
            yield self._found(
                name,
                [each for each in images if each.name == name],
                [each for each in builders if each.metadata[BAKES] == name],
            )

    def create(self, wanted: Wanted, known: Known) -> Found:
        """The request for its builder."""
        creation, name = known.creation(wanted), wanted.key.name
        server = self._compute.create_server(
            name=name,
            image_id=creation["image_id"],
            flavor_id=creation["flavor_id"],
            # Nova's own port, which goes with the server.
            networks=[{"uuid": creation["network"]}],
            security_groups=[{"name": creation["group"]}],
            metadata={**self._project.metadata, BAKES: name, ROLE: creation["role"]},
            description=self._project.told(role=creation["role"], flavor=creation["flavor"]),
            user_data=base64.b64encode(creation["user_data"].encode()).decode(),
            **({"availability_zone": zone} if (zone := creation.get("zone")) else {}),
        )
        return self._found(name, [], [self._compute.get_server(server.id)])

    def reconcile(self, wanted: Wanted, found: Found, known: Known, tell: Tell) -> Found:
        """Installed, kept as an image, without its builder; from where a run was interrupted."""
        name = wanted.key.name
        image = next(iter(self._named(name)), None)
        if image is None:
            builder = self._installed(name, tell)
            tell("keeping its disk as an image")
            properties = {**self._project.metadata, BAKES: name, ROLE: wanted.creation["role"]}
            self._compute.create_server_image(builder, name, metadata=properties)
        if image is None or image.status != ACTIVE:
            image = self._kept(name, tell)
        self._delete_builders(name, tell)
        return self._found(name, [image], [])

    def delete(self, found: Found, tell: Tell) -> None:
        """Delete it with its builder. Raises SkytierError when something still needs it."""
        name = found.key.name
        self._delete_builders(name, tell)
        for image in self._named(name):
            try:
                self._glance.delete_image(image.id, ignore_missing=True)
            except ConflictException as error:
                raise SkytierError(
                    f"The image {name} cannot be deleted: {error.details or error}",
                    "Servers or volumes that were made from it still need it. See which: "
                    f"openstack server list --image {image.id}, and openstack volume list. Run it "
                    "again when they are gone. Until then the image costs its size.",
                ) from error
        wait_for(
            f"The image {name} was not deleted",
            lambda: not self._named(name),
            ACTIVE_TIMEOUT_S,
            f"See what it says: openstack image show {name}",
        )

    def _installed(self, name: str, tell: Tell) -> Any:
        """The builder, powered off with all packages. One that failed is deleted, and says why."""
        done = False

        def ask() -> Any:
            nonlocal done
            builders = self._builders(name)
            if not builders:
                raise SkytierError(f"The server that bakes {name} is gone.", _AGAIN)
            builder = builders[0]
            if builder.status == "ERROR":
                raise SkytierError(
                    f"The server that bakes {name} went into ERROR: {fault_of(builder)}",
                    "Run it again: another server takes its place.",
                )
            tell("installing packages" if builder.status == "ACTIVE" else builder.status.lower())
            console = self._console(builder)
            # Many clouds show no console of a server that is off.
            done = done or BAKED in console
            if said := why(console):
                self._delete_builders(name, tell)
                raise SkytierError(
                    f"The image {name} could not be baked:\n{said}",
                    "Fix the cause, and run it again.",
                )
            if builder.status != "SHUTOFF":
                return None
            if console and not done:
                self._delete_builders(name, tell)
                raise SkytierError(
                    f"Somebody stopped the server that bakes {name} before it was done.",
                    "Run it again: another server takes its place.",
                )
            return builder

        builder = until(ask, INSTALL_TIMEOUT_S, poll_s)
        if builder:
            return builder
        # One that hangs would hold up each run after this one.
        said = [
            self._console(each).replace("\r", "")[-CONSOLE_END:].strip()
            for each in self._builders(name)
        ]
        shown = "\n".join(said)
        self._delete_builders(name, tell)
        raise SkytierError(
            f"The packages of {name} were not installed within {INSTALL_TIMEOUT_S:.0f} s. Its "
            f"console ended with:\n{shown or 'nothing'}",
            "Fix the cause. Run it again: another server takes its place.",
        )

    def _kept(self, name: str, tell: Tell) -> Any:
        """The image, once Glance has all of it."""

        def ask() -> Any:
            image = next(iter(self._named(name)), None)
            if image is None or image.status in _ENDED:
                raise SkytierError(
                    f"Nova made no image of {name}.",
                    f"See why: openstack server event list {name}. {_AGAIN}",
                )
            tell("keeping its disk as an image")
            return image if image.status == ACTIVE else None

        return wait_for(
            f"The image {name} did not become active",
            ask,
            ACTIVE_TIMEOUT_S,
            f"See how it is: openstack image show {name}. {_AGAIN}",
        )

    def _delete_builders(self, name: str, tell: Tell) -> None:
        for builder in self._builders(name):
            self._compute.delete_server(builder.id, ignore_missing=True)

        def gone() -> bool:
            left = self._builders(name)
            if left:
                tell("deleting the server that it was made from")
            return not left

        wait_for(
            f"The server {name} was not deleted",
            gone,
            ACTIVE_TIMEOUT_S,
            "Nova has been told to delete it. Run it again to go on waiting.",
        )

    def _console(self, builder: Any) -> str:
        """What it said so far; nothing where the cloud does not show it."""
        try:
            said = self._compute.get_server_console_output(builder.id, length=CONSOLE_LINES)
        except (HttpException, NotFoundException):
            return ""
        return str(said["output"] or "")

    def _images(self) -> list[Any]:
        mine = self._project.id
        return [
            image
            for image in glance.images(self._project.connection, owner=mine)
            if image.owner_id == mine and is_baked(image, self._project)
        ]

    def _named(self, name: str) -> list[Any]:
        """Those of a name, the best first; a call whose answer was lost can leave two."""
        named = [each for each in self._images() if each.name == name]
        return sorted(named, key=lambda each: (each.status != ACTIVE, each.created_at, each.id))

    def _builders(self, name: str) -> list[Any]:
        return [each for each in self._project.servers() if each.metadata.get(BAKES) == name]

    def _found(self, name: str, images: list[Any], builders: list[Any]) -> Found:
        image = min(images, key=lambda each: each.status != ACTIVE, default=None)
        first: Any = image or builders[0]
        fault = ""
        if image is not None and image.status in _ENDED:
            fault = f"it is {image.status}"
        elif image is None and builders[0].status == "ERROR":
            fault = f"what it is made from is in ERROR: {fault_of(builders[0])}"
        properties: Mapping[str, Any] = image.properties if image else builders[0].metadata
        return Found(
            Key(self.name, name),
            first.id,
            {
                "status": image.status if image else "baking",
                "builder": builders[0].id if builders else NONE,
            },
            {"bytes": (image.size or 0) if image else 0, "role": properties.get(ROLE, "")},
            fault=fault,
            created_at=first.created_at or "",
        )


def is_baked(image: Any, project: Project) -> bool:
    """Whether an image of Glance's was baked for the stack of a project.

    A snapshot that somebody makes of a server has all properties of the image that the server was
    made from, and so has the image of a shelved server. They have another name, and are left alone.
    """
    properties = image.properties or {}
    return (
        project.owns(properties)
        and properties.get(BAKES) == image.name
        and image.status != "deleted"
    )


def why(console: str) -> str:
    """What went wrong, as a console tells it; empty when nothing did.

    >>> why("booted\\nSKYTIER BAKE FAILED\\nE: no such package\\nSKYTIER BAKE ENDED\\n")
    'E: no such package'
    """
    _, begun, after = console.replace("\r", "").rpartition(BEGIN)
    said, ended, _ = after.partition(END)
    return said.strip() if begun and ended else ""
